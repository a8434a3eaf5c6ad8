package iocp

import (
	"unsafe"

	"golang.org/x/sys/windows"

	"example.com/pike/poller/internal/sys"
)

// sending is the state of a Send. The poller keeps those that are not in use. So memory that
// the system once had for an operation is never used for anything else.
type sending struct {
	op
	bufs   [][]byte // from the first that is not wholly sent
	off    int      // bytes of bufs[0] that are
	n      uint32   // what an operation that was over at once has sent
	wsa    [buffersPerWrite]windows.WSABuf
	joined []byte    // what a pipe has joined small buffers in
	busy   bool      // a Send is in flight
	err    sys.Errno // how it ended, where that must not be told
	next   *sending
}

func (p *iocp) takeSending() *sending {
	o := p.spare
	if o == nil {
		return new(sending)
	}
	p.spare, o.next = o.next, nil
	return o
}

func (s *stream) putOut() {
	s.p.putSending(s.out)
	s.out = nil
}

func (p *iocp) putSending(o *sending) {
	o.owner, o.bufs, o.off, o.busy, o.err = nil, nil, 0, false, 0
	o.next, p.spare = p.spare, o
}

func (s *stream) Send(bufs [][]byte) bool {
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

// write has the system send what is left, until all is sent, the system takes no
// more and has an operation instead, it is the turn of others, or there is an
// error. An operation that waits for room keeps the caller's memory and does not tell how far
// it is. So it is small, and all else goes by calls that are over at once.
func (s *stream) write() (done bool, e sys.Errno) {
	o := s.out
	most := bytesPerWrite
	for budget := bytesPerSend; ; {
		o.advance(0)
		if len(o.bufs) == 0 {
			return true, 0
		}
		if budget <= 0 {
			s.later(s)
			return false, 0
		}
		var begun *op
		if most == bytesPerWait {
			if e := s.associate(); e != 0 {
				return false, e
			}
			begun = &o.op
			s.prepare(begun, s)
		}
		k, total := o.fill(most)
		e := sys.WsaSend(s.h, o.wsa[:k], &o.n, begun.system())
		clear(o.wsa[:k]) // the system has its own copy (WSASend, lpBuffers)
		switch {
		case begun != nil && s.began(begun, e):
			return false, 0
		case begun == nil && e == windows.WSAEWOULDBLOCK:
			most = bytesPerWait
			continue
		case e != 0:
			s.reset = s.reset || e == windows.WSAECONNRESET
			return false, e
		}
		budget -= int(o.n)
		o.advance(int(o.n))
		if begun == nil && int(o.n) < total {
			most = bytesPerWait
		}
	}
}

// advance counts n more bytes as sent, and skips buffers that are empty.
func (o *sending) advance(n int) {
	o.off += n
	for len(o.bufs) > 0 && o.off >= len(o.bufs[0]) {
		o.off -= len(o.bufs[0])
		o.bufs = o.bufs[1:]
	}
}

// fill describes what the next call is to send, at most so many bytes, and returns
// in how many buffers, and how many bytes.
func (o *sending) fill(most int) (k, total int) {
	off := o.off
	for _, b := range o.bufs {
		if k == len(o.wsa) || total >= most {
			break
		}
		b, off = b[off:], 0
		if len(b) == 0 {
			continue
		}
		b = b[:min(len(b), most-total)]
		o.wsa[k] = windows.WSABuf{Len: uint32(len(b)), Buf: unsafe.SliceData(b)}
		total += len(b)
		k++
	}
	return k, total
}

// wrote is the completion of an operation.
func (s *stream) wrote(n int, e sys.Errno) {
	if e != 0 {
		s.reset = s.reset || e == windows.WSAECONNRESET
		s.out.err = e
		s.failLater(s)
		return
	}
	s.out.advance(n)
	s.goOn()
}

// goOn goes on with the Send in flight.
func (s *stream) goOn() {
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
func (s *stream) sent(e sys.Errno) {
	s.putOut()
	if s.shutting && e == 0 {
		s.shutting = false
		s.Shutdown()
	}
	s.handler.Sent(sys.CallError("wsasend", e))
}

// TrySend makes sends that do not wait: Winsock takes the whole of a buffer if it
// takes any of it, so that each has a part of p.
func (s *stream) TrySend(p []byte) int {
	if s.closing || s.dialing {
		return 0
	}
	done := 0
	for done < len(p) {
		b := p[done:min(len(p), done+bytesPerWrite)]
		n, e := sys.Sendto(s.h, b, nil, 0)
		if e != 0 {
			s.reset = s.reset || e == windows.WSAECONNRESET
			break
		}
		if done += n; n < len(b) {
			break
		}
	}
	return done
}

// Unsent counts an operation as a whole: the system does not say how far it is.
func (s *stream) Unsent() int { return s.out.unsent() }

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
