//go:build freebsd && (amd64 || arm64 || riscv64)

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// noDiskIO is SF_NODISKIO of sys/socket.h: sendfile is EBUSY where it would wait for the disk.
const noDiskIO = 1

// SendFile sends up to n bytes of the file fd from off on (sendfile(2)). It is EAGAIN if the socket has no
// room, and EBUSY if the page of off is not in memory. 0 bytes are the end of the file.
func SendFile(sock int32, fd uintptr, off int64, n int) (sent, tried int, e Errno) {
	var taken int64
	_, _, e = unix.Syscall9(unix.SYS_SENDFILE, fd, uintptr(sock), uintptr(off), uintptr(n),
		0, uintptr(unsafe.Pointer(&taken)), noDiskIO, 0, 0)
	if taken > 0 { // which comes with EAGAIN and EBUSY, too
		return int(taken), n, 0
	}
	return 0, n, full(sock, e)
}
