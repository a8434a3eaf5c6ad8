package system_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

func abstractNames() []string { return []string{fmt.Sprintf("@pike-%d", os.Getpid())} }

// TestUnixNames adopts sockets with names that a program of another language may
// give: the longest has no terminator, and its length is one more than there is
// room for (unix(7), BUGS).
func TestUnixNames(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		dir := t.TempDir()
		path := dir + "/" + strings.Repeat("x", 107-len(dir))
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal("socket: ", err)
		}
		defer unix.Close(fd)
		if err := bindWhole(fd, path); err != nil {
			t.Skip("this system wants a terminator: ", err)
		}
		l := new(listener)
		if l.Socket, err = p.(poller.Adopter).AdoptListener(uintptr(fd), l); err != nil {
			t.Fatal("AdoptListener: ", err)
		}
		if got := l.Addr().Path; got != path {
			t.Errorf("Addr is %q, want %q", got, path)
		}
		l.Close()
		pause(t, p, time.Millisecond)
	})
}

// bindWhole binds to a path that takes all the room there is for one, which x/sys
// refuses.
func bindWhole(fd int, path string) error {
	sa := unix.RawSockaddrUnix{Family: unix.AF_UNIX}
	for i := range path {
		sa.Path[i] = int8(path[i])
	}
	_, _, e := unix.Syscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(2+len(path)))
	if e != 0 {
		return e
	}
	return nil
}
