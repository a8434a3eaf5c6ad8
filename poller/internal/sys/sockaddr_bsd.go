//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sized says how long the address is.
func (sa *SockaddrIn6) sized(n int) { sa.Len = uint8(n) }

// Abstract is false: only Linux has names that leave no file.
func Abstract(string) bool { return false }

func (sa *Sockaddr) setUnix(path string) Errno {
	un := (*unix.RawSockaddrUnix)(unsafe.Pointer(&sa.Raw))
	*un = unix.RawSockaddrUnix{Family: unix.AF_UNIX}
	if len(path) >= len(un.Path) {
		return unix.ENAMETOOLONG
	}
	if strings.IndexByte(path, 0) >= 0 { // or the system would take what is before it
		return unix.EINVAL
	}
	for i := range len(path) {
		un.Path[i] = int8(path[i])
	}
	sa.N = uint32(2 + len(path) + 1)
	un.Len = uint8(sa.N)
	return 0
}

// unixPath is a name of n bytes with or without a terminator; what has none is all
// zeros.
func unixPath(un *unix.RawSockaddrUnix, n int) string {
	var b []byte
	for i := range min(max(n, 0), len(un.Path)) {
		if un.Path[i] == 0 {
			break
		}
		b = append(b, byte(un.Path[i]))
	}
	return string(b)
}
