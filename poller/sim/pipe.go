package sim

import (
	"fmt"

	"example.com/pike/poller"
)

// A pipe is one direction of a connection, from the system's buffer of the
// sender over the network to that of the receiver. TCP is modelled as sockets see
// it: bytes arrive in order and once, later where the network is bad, and only
// as fast as they are read.
type pipe struct {
	conn     *conn
	src, dst *stream
	parcels  []parcel
	buf      []byte // from head on: arrived bytes, those on their way, those not sent
	head     int
	arrived  int
	flight   int
	queued   int
	fin      finState
	blocked  bool        // the sender waits for the receiver to read
	waited   poller.Time // since when it waits, if it has a user timeout
	retrying bool        // the sender waits for a network that works
	stopped  bool        // nothing more is sent
	broken   bool        // what was sent does not arrive either
	forgot   bool        // what had arrived was lost again
	deaf     bool        // nobody will read: only the number of bytes is kept
	last     poller.Time // when what was sent last arrives
	unbroken poller.Time // when it would arrive if nothing had to be sent again
	wait     poller.Time // before the next retry
	since    poller.Time // when the first retry was

	kept     int   // bytes whose arrival the sender has not heard of
	acks     []ack // on their way, in order
	finAcked bool
	awaited  poller.Time // when an event is that stands for one of acks; 0: there is none
	askWait  poller.Time // before an acknowledgement that was lost is asked for; 0: none was
	askSince poller.Time
}

// A finState is how far the end of the stream has come.
type finState uint8

const (
	finNone finState = iota
	finWanted
	finSent
	finArrived
)

// The numbers of TCP, as Linux has them (RFC 6298; tcp(7), tcp_retries2).
const (
	segmentMost = 16 << 10 // with segmentation offload
	retryFirst  = 200 * millisecond
	retryMost   = 120 * second
	giveUp      = 924 * second
)

// write takes bytes from the process.
func (p *pipe) write(b []byte) {
	p.queued += len(b)
	p.kept += len(b)
	if p.deaf || p.stopped {
		return
	}
	if p.buf == nil {
		p.buf = p.conn.w.takeBuffer()
	}
	if p.head > 0 && len(p.buf)+len(b) > cap(p.buf) {
		p.buf = p.buf[:copy(p.buf, p.buf[p.head:])]
		p.head = 0
	}
	p.buf = append(p.buf, b...)
}

// read gives bytes that have arrived to the process.
func (p *pipe) read(b []byte) {
	copy(b, p.buf[p.head:])
	p.head += len(b)
	p.arrived -= len(b)
	if p.head == len(p.buf) {
		p.buf, p.head = p.buf[:0], 0
		p.release()
	}
	// The window is not announced by the byte (RFC 9293, 3.8.6.2.2).
	if p.blocked && (p.arrived == 0 || p.window() >= p.dst.recvCap/2) {
		p.blocked = false
		l := p.dst.h.m.link(p.src.h.m)
		at := l.arrival(0)
		if h := p.dst.h; !p.conn.unixDomain() && h.strikes(LateWindow, h.m, p.src.h.m, p.conn.port, &p.dst.peer) {
			at += p.conn.w.span(LateWindow)
		}
		p.conn.w.queue.push(at, evWindow, p, 0)
	}
}

// window is what the receiver's system has room for.
func (p *pipe) window() int { return p.dst.recvCap - p.arrived - p.flight }

// finish has the end follow what is queued.
func (p *pipe) finish() {
	if p.fin == finNone {
		p.fin = finWanted
		p.transmit()
	}
}

// transmit sends what the window allows.
func (p *pipe) transmit() {
	for !p.stopped && !p.retrying {
		n := max(0, min(p.queued, p.window(), segmentMost))
		fin := p.fin == finWanted && n == p.queued
		if n == 0 && !fin {
			p.block()
			return
		}
		if !p.send(n, fin) {
			return
		}
	}
}

// send sends a segment; it reports false if that did not work.
func (p *pipe) send(n int, fin bool) bool {
	c := p.conn
	w, h, m := c.w, p.src.h, p.dst.h.m
	l := h.m.link(m)
	network := !c.unixDomain()
	if network {
		l.mayPart(h, m, c.port)
	}
	if m.off || !l.up() || !l.back.up() {
		p.backOff()
		return false
	}
	if c.doomed() || network && h.strikes(Reset, h.m, m, c.port, &p.src.peer) {
		c.sever()
		p.stop()
		return false
	}
	if limit := c.limit(n); limit < n {
		n, fin = limit, false
	}
	at := l.arrival(n)
	p.unbroken = max(at, p.unbroken)
	at = max(at, p.last)
	if c.stalled() || network && h.strikes(Stall, h.m, m, c.port, &p.src.peer) {
		at += w.span(Stall)
	}
	p.last = at
	p.queued -= n
	p.flight += n
	c.carried += int64(n)
	arg := int64(n)
	if fin {
		p.fin = finSent
		arg |= finBit
	}
	w.queue.push(at, evSegment, p, arg)
	if c.doomed() {
		c.sever()
	}
	return true
}

