package sys

import (
	"os"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The calls of named pipes, by address as those of sockets are. They are loaded by the first pipe.
var pipeCalls struct {
	createNamedPipe, createFile, connectNamedPipe uintptr
	readFile, writeFile, peekNamedPipe            uintptr
}

// LoadPipes finds the calls of named pipes, once.
var LoadPipes = sync.OnceValue(func() error {
	kernel32 := windows.NewLazySystemDLL("kernel32.dll")
	for _, c := range []struct {
		name string
		addr *uintptr
	}{
		{"CreateNamedPipeW", &pipeCalls.createNamedPipe},
		{"CreateFileW", &pipeCalls.createFile},
		{"ConnectNamedPipe", &pipeCalls.connectNamedPipe},
		{"ReadFile", &pipeCalls.readFile},
		{"WriteFile", &pipeCalls.writeFile},
		{"PeekNamedPipe", &pipeCalls.peekNamedPipe},
	} {
		p := kernel32.NewProc(c.name)
		if err := p.Find(); err != nil {
			return os.NewSyscallError("getprocaddress", err)
		}
		*c.addr = p.Addr()
	}
	return nil
})

// A PipeName is the name of a named pipe as the system takes it.
type PipeName = *uint16

// pipePrefixes are how names of pipes of this machine begin, in lower case ("Pipe Names"). To open
// one of another machine waits for the network, and CreateFile has no way not to wait.
var pipePrefixes = []string{`\\.\pipe\`, `\\?\pipe\`}

// IsPipeName reports whether a path names a pipe of this machine.
func IsPipeName(path string) bool {
	for _, p := range pipePrefixes {
		if len(path) > len(p) && strings.EqualFold(path[:len(p)], p) {
			return true
		}
	}
	return false
}

// PipeNameOf is a path for system calls.
func PipeNameOf(path string) (PipeName, Errno) {
	// The whole name has 256 characters at most (CreateNamedPipe, lpName). Wine and Windows have
	// different errors for more.
	name, err := windows.UTF16FromString(path)
	switch {
	case err != nil:
		return nil, windows.ERROR_INVALID_NAME
	case len(name)-1 > 256:
		return nil, windows.ERROR_FILENAME_EXCED_RANGE
	}
	return &name[0], 0
}

// CreatePipe makes an instance of a pipe: of bytes, for both directions, and for clients of this
// machine. The first must be the first that there is under that name, so that nobody who came before
// gets connections that are meant for us.
func CreatePipe(name PipeName, first bool) (windows.Handle, Errno) {
	const buffer = 64 << 10 // of each direction: what may be written before the peer reads
	mode := uintptr(windows.PIPE_ACCESS_DUPLEX | windows.FILE_FLAG_OVERLAPPED)
	if first {
		mode |= windows.FILE_FLAG_FIRST_PIPE_INSTANCE
	}
	r, _, e := syscall.SyscallN(pipeCalls.createNamedPipe, uintptr(unsafe.Pointer(name)), mode,
		windows.PIPE_TYPE_BYTE|windows.PIPE_READMODE_BYTE|windows.PIPE_WAIT|windows.PIPE_REJECT_REMOTE_CLIENTS,
		windows.PIPE_UNLIMITED_INSTANCES, buffer, buffer, 0, 0)
	return opened(r, e)
}

// OpenPipe opens an instance that waits for a client. The server does not get to act as this
// user (Impersonation Levels, SecurityAnonymous).
func OpenPipe(name PipeName) (windows.Handle, Errno) {
	const anonymous = 0x00100000 // SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS
	r, _, e := syscall.SyscallN(pipeCalls.createFile, uintptr(unsafe.Pointer(name)), windows.GENERIC_READ|windows.GENERIC_WRITE,
		0, 0, windows.OPEN_EXISTING, windows.FILE_FLAG_OVERLAPPED|anonymous, 0)
	return opened(r, e)
}

// opened is what a call returned that opens a handle.
func opened(r uintptr, e Errno) (windows.Handle, Errno) {
	if h := windows.Handle(r); h != windows.InvalidHandle {
		return h, 0
	}
	return windows.InvalidHandle, e
}

// ConnectPipe begins to wait for a client of an instance.
func ConnectPipe(h windows.Handle, o *windows.Overlapped) Errno {
	r, _, e := syscall.SyscallN(pipeCalls.connectNamedPipe, uintptr(h), uintptr(unsafe.Pointer(o)))
	return failedBool(r, e)
}

// ReadFile begins a read; n is what was read at once.
func ReadFile(h windows.Handle, b []byte, n *uint32, o *windows.Overlapped) Errno {
	r, _, e := syscall.SyscallN(pipeCalls.readFile, uintptr(h), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		uintptr(unsafe.Pointer(n)), uintptr(unsafe.Pointer(o)))
	return failedBool(r, e)
}

// WriteFile begins a write; n is what was written at once.
func WriteFile(h windows.Handle, b []byte, n *uint32, o *windows.Overlapped) Errno {
	r, _, e := syscall.SyscallN(pipeCalls.writeFile, uintptr(h), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		uintptr(unsafe.Pointer(n)), uintptr(unsafe.Pointer(o)))
	return failedBool(r, e)
}

// PipeArrived is how many bytes can be read from a pipe. It does not wait.
func PipeArrived(h windows.Handle, s *Scratch) (int, Errno) {
	s.N = 0
	r, _, e := syscall.SyscallN(pipeCalls.peekNamedPipe, uintptr(h), 0, 0, 0, uintptr(unsafe.Pointer(&s.N)), 0)
	return int(s.N), failedBool(r, e)
}

// PipeResult is the error of an operation on a pipe that has failed: its status, in the numbers
// of the system at large.
func PipeResult(o *windows.Overlapped) Errno {
	return windows.NTStatus(o.Internal).Errno()
}

// A PipeInUse is ERROR_ACCESS_DENIED of an instance that was to be the first of its name: there
// is one, or there is one of somebody else, who lets nobody add to it (CreateNamedPipe,
// FILE_FLAG_FIRST_PIPE_INSTANCE). It is EADDRINUSE too.
type PipeInUse struct{ SocketError }

func (e PipeInUse) Is(target error) bool {
	return target == error(syscall.EADDRINUSE) || e.SocketError.Is(target)
}
