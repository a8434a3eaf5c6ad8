package sys

import (
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The system calls of the hot path, by address: LazyProc.Call allocates an error
// at each, the wrappers of x/sys one for every number that they do not expect, and
// some calls they do not have. The names in comments are of pages of Microsoft's
// documentation.
var calls struct {
	getQueuedCompletionStatusEx, cancelIoEx    uintptr
	bind, connect, getsockname, getpeername    uintptr
	recv, recvfrom, sendto, ioctlsocket        uintptr
	wsaSend, wsaRecv, wsaSendTo                uintptr
	acceptEx, connectEx, getAcceptExSockaddrs  uintptr
	wsaGetOverlappedResult, setCompletionModes uintptr
}

var (
	// guidAcceptEx and guidGetAcceptExSockaddrs name the extension functions of a
	// provider (mswsock.h), which WSAIoctl finds.
	guidAcceptEx             = windows.GUID{Data1: 0xb5367df1, Data2: 0xcbac, Data3: 0x11cf, Data4: acceptExTail}
	guidGetAcceptExSockaddrs = windows.GUID{Data1: 0xb5367df2, Data2: 0xcbac, Data3: 0x11cf, Data4: acceptExTail}
	acceptExTail             = [8]byte{0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92}
)

// Load starts Winsock and finds the calls, once.
var Load = sync.OnceValue(func() error {
	var d windows.WSAData
	if err := windows.WSAStartup(0x202, &d); err != nil {
		return os.NewSyscallError("wsastartup", err)
	}
	kernel32, ws2 := windows.NewLazySystemDLL("kernel32.dll"), windows.NewLazySystemDLL("ws2_32.dll")
	for _, c := range []struct {
		dll  *windows.LazyDLL
		name string
		addr *uintptr
	}{
		{kernel32, "GetQueuedCompletionStatusEx", &calls.getQueuedCompletionStatusEx},
		{kernel32, "CancelIoEx", &calls.cancelIoEx},
		{kernel32, "SetFileCompletionNotificationModes", &calls.setCompletionModes},
		{ws2, "bind", &calls.bind},
		{ws2, "connect", &calls.connect},
		{ws2, "getsockname", &calls.getsockname},
		{ws2, "getpeername", &calls.getpeername},
		{ws2, "recv", &calls.recv},
		{ws2, "recvfrom", &calls.recvfrom},
		{ws2, "sendto", &calls.sendto},
		{ws2, "ioctlsocket", &calls.ioctlsocket},
		{ws2, "WSASend", &calls.wsaSend},
		{ws2, "WSARecv", &calls.wsaRecv},
		{ws2, "WSASendTo", &calls.wsaSendTo},
		{ws2, "WSAGetOverlappedResult", &calls.wsaGetOverlappedResult},
	} {
		p := c.dll.NewProc(c.name)
		if err := p.Find(); err != nil {
			return os.NewSyscallError("getprocaddress", err)
		}
		*c.addr = p.Addr()
	}
	return loadExtensions()
})

// loadExtensions asks the provider of TCP for its extension functions (AcceptEx,
// Remarks).
func loadExtensions() error {
	h, err := windows.WSASocket(windows.AF_INET, windows.SOCK_STREAM, windows.IPPROTO_TCP, nil, 0, windows.WSA_FLAG_NO_HANDLE_INHERIT)
	if err != nil {
		return os.NewSyscallError("wsasocket", err)
	}
	defer windows.Closesocket(h)
	for _, c := range []struct {
		id   *windows.GUID
		addr *uintptr
	}{
		{&guidAcceptEx, &calls.acceptEx},
		{&guidGetAcceptExSockaddrs, &calls.getAcceptExSockaddrs},
		{&windows.WSAID_CONNECTEX, &calls.connectEx},
	} {
		var n uint32
		err := windows.WSAIoctl(h, windows.SIO_GET_EXTENSION_FUNCTION_POINTER, (*byte)(unsafe.Pointer(c.id)), uint32(unsafe.Sizeof(*c.id)),
			(*byte)(unsafe.Pointer(c.addr)), uint32(unsafe.Sizeof(*c.addr)), &n, nil, 0)
		if err != nil {
			return os.NewSyscallError("wsaioctl", err)
		}
	}
	return nil
}

// failed is the error of a call of Winsock that returned r, an int.
func failed(r uintptr, e Errno) Errno {
	if int32(r) == 0 {
		return 0
	}
	return e
}

// failedBool is the error of a call that returned r, a BOOL.
func failedBool(r uintptr, e Errno) Errno {
	if int32(r) != 0 {
		return 0
	}
	return e
}

// count is what a call returned that gives a number of bytes or SOCKET_ERROR.
func count(r uintptr, e Errno) (int, Errno) {
	if int32(r) < 0 {
		return 0, e
	}
	return int(int32(r)), 0
}

func Recv(h windows.Handle, b []byte) (int, Errno) {
	r, _, e := syscall.SyscallN(calls.recv, uintptr(h), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0)
	return count(r, e)
}

// Peek is recv that leaves where they are the bytes it returns.
func Peek(h windows.Handle, b []byte) (int, Errno) {
	r, _, e := syscall.SyscallN(calls.recv, uintptr(h), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), windows.MSG_PEEK)
	return count(r, e)
}

