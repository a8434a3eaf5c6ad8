package sys

import "golang.org/x/sys/unix"

// Unacked is what a TCP socket has sent that the peer does not have, its end included.
func Unacked(fd int32) int { return outq(fd) }

const (
	discardOnClose  = 1 << 20 // bytes at a time, so that a close is no reset
	discardsOnClose = 64      // times, twice the largest receive buffer that Linux allows by default
)

// fionread is how many bytes can be received (tcp(7), SIOCINQ).
const fionread = unix.TIOCINQ

// Discard drops what has arrived on a stream that is about to be closed. The
// system answers a close that leaves bytes unread with a reset, which may destroy
// what we sent before the peer has read it (RFC 1122, 4.2.2.13).
func Discard(fd int32) {
	for range discardsOnClose {
		if n, _ := skip(fd, discardOnClose); n < discardOnClose {
			return
		}
	}
}

// BindLate has the port chosen by connect, when the peer is known, or all dialed
// connections of an address would share 28,000 ports (ip(7)).
func BindLate(fd int32) {
	unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
}

// Inherit does nothing: Linux hands all options of a listener on to what it
// accepts.
func Inherit(fd, listener int32, family int) {}
