package sys

import "golang.org/x/sys/unix"

// outq is the bytes in the send buffer, which holds what is not acknowledged.
func outq(fd int32) int {
	n, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NWRITE)
	if err != nil {
		return 0
	}
	return n
}

// tcpState is 0 if fd is no TCP socket.
func tcpState(fd int32) int {
	info, err := unix.GetsockoptTCPConnectionInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_CONNECTION_INFO)
	if err != nil {
		return 0
	}
	return int(info.State)
}
