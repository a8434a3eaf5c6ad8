package poller

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

// load starts Winsock and finds the calls, once.
var load = sync.OnceValue(func() error {
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
func failed(r uintptr, e errno) errno {
	if int32(r) == 0 {
		return 0
	}
	return e
}

// failedBool is the error of a call that returned r, a BOOL.
func failedBool(r uintptr, e errno) errno {
	if int32(r) != 0 {
		return 0
	}
	return e
}

// count is what a call returned that gives a number of bytes or SOCKET_ERROR.
func count(r uintptr, e errno) (int, errno) {
	if int32(r) < 0 {
		return 0, e
	}
	return int(int32(r)), 0
}

func recv(h windows.Handle, b []byte) (int, errno) {
	r, _, e := syscall.SyscallN(calls.recv, uintptr(h), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0)
	return count(r, e)
}

// peek is recv that leaves where they are the bytes it returns.
func peek(h windows.Handle, b []byte) (int, errno) {
	r, _, e := syscall.SyscallN(calls.recv, uintptr(h), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), windows.MSG_PEEK)
	return count(r, e)
}

func recvfrom(h windows.Handle, b []byte, from *sockaddrIn6, n *int32) (int, errno) {
	*n = int32(unsafe.Sizeof(*from))
	r, _, e := syscall.SyscallN(calls.recvfrom, uintptr(h), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0,
		uintptr(unsafe.Pointer(from)), uintptr(unsafe.Pointer(n)))
	return count(r, e)
}

// sendto sends to the peer of a socket that is connected if n is 0.
func sendto(h windows.Handle, b []byte, to *sockaddrIn6, n int32) (int, errno) {
	if n == 0 {
		to = nil
	}
	r, _, e := syscall.SyscallN(calls.sendto, uintptr(h), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0,
		uintptr(unsafe.Pointer(to)), uintptr(n))
	return count(r, e)
}

// wsaSend begins a send if o is not nil, and else makes one that does not wait; n
// is what was sent at once.
func wsaSend(h windows.Handle, bufs []windows.WSABuf, n *uint32, o *op) errno {
	r, _, e := syscall.SyscallN(calls.wsaSend, uintptr(h), uintptr(unsafe.Pointer(&bufs[0])), uintptr(len(bufs)),
		uintptr(unsafe.Pointer(n)), 0, uintptr(unsafe.Pointer(o)), 0)
	return failed(r, e)
}

func wsaSendTo(h windows.Handle, buf *windows.WSABuf, n *uint32, to *sockaddrIn6, size int32, o *op) errno {
	if size == 0 {
		to = nil
	}
	r, _, e := syscall.SyscallN(calls.wsaSendTo, uintptr(h), uintptr(unsafe.Pointer(buf)), 1,
		uintptr(unsafe.Pointer(n)), 0, uintptr(unsafe.Pointer(to)), uintptr(size), uintptr(unsafe.Pointer(o)), 0)
	return failed(r, e)
}

// wsaRecvNothing begins a receive of no bytes, which completes when there is
// something to receive, and takes none of it.
func wsaRecvNothing(h windows.Handle, s *scratch, flags uint32, o *op) errno {
	s.buf, s.flags = windows.WSABuf{}, flags
	r, _, e := syscall.SyscallN(calls.wsaRecv, uintptr(h), uintptr(unsafe.Pointer(&s.buf)), 1,
		uintptr(unsafe.Pointer(&s.n)), uintptr(unsafe.Pointer(&s.flags)), uintptr(unsafe.Pointer(o)), 0)
	return failed(r, e)
}

func acceptEx(listener, h windows.Handle, buf *acceptBuffer, n *uint32, o *op) errno {
	r, _, e := syscall.SyscallN(calls.acceptEx, uintptr(listener), uintptr(h), uintptr(unsafe.Pointer(buf)),
		0, unsafe.Sizeof(buf.local), unsafe.Sizeof(buf.remote), uintptr(unsafe.Pointer(n)), uintptr(unsafe.Pointer(o)))
	return failedBool(r, e)
}

// acceptedPeer is the peer's address that AcceptEx has left in buf, whose layout
// only the provider knows (GetAcceptExSockaddrs).
func acceptedPeer(buf *acceptBuffer, s *scratch) sockaddrIn6 {
	syscall.SyscallN(calls.getAcceptExSockaddrs, uintptr(unsafe.Pointer(buf)), 0, unsafe.Sizeof(buf.local), unsafe.Sizeof(buf.remote),
		uintptr(unsafe.Pointer(&s.local)), uintptr(unsafe.Pointer(&s.localSize)),
		uintptr(unsafe.Pointer(&s.remote)), uintptr(unsafe.Pointer(&s.remoteSize)))
	if s.remote == nil || s.remoteSize > int32(unsafe.Sizeof(sockaddrIn6{})) {
		return sockaddrIn6{}
	}
	var sa sockaddrIn6
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&sa)), unsafe.Sizeof(sa)), unsafe.Slice((*byte)(unsafe.Pointer(s.remote)), s.remoteSize))
	s.local, s.remote = nil, nil
	return sa
}

