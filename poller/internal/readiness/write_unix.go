//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// sending is the state of a Send that was not done at once.
type sending struct {
	bufs    [][]byte  // from the first that is not wholly sent
	off     int       // bytes of bufs[0] that are
	busy    bool      // a Send is in flight
	err     sys.Errno // how it ended, or a dial
	recvErr sys.Errno // how Start failed
	files   []uintptr // that go with the first byte, until that is sent
	next    *sending
}

func (p *readiness) takeSending() *sending {
	o := p.spare
	if o == nil {
		return new(sending)
	}
	p.spare, o.next = o.next, nil
	p.spares--
	return o
}

// sparesMost is how many are kept, so that memory goes back after a burst of them.
const sparesMost = 1024

func (p *readiness) putSending(o *sending) {
	if p.spares == sparesMost {
		*o = sending{}
		return
	}
	*o = sending{next: p.spare}
	p.spare = o
	p.spares++
}

func (s *stream) Send(bufs [][]byte) bool {
	if s.is(closing) {
		return true
	}
	if s.out != nil && s.out.busy {
		panic("poller: Send before Sent")
	}
	if s.is(dialing) && len(bufs) > 0 { // it goes out when that has ended
		o := s.pending()
		o.busy, o.bufs = true, bufs
		return false
	}
	i, off, e := s.writeFirst(bufs)
	if i == len(bufs) {
		return true
	}
	o := s.pending()
	o.busy, o.bufs, o.off = true, bufs[i:], off
	if e == unix.EAGAIN {
		e = s.arm(s.directions() | poller.Writable)
	}
	if e != 0 {
		o.err = e
		s.failLater()
	}
	return false
}

func (s *stream) TrySend(p []byte) int {
	if s.is(closing | dialing) {
		return 0
	}
	done := 0
	for done < len(p) {
		b := p[done:min(len(p), done+bytesPerSend)]
		n, e := sys.Send(s.fd, b, s.lent())
		if e != 0 {
			s.noteReset(e)
			break
		}
		if done += n; n < len(b) {
			break
		}
	}
	return done
}

func (s *stream) Unsent() int { return s.out.unsent() }

// unsent is how many bytes are left.
func (o *sending) unsent() int {
	if o == nil {
		return 0
	}
	n := -o.off
	for _, b := range o.bufs {
		n += len(b)
	}
	return n
}

// proceed goes on with the Send in flight.
func (s *stream) proceed() {
	o := s.out
	i, off, e := s.resume(o)
	if o.bufs, o.off = o.bufs[i:], off; len(o.bufs) > 0 && e == unix.EAGAIN {
		return
	}
	s.sent(e)
}

// sent completes the Send in flight.
func (s *stream) sent(e sys.Errno) {
	s.arm(s.directions() &^ poller.Writable)
	s.putOut()
	if s.is(shutting) && e == 0 {
		s.shutdown()
	}
	if e != 0 {
		s.h.Sent(os.NewSyscallError("send", e))
	} else {
		s.h.Sent(nil)
	}
}

func (s *stream) pending() *sending {
	if s.out == nil {
		s.out = s.p.takeSending()
	}
	return s.out
}

func (s *stream) putOut() {
	s.p.putSending(s.out)
	s.out = nil
}

// write sends from off bytes into bufs[0] on, until all is sent, the system
// takes no more, or others should have their turn. It returns the first buffer
// that is not wholly sent, how much of it is, and EAGAIN or the error.
func (s *stream) write(bufs [][]byte, off int) (i, sentOf int, e sys.Errno) {
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
		n, all, e := s.writeOnce(bufs[i:], off)
		switch {
		case e == unix.EINTR:
			continue
		case e != 0:
			s.noteReset(e)
			return i, off, e
		}
		budget -= n
		for off += n; i < len(bufs) && off >= len(bufs[i]); i++ {
			off -= len(bufs[i])
		}
		if n < all { // the system is full: another call would only say so
			return i, off, unix.EAGAIN
		}
	}
}

// writeFirst is write from the beginning. It is quicker for one buffer of an ordinary size
// that the system takes: nearly every Send is so.
func (s *stream) writeFirst(bufs [][]byte) (i, sentOf int, e sys.Errno) {
	if len(bufs) != 1 || len(bufs[0]) == 0 || len(bufs[0]) > bytesPerSend {
		return s.write(bufs, 0)
	}
	n, e := sys.Send(s.fd, bufs[0], s.lent())
	switch {
	case n == len(bufs[0]):
		return 1, 0, 0
	case e == 0:
		return 0, n, unix.EAGAIN
	case e == unix.EINTR:
		return s.write(bufs, 0)
	}
	s.noteReset(e)
	return 0, 0, e
}

// writeOnce makes one system call and says how much it tried to send.
func (s *stream) writeOnce(bufs [][]byte, off int) (n, all int, e sys.Errno) {
	if len(bufs) == 1 {
		b := bufs[0][off:]
		b = b[:min(len(b), bytesPerSend)]
		n, e = sys.Send(s.fd, b, s.lent())
		return n, len(b), e
	}
	iov, k := &s.p.iov, 0
	for _, b := range bufs {
		if k == len(iov) || all >= bytesPerSend {
			break
		}
		b, off = b[min(off, len(b)):], 0
		if len(b) == 0 {
			continue
		}
		b = b[:min(len(b), bytesPerSend-all)]
		iov[k].Base = unsafe.SliceData(b)
		iov[k].SetLen(len(b))
		all += len(b)
		k++
	}
	s.p.msg = unix.Msghdr{Iov: &iov[0]}
	s.p.msg.SetIovlen(k)
	n, e = sys.Sendmsg(s.fd, &s.p.msg, all, s.lent())
	clear(iov[:k]) // or the poller would keep the caller's memory alive
	return n, all, e
}
