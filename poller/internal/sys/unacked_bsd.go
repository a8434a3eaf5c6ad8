//go:build darwin || freebsd || netbsd

package sys

// Unacked is how many bytes a TCP socket has sent that the peer has not acknowledged. An end
// counts as one.
// OpenBSD and DragonFly do not say how much is in a send buffer.
func Unacked(fd int32) int {
	n := outq(fd)
	switch tcpState(fd) {
	case tcpFinWait1, tcpClosing, tcpLastAck: // the end is no byte in the buffer
		n++
	}
	return n
}

// The states in which an end that was sent is not acknowledged (netinet/tcp_fsm.h).
const (
	tcpFinWait1 = 6
	tcpClosing  = 7
	tcpLastAck  = 8
)
