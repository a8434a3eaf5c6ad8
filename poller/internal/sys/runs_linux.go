package sys

import (
	"math"

	"golang.org/x/sys/unix"
)

// Bounds of what one message of the system carries. UDP_MAX_SEGMENTS is 64 in
// older kernels and 128 in newer ones (include/linux/udp.h); runBytes fits into a
// packet of either family.
const (
	runDatagrams = 64
	runBytes     = 1<<16 - 1 - 40 - 8
)

// narrow is the size of a datagram that every path takes in one piece: the least
// that a host of IPv4 must receive (RFC 1122, 3.3.2), less the headers.
const narrow = 576 - 60 - 8

// Runs is what a socket knows of sending datagrams of one size as a run: one message of
// the system, which the system or the network card cuts (UDP_SEGMENT, udp(7)). A run may be
// refused although its datagrams are not. Only the first datagram, sent alone, tells: that
// is a trial.
type Runs struct {
	most  uint16 // the largest datagrams that runs are sent of; 0: there are no runs
	trial Errno  // why a run was refused, until its first datagram was sent alone
}

// Open asks the system whether there is such a thing: before Linux 4.18 sendmsg ignored
// UDP_SEGMENT.
func (r *Runs) Open(fd int32) {
	if _, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT); err == nil {
		r.most = math.MaxUint16
	}
}

// Trying reports whether the next datagram is a trial, and must be sent alone.
func (r *Runs) Trying() bool { return r.trial != 0 }

// Limit is how many bytes of datagrams of a size one message may have.
func (r *Runs) Limit(size int) int {
	if size == 0 || size > int(r.most) || r.Trying() {
		return size
	}
	return size * max(1, min(runDatagrams, runBytes/size))
}

// Declined is when the system has not taken a message with datagrams of a size. It returns
// 0 if a trial is to follow, and else the error. What a run alone may be refused for is
// segments larger than the path takes (EMSGSIZE, EINVAL in older kernels), and IPsec or a
// device without checksums (EIO).
func (r *Runs) Declined(e Errno, size int, run bool) Errno {
	switch {
	case e == unix.EAGAIN || e == unix.EINTR:
		return e
	case !r.Trying() && run && size <= int(r.most) && (e == unix.EIO || e == unix.EINVAL || e == unix.EMSGSIZE):
		r.trial = e
		return 0
	}
	r.trial = 0
	return e
}

// Taken is when the system has taken a message. After a trial, runs like the one that
// was refused are not sent again.
func (r *Runs) Taken(size int) {
	if !r.Trying() {
		return
	}
	if r.most = uint16(size - 1); r.trial == unix.EIO || size <= narrow {
		r.most = 0
	}
	r.trial = 0
}