// finBit marks the segment that carries the end.
const finBit = 1 << 32

func (p *pipe) happen(k kind, arg int64) {
	switch k {
	case evSegment:
		p.segment(int(arg&(finBit-1)), arg&finBit != 0)
	case evWindow:
		p.transmit()
	case evAck:
		p.heard()
	case evAskAgain:
		p.askAgain()
	case evRetry:
		p.retry()
	case evPatience:
		p.outOfPatience()
	}
}

// segment is the arrival of one.
func (p *pipe) segment(n int, fin bool) {
	if p.broken {
		return
	}
	p.flight -= n
	dst := p.dst
	switch {
	case dst.h.m.off:
		p.queued += n
		if fin {
			p.fin = finWanted
		}
		p.backOff()
		return
	case dst.aborted || dst.gone && n > 0:
		// Nobody will ever read it. So the answer is a reset, and what the other
		// direction has not sent yet is lost (RFC 9293, 3.10.7.1).
		p.discard()
		dst.out().stop()
		dst.aborted = true
		p.conn.reset(p.src)
		return
	}
	p.wait = 0
	if fin {
		p.fin = finArrived
	}
	p.acknowledge(n, fin)
	if dst.gone {
		return
	}
	p.arrived += n
	dst.wake()
}

// backOff waits longer each time before it sends again.
func (p *pipe) backOff() {
	w := p.conn.w
	if p.retrying {
		return
	}
	if p.wait == 0 {
		p.wait, p.since = retryFirst, w.now
	}
	p.retrying = true
	w.queue.push(p.again(p.wait, p.since), evRetry, p, 0)
	p.wait = min(2*p.wait, retryMost)
}

func (p *pipe) retry() {
	p.retrying = false
	switch {
	case p.stopped:
	case p.conn.w.now-p.since < p.giveUp():
		p.transmit()
	case p.src.gone:
		p.discard()
	default:
		p.src.dies(eTIMEDOUT)
	}
}

// stop drops what has not been sent. What is under way still arrives.
func (p *pipe) stop() {
	p.buf = p.buf[:min(len(p.buf), p.head+p.arrived+p.flight)]
	p.lose(p.arrived + p.flight)
	p.queued, p.stopped = 0, true
	p.release()
}

// discard drops what has not been sent and what is under way.
func (p *pipe) discard() {
	p.buf = p.buf[:min(len(p.buf), p.head+p.arrived)]
	p.lose(p.arrived)
	p.flight, p.queued, p.stopped, p.broken = 0, 0, true, true
	p.release()
}

// forget drops what has arrived and was not read, the end included.
func (p *pipe) forget() {
	p.buf = p.buf[:p.head]
	p.lose(0)
	p.arrived, p.flight, p.forgot, p.broken = 0, 0, true, true
}

// deafen drops what has arrived, because nobody will read it or what follows.
func (p *pipe) deafen() {
	p.lose(0)
	p.deaf, p.arrived = true, 0
	p.release()
}

// release gives the memory of the pipe back if nobody will read what it holds.
func (p *pipe) release() {
	if p.buf != nil && (p.deaf || p.arrived+p.flight+p.queued == 0 && (p.stopped || p.fin == finArrived)) {
		p.conn.w.giveBuffer(p.buf)
		p.buf, p.head = nil, 0
	}
}

// state describes what is on its way.
func (p *pipe) state() string {
	n := p.queued + p.flight
	switch {
	case p.stopped || n == 0:
		return ""
	case p.retrying:
		return fmt.Sprintf(", %d bytes to send again: no answer", n)
	case p.blocked:
		return fmt.Sprintf(", %d bytes taken and not sent: the peer does not read", n)
	}
	return fmt.Sprintf(", %d bytes on their way", n)
}

// Buffers of streams grow from this, and are used again up to that.
const (
	bufferFirst = 1 << 10
	bufferKept  = 256 << 10
)

func (w *World) takeBuffer() []byte {
	if n := len(w.spare); n > 0 {
		b := w.spare[n-1]
		w.spare = w.spare[:n-1]
		return b
	}
	return make([]byte, 0, bufferFirst)
}

func (w *World) giveBuffer(b []byte) {
	if cap(b) <= bufferKept {
		w.spare = append(w.spare, b[:0])
	}
}
