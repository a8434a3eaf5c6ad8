package tlslayer

import (
	"crypto/tls"
	"net"
	"runtime/debug"

	"example.com/pike/stream/tlslayer/internal/protection"
)

// A handshake runs tls.Conn.Handshake on a coroutine: it is given what arrives, and gives
// back what is to be sent. A step is what it does until it needs more.
//
// While a step is out, from when it is handed out until its result is delivered on the
// loop, the stream's wire and the first group of fields are the step's. A worker is idle
// before its result is delivered, so that is later than when the step has returned.
type handshake struct {
	s             *stream
	conn          *tls.Conn
	out           []byte // to be sent
	ended         bool   // nothing more will arrive
	finished      bool
	err           error               // why there will be no connection
	thrown        *panicked           // a panic of the coroutine
	capture       *protection.Capture // nil without records of our own
	own           *own                // what came of that, or nil
	local, remote net.Addr

	side     *side
	host     string
	queue    []byte // what has arrived while a step was out
	begun    bool   // the stream below is connected
	owed     bool   // the first step of a client
	away     bool   // a step is out
	returned bool   // and has run

	coroutine
}

// queueMost is how much may arrive while a step is out, before the stream below is stopped.
const queueMost = 64 << 10

// begin is when the stream below is connected. A client speaks first. A peer that is to
// speak first, and does not, costs no coroutine and no tls.Conn.
func (h *handshake) begin() {
	s := h.s
	h.begun = true
	h.local, h.remote = netAddr(s.below.Addr()), netAddr(s.below.Peer())
	s.startBelow()
	if h.side.client {
		h.owed = true
		s.later()
	}
}

// flush does what was put off.
func (h *handshake) flush() {
	switch {
	case h.returned:
		h.away, h.returned = false, false
		h.stepped()
	case h.away:
	case h.conn == nil && h.err != nil: // the config is none. Once it has begun, err says that it is not over
		h.failed()
	case h.owed:
		h.received(nil)
	}
}

// received has the handshake go on with p, and with the end of the stream below.
func (h *handshake) received(p []byte) {
	s := h.s
	if h.away {
		h.queue = append(h.queue, p...)
		if len(h.queue) > queueMost {
			s.stopBelow()
		}
		return
	}
	h.owed = false
	s.wire.in, h.ended = append(s.wire.in, p...), s.is(wireEnded)
	if h.conn == nil {
		h.make()
	}
	if h.side.o.OnLoop {
		h.resume(h.run)
		if h.thrown == nil {
			h.stepped()
			return
		}
		// The job below has nothing left to do but to panic, so that this ends as beside the loop.
	}
	h.away = true
	if err := s.env.Work(h.step, h.worked); err != nil {
		h.away = false
		h.finished, h.err = true, err
		h.stepped()
	}
}

func (h *handshake) make() {
	cfg := h.side.configFor(h.host)
	if h.side.client {
		h.conn = tls.Client(&h.s.wire, cfg)
	} else {
		h.conn = tls.Server(&h.s.wire, cfg)
		if h.side.own != nil {
			h.capture = new(protection.Capture)
		}
	}
	h.coroutine.init()
}

// step runs the coroutine until it needs more. A panic of the coroutine goes on here.
func (h *handshake) step() {
	if !h.resume(h.run) {
		return
	}
	if p := h.thrown; p != nil {
		h.thrown = nil
		panic(p)
	}
}

// worked is when a step that was out is back, on the loop. What follows makes upcalls, and
// those come by Env.Defer. err is why the step has not run to its end.
func (h *handshake) worked(err error) {
	if h.left { // nobody wants the result, and the coroutine may be writing its own
		return
	}
	if err != nil { // the coroutine is over or waits, until failed ends it
		h.finished, h.err = true, err
	}
	h.returned = true
	h.s.later()
}

// stepped sends what a step wrote, and looks whether that was the last.
func (h *handshake) stepped() {
	s := h.s
	if len(h.out) > 0 && !s.is(failed) {
		o := s.output(0)
		o.cipher = append(o.cipher, h.out...)
		s.push()
		s.settle()
	}
	wrote := len(h.out) > 0
	h.out = h.out[:0]
	switch {
	case !h.finished:
		if len(h.queue) > 0 || s.is(wireEnded) && !h.ended {
			p := h.queue
			h.queue = nil
			if !s.is(wireEnded) {
				s.startBelow()
			}
			h.received(p)
		}
	case h.err == nil:
		h.succeeded()
	default:
		if wrote {
			s.mark(alerted)
		}
		h.failed()
	}
}

// failed tells above that there will be no connection.
func (h *handshake) failed() {
	s, err := h.s, h.err
	h.abandon() // it waits, where the Executor has refused a step
	switch {
	case s.wire.cut && s.err != nil: // the loss of the connection
		err = s.err
	case s.wire.cut:
		err = &Error{"handshake", s.below.Peer(), errHungUp}
	default:
		err = &Error{"handshake", s.below.Peer(), cause(err)}
	}
	s.hs, s.wire.hs, s.wire.in = nil, nil, nil
	s.mark(readEnded | broken)
	s.stopBelow()
	s.above.Connected(err)
	s.told()
}

// succeeded tells above that there is one, and goes on with what has waited for that.
func (h *handshake) succeeded() {
	s := h.s
	s.hs, s.wire.hs = nil, nil
	s.records.take(h)
	s.mark(ready)
	if cfg := h.side.cfg; cfg != nil && cfg.DynamicRecordSizingDisabled {
		s.mark(wholeRecords)
	}
	if s.wire.in = append(s.wire.in, h.queue...); len(s.wire.in) == 0 {
		s.wire.in = nil
	}
	if !s.wants() || len(s.wire.in) > 0 {
		s.stopBelow()
	}
	done := false
	defer s.again(&done)
	s.above.Connected(nil)
	done = true
	if s.told() {
		return
	}
	if o := s.out; o != nil && o.busy {
		s.pushed()
	} else if s.is(shutting) && !s.is(notified) {
		s.endWrite()
	}
	if !s.is(closed) {
		s.arrived(nil)
	}
}

// run is the coroutine. That it has not run to its end, as after a panic, is an error until
// it has: a step that finds it over must not take that for success.
func (h *handshake) run() {
	defer func() {
		if v := recover(); v != nil {
			h.thrown = &panicked{v, debug.Stack()}
		}
		if h.capture != nil {
			h.captured()
		}
		h.finished = true
	}()
	h.err = errUnfinished
	h.err = h.conn.Handshake()
}

// wait is the coroutine's: it gives way until something has arrived, or nothing will.
// It is false when nobody wants the handshake any more.
func (h *handshake) wait() bool {
	for len(h.s.wire.in) == 0 && !h.ended {
		if !h.yield() {
			return false
		}
	}
	return true
}