func connectEx(h windows.Handle, sa *sockaddr, n *uint32, o *op) errno {
	r, _, e := syscall.SyscallN(calls.connectEx, uintptr(h), uintptr(unsafe.Pointer(&sa.raw)), uintptr(sa.n),
		0, 0, uintptr(unsafe.Pointer(n)), uintptr(unsafe.Pointer(o)))
	return failedBool(r, e)
}

func connect(h windows.Handle, sa *sockaddr) errno {
	r, _, e := syscall.SyscallN(calls.connect, uintptr(h), uintptr(unsafe.Pointer(&sa.raw)), uintptr(sa.n))
	return failed(r, e)
}

func bind(h windows.Handle, sa *sockaddr) errno {
	r, _, e := syscall.SyscallN(calls.bind, uintptr(h), uintptr(unsafe.Pointer(&sa.raw)), uintptr(sa.n))
	return failed(r, e)
}

func getsockname(h windows.Handle, sa *sockaddr) errno {
	sa.n = int32(unsafe.Sizeof(sa.raw))
	r, _, e := syscall.SyscallN(calls.getsockname, uintptr(h), uintptr(unsafe.Pointer(&sa.raw)), uintptr(unsafe.Pointer(&sa.n)))
	return failed(r, e)
}

// setNonblock makes recv, recvfrom and sends without an OVERLAPPED return at once
// (ioctlsocket); what is overlapped is not concerned.
func setNonblock(h windows.Handle, s *scratch) errno {
	const fionbio = 0x8004667e
	s.flags = 1
	r, _, e := syscall.SyscallN(calls.ioctlsocket, uintptr(h), fionbio, uintptr(unsafe.Pointer(&s.flags)))
	return failed(r, e)
}

// arrived is how many bytes can be received (ioctlsocket); 0 where it does not say.
func arrived(h windows.Handle, s *scratch) int {
	const fionread = 0x4004667f
	s.n = 0
	if r, _, _ := syscall.SyscallN(calls.ioctlsocket, uintptr(h), fionread, uintptr(unsafe.Pointer(&s.n))); int32(r) != 0 {
		return 0
	}
	return int(s.n)
}

// setCompletionModes has an operation that is over at once post nothing to the
// port (SetFileCompletionNotificationModes).
func setCompletionModes(h windows.Handle) errno {
	r, _, e := syscall.SyscallN(calls.setCompletionModes, uintptr(h),
		windows.FILE_SKIP_COMPLETION_PORT_ON_SUCCESS|windows.FILE_SKIP_SET_EVENT_ON_HANDLE)
	return failedBool(r, e)
}

// cancel ends what is in flight on h: each operation completes, in its time, as
// cancelled or not (CancelIoEx). With nothing in flight it fails, to no harm.
func cancel(h windows.Handle) {
	syscall.SyscallN(calls.cancelIoEx, uintptr(h), 0)
}

// result is the error of an operation that has failed.
func result(h windows.Handle, s *scratch, o *op) errno {
	r, _, e := syscall.SyscallN(calls.wsaGetOverlappedResult, uintptr(h), uintptr(unsafe.Pointer(o)),
		uintptr(unsafe.Pointer(&s.n)), 0, uintptr(unsafe.Pointer(&s.flags)))
	if int32(r) != 0 {
		return 0
	}
	return winsock(e)
}

// dequeue takes what has completed and waits for it at most ms milliseconds.
func dequeue(port windows.Handle, es []entry, n *uint32, ms uint32) errno {
	*n = 0
	r, _, e := syscall.SyscallN(calls.getQueuedCompletionStatusEx, uintptr(port), uintptr(unsafe.Pointer(unsafe.SliceData(es))),
		uintptr(len(es)), uintptr(unsafe.Pointer(n)), uintptr(ms), 0)
	return failedBool(r, e)
}