func Recvfrom(h windows.Handle, b []byte, from *SockaddrIn6, n *int32) (int, Errno) {
	*n = int32(unsafe.Sizeof(*from))
	r, _, e := syscall.SyscallN(calls.recvfrom, uintptr(h), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0,
		uintptr(unsafe.Pointer(from)), uintptr(unsafe.Pointer(n)))
	return count(r, e)
}

// Sendto sends to the peer of a socket that is connected if n is 0.
func Sendto(h windows.Handle, b []byte, to *SockaddrIn6, n int32) (int, Errno) {
	if n == 0 {
		to = nil
	}
	r, _, e := syscall.SyscallN(calls.sendto, uintptr(h), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0,
		uintptr(unsafe.Pointer(to)), uintptr(n))
	return count(r, e)
}

// WsaSend begins a send if o is not nil, and else makes one that does not wait; n
// is what was sent at once.
func WsaSend(h windows.Handle, bufs []windows.WSABuf, n *uint32, o *windows.Overlapped) Errno {
	r, _, e := syscall.SyscallN(calls.wsaSend, uintptr(h), uintptr(unsafe.Pointer(&bufs[0])), uintptr(len(bufs)),
		uintptr(unsafe.Pointer(n)), 0, uintptr(unsafe.Pointer(o)), 0)
	return failed(r, e)
}

func WsaSendTo(h windows.Handle, buf *windows.WSABuf, n *uint32, to *SockaddrIn6, size int32, o *windows.Overlapped) Errno {
	if size == 0 {
		to = nil
	}
	r, _, e := syscall.SyscallN(calls.wsaSendTo, uintptr(h), uintptr(unsafe.Pointer(buf)), 1,
		uintptr(unsafe.Pointer(n)), 0, uintptr(unsafe.Pointer(to)), uintptr(size), uintptr(unsafe.Pointer(o)), 0)
	return failed(r, e)
}

// WsaRecvNothing begins a receive of no bytes, which completes when there is
// something to receive, and takes none of it.
func WsaRecvNothing(h windows.Handle, s *Scratch, flags uint32, o *windows.Overlapped) Errno {
	s.Buf, s.Flags = windows.WSABuf{}, flags
	r, _, e := syscall.SyscallN(calls.wsaRecv, uintptr(h), uintptr(unsafe.Pointer(&s.Buf)), 1,
		uintptr(unsafe.Pointer(&s.N)), uintptr(unsafe.Pointer(&s.Flags)), uintptr(unsafe.Pointer(o)), 0)
	return failed(r, e)
}

func AcceptEx(listener, h windows.Handle, buf *AcceptBuffer, n *uint32, o *windows.Overlapped) Errno {
	r, _, e := syscall.SyscallN(calls.acceptEx, uintptr(listener), uintptr(h), uintptr(unsafe.Pointer(buf)),
		0, unsafe.Sizeof(buf.Local), unsafe.Sizeof(buf.Remote), uintptr(unsafe.Pointer(n)), uintptr(unsafe.Pointer(o)))
	return failedBool(r, e)
}

// AcceptedPeer is the peer's address that AcceptEx has left in buf, whose layout
// only the provider knows (GetAcceptExSockaddrs).
func AcceptedPeer(buf *AcceptBuffer, s *Scratch) SockaddrIn6 {
	syscall.SyscallN(calls.getAcceptExSockaddrs, uintptr(unsafe.Pointer(buf)), 0, unsafe.Sizeof(buf.Local), unsafe.Sizeof(buf.Remote),
		uintptr(unsafe.Pointer(&s.Local)), uintptr(unsafe.Pointer(&s.LocalSize)),
		uintptr(unsafe.Pointer(&s.Remote)), uintptr(unsafe.Pointer(&s.RemoteSize)))
	if s.Remote == nil || s.RemoteSize > int32(unsafe.Sizeof(SockaddrIn6{})) {
		return SockaddrIn6{}
	}
	var sa SockaddrIn6
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&sa)), unsafe.Sizeof(sa)), unsafe.Slice((*byte)(unsafe.Pointer(s.Remote)), s.RemoteSize))
	s.Local, s.Remote = nil, nil
	return sa
}

func ConnectEx(h windows.Handle, sa *Sockaddr, n *uint32, o *windows.Overlapped) Errno {
	r, _, e := syscall.SyscallN(calls.connectEx, uintptr(h), uintptr(unsafe.Pointer(&sa.Raw)), uintptr(sa.N),
		0, 0, uintptr(unsafe.Pointer(n)), uintptr(unsafe.Pointer(o)))
	return failedBool(r, e)
}

