//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"os"

	"golang.org/x/sys/unix"

	"example.com/pike/poller/internal/sys"
)

func (s *pipe) busy() bool { return s.send != nil && s.send.busy }

func (s *pipe) Send(bufs [][]byte) bool {
	if s.closing {
		return true
	}
	if s.busy() {
		panic("poller: Send before Sent")
	}
	i, off, e := s.write(bufs, 0)
	if i == len(bufs) {
		return true
	}
	o := s.pending()
	o.busy, o.bufs, o.off = true, bufs[i:], off
	if e == unix.EAGAIN {
		s.armOut()
		return false
	}
	o.err = e
	s.tellLater()
	return false
}

func (s *pipe) TrySend(p []byte) int {
	if s.closing {
		return 0
	}
	n, _ := s.writeOnce(p)
	return n
}

func (s *pipe) Unsent() int { return s.send.unsent() }

// proceed goes on with the Send in flight.
func (s *pipe) proceed() {
	o := s.send
	if o.err != 0 { // which is to be told already
		return
	}
	i, off, e := s.write(o.bufs, o.off)
	if o.bufs, o.off = o.bufs[i:], off; len(o.bufs) > 0 && e == unix.EAGAIN {
		return
	}
	s.sent(e)
}

// sent completes the Send in flight. That nobody reads any more is told by that.
func (s *pipe) sent(e sys.Errno) {
	s.send.busy = false
	s.tidy()
	if e == unix.EPIPE {
		s.broken, s.toldLoss = true, true
	}
	s.armOut()
	if e != 0 {
		s.h.Sent(os.NewSyscallError("write", e))
		return
	}
	if s.shutting {
		s.out.drop()
	}
	s.h.Sent(nil)
}

func (s *pipe) pending() *sending {
	if s.send == nil {
		s.send = s.p.takeSending()
	}
	return s.send
}

// tidy gives up what keeps nothing any more.
func (s *pipe) tidy() {
	if o := s.send; o != nil && !o.busy && o.recvErr == 0 {
		s.putOut()
	}
}

func (s *pipe) putOut() {
	s.p.putSending(s.send)
	s.send = nil
}

// write is as that of a stream. A buffer is a system call: a pipe has room for 64 KiB, which is the most
// that a buffer of package stream has.
func (s *pipe) write(bufs [][]byte, off int) (i, sentOf int, e sys.Errno) {
	for budget := bytesPerSend; ; {
		for i < len(bufs) && off >= len(bufs[i]) { // wholly sent, or empty
			i, off = i+1, 0
		}
		if i == len(bufs) {
			return i, 0, 0
		}
		if budget <= 0 {
			return i, off, unix.EAGAIN
		}
		b := bufs[i][off:]
		n, e := s.writeOnce(b)
		if e != 0 {
			return i, off, e
		}
		budget -= n
		if off += n; n < len(b) { // the system is full: another call would only say so
			return i, off, unix.EAGAIN
		}
	}
}

// writeOnce writes as much of b as the system takes by one call.
func (s *pipe) writeOnce(b []byte) (n int, e sys.Errno) {
	switch {
	case !s.out.there() && !s.shutting:
		return 0, unix.EBADF
	case s.shutting && !s.busy():
		return 0, unix.EPIPE
	case len(b) == 0:
		return 0, 0
	}
	s.out.unblock()
	b = b[:min(len(b), bytesPerSend)]
	for {
		if n, e = sys.Write(s.out.fd, b); e != unix.EINTR {
			return max(n, 0), e
		}
	}
}
