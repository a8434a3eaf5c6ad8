package sys

import (
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sized does nothing: an address of Linux does not say how long it is.
func (sa *SockaddrIn6) sized(int) {}

// Abstract reports whether a path is a name that leaves no file (unix(7), Abstract sockets).
func Abstract(path string) bool { return path != "" && path[0] == '@' }

func (sa *Sockaddr) setUnix(path string) Errno {
	un := (*unix.RawSockaddrUnix)(unsafe.Pointer(&sa.Raw))
	*un = unix.RawSockaddrUnix{Family: unix.AF_UNIX}
	most := len(un.Path) - 1
	if Abstract(path) {
		most++ // without a terminator
	}
	if len(path) > most {
		return unix.ENAMETOOLONG
	}
	if strings.IndexByte(path, 0) >= 0 { // or the system would take what is before it
		return unix.EINVAL
	}
	for i := range len(path) {
		un.Path[i] = int8(path[i])
	}
	sa.N = uint32(2 + len(path) + 1)
	if Abstract(path) { // no terminator, a zero byte first
		un.Path[0] = 0
		sa.N--
	}
	return 0
}

func unixPath(un *unix.RawSockaddrUnix, n int) string {
	var b []byte
	for i := range min(max(n, 0), len(un.Path)) { // n counts the terminator that may be missing (unix(7), BUGS)
		c := byte(un.Path[i])
		if c == 0 && i > 0 {
			break
		}
		b = append(b, c)
	}
	if len(b) > 0 && b[0] == 0 {
		b[0] = '@'
	}
	return string(b)
}
