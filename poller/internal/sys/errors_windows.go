package sys

import (
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// Errno is 0 where the call succeeded.
type Errno = syscall.Errno

// A SocketError is an error of the system by the number that Winsock gives it.
// For the names that programs use elsewhere package syscall has numbers that it has invented:
// Windows does not know syscall.ECONNRESET. So a SocketError answers to both: errors.Is finds
// windows.WSAECONNRESET and syscall.ECONNRESET.
type SocketError Errno

// CallError names the call that failed; nil if it did not.
func CallError(call string, e Errno) error {
	if e == 0 {
		return nil
	}
	return os.NewSyscallError(call, SocketError(e))
}

func (e SocketError) Error() string { return Errno(e).Error() }

// Unwrap gives the number of the system.
func (e SocketError) Unwrap() error { return Errno(e) }

// Is reports whether target is the portable name, or what that is in turn, such as
// os.ErrPermission.
func (e SocketError) Is(target error) bool {
	name := portable(Errno(e))
	return target == error(name) || name.Is(target) || target == error(syscall.EPIPE) && hasEnded(Errno(e))
}

// Timeout is for net.Error.
func (e SocketError) Timeout() bool { return portable(Errno(e)).Timeout() }

// Temporary is for net.Error.
func (e SocketError) Temporary() bool { return portable(Errno(e)).Temporary() }

// hasEnded reports whether e, of a send, says that the connection had ended
// before: elsewhere that is EPIPE.
func hasEnded(e Errno) bool {
	return e == windows.WSAESHUTDOWN || e == windows.WSAECONNABORTED
}

// A BindError is WSAEACCES of bind, which is how Winsock says that somebody has an
// address for himself, or that the system keeps it ("Using SO_REUSEADDR and
// SO_EXCLUSIVEADDRUSE"): it is EADDRINUSE too.
type BindError struct{ SocketError }

func (e BindError) Is(target error) bool {
	return target == error(syscall.EADDRINUSE) || e.SocketError.Is(target)
}

// winsock is the error of Winsock for an error of the system at large. The status of a
// completion is such an error where Winsock does not translate it ("Windows Sockets Error
// Codes", and the WSA errors that WSAGetOverlappedResult gives for them).
func winsock(e Errno) Errno {
	switch e {
	case windows.ERROR_NETNAME_DELETED: // the connection was reset
		return windows.WSAECONNRESET
	case windows.ERROR_CONNECTION_ABORTED:
		return windows.WSAECONNABORTED
	case windows.ERROR_CONNECTION_REFUSED, windows.ERROR_PORT_UNREACHABLE:
		return windows.WSAECONNREFUSED
	case windows.ERROR_NETWORK_UNREACHABLE:
		return windows.WSAENETUNREACH
	case windows.ERROR_HOST_UNREACHABLE:
		return windows.WSAEHOSTUNREACH
	case windows.ERROR_SEM_TIMEOUT:
		return windows.WSAETIMEDOUT
	case windows.ERROR_MORE_DATA:
		return windows.WSAEMSGSIZE
	case windows.ERROR_TOO_MANY_OPEN_FILES:
		return windows.WSAEMFILE
	case windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_NO_SYSTEM_RESOURCES:
		return windows.WSAENOBUFS
	}
	return e
}

// portable is the name that package syscall has for an error of Winsock, or the
// error itself. It is the one place that knows.
func portable(e Errno) Errno {
	switch e {
	case windows.WSAECONNRESET, windows.WSAENETRESET:
		return syscall.ECONNRESET
	case windows.WSAECONNABORTED:
		return syscall.ECONNABORTED
	case windows.WSAECONNREFUSED:
		return syscall.ECONNREFUSED
	case windows.WSAETIMEDOUT:
		return syscall.ETIMEDOUT
	case windows.WSAENETUNREACH:
		return syscall.ENETUNREACH
	case windows.WSAENETDOWN:
		return syscall.ENETDOWN
	case windows.WSAEHOSTUNREACH:
		return syscall.EHOSTUNREACH
	case windows.WSAEADDRINUSE:
		return syscall.EADDRINUSE
	case windows.WSAEADDRNOTAVAIL:
		return syscall.EADDRNOTAVAIL
	case windows.WSAEAFNOSUPPORT:
		return syscall.EAFNOSUPPORT
	case windows.WSAEMFILE:
		return syscall.EMFILE
	case windows.WSAENOBUFS:
		return syscall.ENOBUFS
	case windows.WSAEMSGSIZE:
		return syscall.EMSGSIZE
	case windows.WSAESHUTDOWN:
		return syscall.ESHUTDOWN
	case windows.WSAENOTCONN:
		return syscall.ENOTCONN
	case windows.WSAEISCONN:
		return syscall.EISCONN
	case windows.WSAEDESTADDRREQ:
		return syscall.EDESTADDRREQ
	case windows.WSAEINVAL:
		return syscall.EINVAL
	case windows.WSAEACCES:
		return syscall.EACCES
	case windows.WSAENOTSOCK:
		return syscall.ENOTSOCK
	case windows.WSAENOPROTOOPT:
		return syscall.ENOPROTOOPT
	case windows.WSAEOPNOTSUPP:
		return syscall.EOPNOTSUPP
	case windows.WSAEWOULDBLOCK:
		return syscall.EWOULDBLOCK
	// Those of named pipes, which Winsock does not know.
	case windows.ERROR_BROKEN_PIPE, windows.ERROR_NO_DATA: // of a write: the peer has closed
		return syscall.EPIPE
	case windows.ERROR_PIPE_NOT_CONNECTED: // the server has dropped the connection (DisconnectNamedPipe)
		return syscall.ECONNRESET
	case windows.ERROR_PIPE_BUSY:
		return syscall.EAGAIN
	case windows.ERROR_FILENAME_EXCED_RANGE:
		return syscall.ENAMETOOLONG
	}
	return e
}

// Fault is CallError for what x/sys returns.
func Fault(call string, err error) error {
	if e, ok := err.(Errno); ok {
		return CallError(call, e)
	}
	return os.NewSyscallError(call, err)
}
