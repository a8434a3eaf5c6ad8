package sys

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/windows"
)

// TestErrorsHaveBothNames holds that an error answers to the number that the
// system gave and to the name that programs use everywhere.
func TestErrorsHaveBothNames(t *testing.T) {
	for code, names := range map[Errno][]error{
		windows.WSAECONNRESET:    {syscall.ECONNRESET},
		windows.WSAECONNABORTED:  {syscall.ECONNABORTED, syscall.EPIPE},
		windows.WSAESHUTDOWN:     {syscall.ESHUTDOWN, syscall.EPIPE},
		windows.WSAECONNREFUSED:  {syscall.ECONNREFUSED},
		windows.WSAEADDRINUSE:    {syscall.EADDRINUSE},
		windows.WSAEADDRNOTAVAIL: {syscall.EADDRNOTAVAIL},
		windows.WSAEMFILE:        {syscall.EMFILE},
		windows.WSAEMSGSIZE:      {syscall.EMSGSIZE},
		windows.WSAETIMEDOUT:     {syscall.ETIMEDOUT},
		windows.WSAENETUNREACH:   {syscall.ENETUNREACH},
		windows.WSAEHOSTUNREACH:  {syscall.EHOSTUNREACH},
		windows.WSAEAFNOSUPPORT:  {syscall.EAFNOSUPPORT},
		windows.WSAEINVAL:        {syscall.EINVAL},
		windows.WSAEACCES:        {syscall.EACCES, os.ErrPermission},
	} {
		err := CallError("call", code)
		var number Errno
		if !errors.Is(err, code) || !errors.As(err, &number) || number != code {
			t.Errorf("%v is not %d", err, code)
		}
		for _, name := range names {
			if !errors.Is(err, name) {
				t.Errorf("%d is not %v", code, name)
			}
		}
		if errors.Is(err, syscall.ENOENT) || errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%d is anything", code)
		}
		op := &net.OpError{Op: "dial", Err: err}
		if got, want := op.Timeout(), code == windows.WSAETIMEDOUT; got != want {
			t.Errorf("%d is a timeout: %v", code, got)
		}
	}
	if CallError("call", 0) != nil {
		t.Error("success is an error")
	}
	taken := os.NewSyscallError("bind", BindError{SocketError(windows.WSAEACCES)})
	for _, name := range []error{syscall.EADDRINUSE, syscall.EACCES, windows.WSAEACCES} {
		if !errors.Is(taken, name) {
			t.Errorf("an address that somebody has for himself is not %v", name)
		}
	}
}

// TestStatusesAreErrorsOfWinsock holds the names of what a completion may say that
// Winsock does not translate.
func TestStatusesAreErrorsOfWinsock(t *testing.T) {
	for status, want := range map[Errno]Errno{
		windows.ERROR_NETNAME_DELETED:    windows.WSAECONNRESET,
		windows.ERROR_CONNECTION_REFUSED: windows.WSAECONNREFUSED,
		windows.ERROR_CONNECTION_ABORTED: windows.WSAECONNABORTED,
		windows.ERROR_SEM_TIMEOUT:        windows.WSAETIMEDOUT,
		windows.WSAECONNRESET:            windows.WSAECONNRESET,
	} {
		if got := winsock(status); got != want {
			t.Errorf("%d is %d, want %d", status, got, want)
		}
	}
}