func Connect(h windows.Handle, sa *Sockaddr) Errno {
	r, _, e := syscall.SyscallN(calls.connect, uintptr(h), uintptr(unsafe.Pointer(&sa.Raw)), uintptr(sa.N))
	return failed(r, e)
}

func Bind(h windows.Handle, sa *Sockaddr) Errno {
	r, _, e := syscall.SyscallN(calls.bind, uintptr(h), uintptr(unsafe.Pointer(&sa.Raw)), uintptr(sa.N))
	return failed(r, e)
}

func Getsockname(h windows.Handle, sa *Sockaddr) Errno {
	sa.N = int32(unsafe.Sizeof(sa.Raw))
	r, _, e := syscall.SyscallN(calls.getsockname, uintptr(h), uintptr(unsafe.Pointer(&sa.Raw)), uintptr(unsafe.Pointer(&sa.N)))
	return failed(r, e)
}

// SetNonblock makes recv, recvfrom and sends without an OVERLAPPED return at once
// (ioctlsocket); what is overlapped is not concerned.
func SetNonblock(h windows.Handle, s *Scratch) Errno {
	const fionbio = 0x8004667e
	s.Flags = 1
	r, _, e := syscall.SyscallN(calls.ioctlsocket, uintptr(h), fionbio, uintptr(unsafe.Pointer(&s.Flags)))
	return failed(r, e)
}

// Arrived is how many bytes can be received (ioctlsocket); 0 where it does not say.
func Arrived(h windows.Handle, s *Scratch) int {
	const fionread = 0x4004667f
	s.N = 0
	if r, _, _ := syscall.SyscallN(calls.ioctlsocket, uintptr(h), fionread, uintptr(unsafe.Pointer(&s.N))); int32(r) != 0 {
		return 0
	}
	return int(s.N)
}

// SetCompletionModes has an operation that is over at once post nothing to the
// port (SetFileCompletionNotificationModes).
func SetCompletionModes(h windows.Handle) Errno {
	r, _, e := syscall.SyscallN(calls.setCompletionModes, uintptr(h),
		windows.FILE_SKIP_COMPLETION_PORT_ON_SUCCESS|windows.FILE_SKIP_SET_EVENT_ON_HANDLE)
	return failedBool(r, e)
}

// Cancel ends what is in flight on h: each operation completes, in its time, as
// cancelled or not (CancelIoEx). With nothing in flight it fails, to no harm.
func Cancel(h windows.Handle) {
	syscall.SyscallN(calls.cancelIoEx, uintptr(h), 0)
}

// Result is the error of an operation that has failed.
func Result(h windows.Handle, s *Scratch, o *windows.Overlapped) Errno {
	r, _, e := syscall.SyscallN(calls.wsaGetOverlappedResult, uintptr(h), uintptr(unsafe.Pointer(o)),
		uintptr(unsafe.Pointer(&s.N)), 0, uintptr(unsafe.Pointer(&s.Flags)))
	if int32(r) != 0 {
		return 0
	}
	return winsock(e)
}

// Dequeue takes what has completed and waits for it at most ms milliseconds.
func Dequeue(port windows.Handle, es []Entry, n *uint32, ms uint32) Errno {
	*n = 0
	r, _, e := syscall.SyscallN(calls.getQueuedCompletionStatusEx, uintptr(port), uintptr(unsafe.Pointer(unsafe.SliceData(es))),
		uintptr(len(es)), uintptr(unsafe.Pointer(n)), uintptr(ms), 0)
	return failedBool(r, e)
}

// Scratch is what system calls read and write while they last, and no longer:
// they capture WSABUF structures, and leave counts and flags only if they are
// over at once (WSARecv, WSASend).
type Scratch struct {
	Buf                   windows.WSABuf
	N, Flags              uint32
	Local, Remote         *SockaddrIn6
	LocalSize, RemoteSize int32
}

// An AcceptBuffer has room for the addresses, each of 16 bytes more than its
// protocol needs (AcceptEx, dwLocalAddressLength).
type AcceptBuffer struct {
	Local, Remote [unsafe.Sizeof(SockaddrIn6{}) + 16]byte
}

// An Entry is OVERLAPPED_ENTRY. The address is no pointer to Go: the collector
// must not follow what the system may have kept of an operation that is over.
type Entry struct {
	Key      uintptr
	Op       uintptr
	internal uintptr
	N        uint32
}

// NewSocket opens a socket of a family. Its handle is not inherited by children.
func NewSocket(family, kind int) (windows.Handle, error) {
	proto := int32(windows.IPPROTO_TCP)
	if kind == windows.SOCK_DGRAM {
		proto = windows.IPPROTO_UDP
	}
	h, err := windows.WSASocket(int32(family), int32(kind), proto, nil, 0, windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	if err != nil {
		return windows.InvalidHandle, Fault("wsasocket", err)
	}
	return h, nil
}
