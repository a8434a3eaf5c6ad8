package readiness

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller/internal/sys"
)

// takeErrors empties the queue that IP_RECVERR fills (ip(7)) and has what is in it
// told. A socket is in error as long as there is something in it, and would spin the
// loop. It returns how many came from a host, and so were errors of the socket for the
// next call too; what the machine itself has refused, its own call has returned.
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
