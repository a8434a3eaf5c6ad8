package readiness

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller/internal/sys"
)

// takeErrors empties the queue that IP_RECVERR fills (ip(7)) and has its errors told. As long
// as something is in the queue the socket is in error, and would spin the loop. It returns
// how many errors came from a host: those are also errors of the next call on the socket.
// What the machine itself has refused, the call that sent it has returned.
func (s *packet) takeErrors() (n int) {
	for range errorsPerPoll {
		var (
			to      sys.SockaddrIn6 // of the datagram (msg_name)
			control sys.RecvControl
			m       unix.Msghdr
		)
		m.Name, m.Namelen = (*byte)(unsafe.Pointer(&to)), uint32(unsafe.Sizeof(to))
		m.Control = (*byte)(unsafe.Pointer(&control))
		m.SetControllen(len(control) * 8)
		if sys.Recverr(s.fd, &m) != 0 {
			return n
		}
		if err := sys.PeerError(&s.p.zones, &to, control.Bytes(int(m.Controllen))); err != nil {
			s.tellLater(err)
			n++
		}
	}
	return n
}

func reportsErrors(fd int32) bool { return sys.ReportsErrors(fd) }
