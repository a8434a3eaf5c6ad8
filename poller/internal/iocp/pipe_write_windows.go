package iocp

import "example.com/pike/poller/internal/sys"

// joinBelow is the size below which a buffer is joined with those that follow it: WriteFile takes
// one, and a copy of a few KiB costs less than a call.
const joinBelow = 4 << 10

func (s *pipe) Send(bufs [][]byte) bool {
	if s.closing {
		return true
	}
	if s.out != nil && s.out.busy {
		panic("poller: Send before Sent")
	}
	if s.dialing && len(bufs) == 0 {
		return true
	}
	if s.out == nil {
		s.out = s.p.takeSending()
	}
	o := s.out
	o.busy, o.bufs, o.off = true, bufs, 0
	if s.dialing { // it goes out when that has ended
		return false
	}
	done, e := s.write()
	if done {
		s.putOut()
		return true
	}
	if e != 0 {
		o.err = e
		s.failLater(s)
	}
	return false
}

func (s *pipe) putOut() {
	s.p.putSending(s.out)
	s.out = nil
}

// write has the system take what is left, until it has all, has an operation instead, it is the turn of
// others, or there is an error. Every write is an operation, as a pipe has no write that
// takes what there is room for. If it is not over at once it keeps the memory until the peer has read so
// much that all of it fits. So it is small.
func (s *pipe) write() (done bool, e sys.Errno) {
	o := s.out
	for budget := bytesPerSend; ; {
		o.advance(0)
		if len(o.bufs) == 0 {
			return true, 0
		}
		if budget <= 0 {
			s.later(s)
			return false, 0
		}
		b := o.piece()
		s.prepare(&o.op, s)
		e := sys.WriteFile(s.h, b, &o.n, o.op.system())
		switch {
		case s.began(&o.op, e):
			return false, 0
		case e != 0:
			return false, e
		}
		budget -= int(o.n)
		o.advance(int(o.n))
	}
}

// piece is what the next write has: part of a buffer, or small buffers joined.
func (o *sending) piece() []byte {
	b := o.bufs[0][o.off:]
	if len(b) >= joinBelow || len(o.bufs) == 1 {
		return b[:min(len(b), bytesPerWait)]
	}
	o.joined = append(o.joined[:0], b...)
	for _, b := range o.bufs[1:] {
		if len(o.joined)+len(b) > bytesPerWait || len(b) >= joinBelow {
			break
		}
		o.joined = append(o.joined, b...)
	}
	return o.joined
}

// wrote is the completion of a write.
func (s *pipe) wrote(n int, e sys.Errno) {
	if e != 0 {
		s.out.err = e
		s.failLater(s)
		return
	}
	s.out.advance(n)
	s.goOn()
}

// goOn goes on with the Send in flight.
func (s *pipe) goOn() {
	done, e := s.write()
	switch {
	case done:
		s.sent(0)
	case e != 0:
		s.out.err = e
		s.failLater(s)
	}
}

// sent completes the Send in flight.
func (s *pipe) sent(e sys.Errno) {
	s.putOut()
	s.handler.Sent(sys.CallError("writefile", e))
}

// TrySend takes nothing: see write.
func (s *pipe) TrySend([]byte) int { return 0 }

// Unsent counts an operation as a whole: the system does not say how far it is.
func (s *pipe) Unsent() int { return s.out.unsent() }
