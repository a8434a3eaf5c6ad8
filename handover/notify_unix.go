//go:build unix

package handover

import "syscall"

// fits is syscall.ENAMETOOLONG for a path that an address has no room for, with the byte that ends it (unix(7)).
// An abstract name has none.
func fits(path string) error {
	if room := len(syscall.RawSockaddrUnix{}.Path); len(path) > room || len(path) == room && path[0] == '/' {
		return syscall.ENAMETOOLONG
	}
	return nil
}
