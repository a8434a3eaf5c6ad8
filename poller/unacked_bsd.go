//go:build darwin || freebsd || netbsd

package poller

// Unacked is for those who want to know that the peer has it. OpenBSD and DragonFly
// do not say how much is in a send buffer.
func (s *stream) Unacked() int {
	if s.fd < 0 {
		return 0
	}
	n := outq(s.fd)
	switch tcpState(s.fd) {
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

var _ Acker = (*stream)(nil)
