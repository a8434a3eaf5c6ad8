package poller

import "golang.org/x/sys/unix"

// Unacked is for those who want to know that the peer has it.
func (s *stream) Unacked() int {
	if s.fd < 0 {
		return 0
	}
	return outq(s.fd)
}

// fionread is how many bytes can be received (tcp(7), SIOCINQ).
const fionread = unix.TIOCINQ

// discard drops what has arrived on a stream that is about to be closed. The
// system answers a close that leaves bytes unread with a reset, which may destroy
// what we sent before the peer has read it (RFC 1122, 4.2.2.13).
func discard(fd int32) {
	for range discardsOnClose {
		if n, _ := skip(fd, discardOnClose); n < discardOnClose {
			return
		}
	}
}

// bindLate has the port chosen by connect, when the peer is known, or all dialed
// connections of an address would share 28,000 ports (ip(7)).
func bindLate(fd int32) {
	unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
}

// inherit does nothing: Linux hands all options of a listener on to what it
// accepts.
func inherit(fd, listener int32, family int) {}
