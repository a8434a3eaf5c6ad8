package poller

import (
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// errno is 0 where the call succeeded.
type errno = syscall.Errno

// A socketError is an error of the system by the number that Winsock gives it.
// Package syscall has invented numbers for the names that programs use
// elsewhere (syscall.ECONNRESET is no number that Windows knows), so that it
// answers to both: errors.Is finds windows.WSAECONNRESET and syscall.ECONNRESET.
type socketError errno

// callError names the call that failed; nil if it did not.
func callError(call string, e errno) error {
	if e == 0 {
		return nil
	}
	return os.NewSyscallError(call, socketError(e))
}

func (e socketError) Error() string { return errno(e).Error() }

// Unwrap gives the number of the system.
func (e socketError) Unwrap() error { return errno(e) }

// Is reports whether target is the portable name, or what that is in turn, such as
// os.ErrPermission.
func (e socketError) Is(target error) bool {
	name := portable(errno(e))
	return target == error(name) || name.Is(target) || target == error(syscall.EPIPE) && hasEnded(errno(e))
}

// Timeout is for net.Error.
func (e socketError) Timeout() bool { return portable(errno(e)).Timeout() }

// Temporary is for net.Error.
func (e socketError) Temporary() bool { return portable(errno(e)).Temporary() }

// hasEnded reports whether e, of a send, says that the connection had ended
// before: elsewhere that is EPIPE.
func hasEnded(e errno) bool {
	return e == windows.WSAESHUTDOWN || e == windows.WSAECONNABORTED
}

// A bindError is WSAEACCES of bind, which is how Winsock says that somebody has an
// address for himself, or that the system keeps it ("Using SO_REUSEADDR and
// SO_EXCLUSIVEADDRUSE"): it is EADDRINUSE too.
type bindError struct{ socketError }

func (e bindError) Is(target error) bool {
	return target == error(syscall.EADDRINUSE) || e.socketError.Is(target)
}

// winsock is the error of Winsock for one of the system at large, as the status
// of a completion becomes where Winsock does not translate it ("Windows Sockets
// Error Codes", and the WSA errors that WSAGetOverlappedResult gives for them).
func winsock(e errno) errno {
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
func portable(e errno) errno {
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
	}
	return e
}
