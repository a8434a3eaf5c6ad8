package sys

import (
	"golang.org/x/sys/unix"
)

// fionwrite is FIONWRITE, _IOR('f', 119, int), of sys/filio.h: bytes in the send
// buffer, which holds what is not acknowledged.
const fionwrite = 0x40046677

func outq(fd int32) int { return IoctlInt(fd, fionwrite) }

// tcpState is the first byte of struct tcp_info, and 0 if fd is no TCP socket.
func tcpState(fd int32) int {
	v, err := unix.GetsockoptByte(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0
	}
	return int(v)
}
