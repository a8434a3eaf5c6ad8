package stream

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// A share is the part of a GroupListener on one loop: a Listener, with or without a socket.
type share struct {
	gl     *GroupListener
	i      int
	ln     *Listener
	socket poller.Socket // nil: it is handed what loop 0 accepts
	ahead  time.Duration // of the clock of loop 0
	parked []poller.Stream

	load     atomic.Int64 // connections that were given to it and have not ended
	stopping atomic.Bool  // it is to be told that there is no room

	mu       sync.Mutex
	shown    AcceptMetrics // of ln
	arrivals []poller.Stream
	posted   bool // land is
	closed   bool // nothing arrives any more
}

// begin has the share accept.
func (sh *share) begin() {
	gl, ln := sh.gl, sh.ln
	s := sh.socket
	if s == nil {
		s = handed{sh}
	}
	ln.begin(s)
	ln.addr = gl.addr
	ln.OnClose = func() {
		if gl.unended.Add(-1) == 0 && gl.OnClose != nil {
			gl.OnClose()
		}
	}
	ln.Loop().Post(func() { // when the group runs, and before anything is accepted
		ln.OnAccept, ln.OnError, ln.OnShutdown = gl.OnAccept, gl.OnError, gl.OnShutdown
	})
}

// accepted is acceptor.Accepted.
func (sh *share) accepted(s poller.Stream) poller.StreamHandler {
	gl, ln := sh.gl, sh.ln
	switch v := gl.whole.enter(sh.now()); {
	case v == waits && detach(s):
		sh.parked = append(sh.parked, s)
		sh.restop()
		return nil
	case v != comesIn:
		return ln.refuse(s)
	}
	sh.restop()
	sh.tellStop()
	if gl.spread == SpreadEvenly {
		to := gl.least(sh)
		if to != sh && detach(s) {
			for !to.hand(s) {
				to = gl.least(sh)
			}
			return nil
		}
	}
	sh.load.Add(1)
	c := ln.take(s)
	if c == nil {
		sh.left(gl.whole.layered)
		return nil
	}
	return ln.own(c)
}

func detach(s poller.Stream) bool {
	d, ok := s.(poller.Detacher)
	return ok && d.Detach() == nil
}

// least is the share with the fewest connections; of several the one whose turn it is. It is sh, whose loop
// asks, if the others are closed.
func (gl *GroupListener) least(sh *share) *share {
	n := len(gl.shares)
	from, best, fewest := int(gl.last.Load())+1, sh, int64(-1)
	for k := range n {
		o := gl.shares[(from+k)%n]
		if load := o.load.Load(); (fewest < 0 || load < fewest) && !o.isClosed() {
			best, fewest = o, load
		}
	}
	gl.last.Store(uint32(best.i))
	return best
}

func (sh *share) isClosed() bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.closed
}

// hand gives the share a connection that has left the poller which has accepted it. It is false if the share is
// closed.
func (sh *share) hand(s poller.Stream) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return false
	}
	sh.load.Add(1)
	sh.arrivals = append(sh.arrivals, s)
	if !sh.posted { // after Loop.Close, which closes the share as well, it makes no difference
		sh.posted = true
		sh.ln.Loop().Post(sh.land)
	}
	return true
}

// arrived takes over what was handed.
func (sh *share) arrived(close bool) (all []poller.Stream) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	all, sh.arrivals, sh.posted = sh.arrivals, nil, false
	sh.closed = sh.closed || close
	return all
}

// land takes in what was handed, on the loop.
func (sh *share) land() {
	for _, s := range sh.arrived(false) {
		sh.takeIn(s)
	}
}

// takeIn makes a connection of what has left another poller, or was parked, and is counted. It is nil if none
// comes about.
func (sh *share) takeIn(s poller.Stream) *Conn {
	ln := sh.ln
	if ln.Closing() || ln.OnAccept == nil {
		ln.stats.Refused++
		ln.counted()
		sh.reset(s)
		return nil
	}
	c := ln.take(s)
	if c == nil {
		sh.reset(s)
		return nil
	}
	err := errors.ErrUnsupported
	if a, ok := ln.lp().Poller().(poller.Attacher); ok {
		err = a.Attach(s, (*upcalls)(c))
	}
	if err != nil {
		ln.lp().Detach(c)
		sh.reset(s)
		ln.stats.Failed++
		ln.counted()
		if err = ln.fail("accept", err); ln.OnError != nil {
			ln.tell(err)
		} else {
			ln.Loop().Logger().Warn("a connection was lost on its way to its loop", "error", err)
		}
		return nil
	}
	h := ln.own(c)
	s.SetHandler(h)
	h.Connected(nil)
	return c
}

// reset ends a connection that no poller has.
func (sh *share) reset(s poller.Stream) {
	s.Reset()
	sh.left(sh.gl.whole.layered)
}

// shut is when the listener closes: what no loop has taken in yet ends with the backlog.
func (sh *share) shut() {
	for _, s := range sh.arrived(true) {
		sh.reset(s)
	}
	for _, s := range sh.parked {
		s.Reset()
	}
	sh.parked = nil
}

// drain is when the loop shuts down: what was accepted is as good as what was taken in.
func (sh *share) drain() {
	for _, s := range sh.arrived(true) {
		if c := sh.takeIn(s); c != nil {
			c.Drain() // as it was not there when the loop asked all others
		}
	}
}

// counted has other goroutines see what was counted.
func (ln *Listener) counted() {
	if sh := ln.share; sh != nil {
		sh.mu.Lock()
		sh.shown = ln.stats
		sh.mu.Unlock()
	}
}

// moved is the listener of a connection that is on another loop now: of a group the share of that loop, where the
// connection counts from here on.
func (ln *Listener) moved(to *loop.Loop) *Listener {
	if ln.share == nil {
		return ln
	}
	for _, o := range ln.share.gl.shares {
		if o.ln.Loop() == to {
			ln.share.load.Add(-1)
			o.load.Add(1)
			return o.ln
		}
	}
	return ln
}

// explain is what the share counts, for Explain.
func (sh *share) explain() string {
	w := &sh.gl.whole
	text := fmt.Sprintf("%s here and %d on all loops", netop.Counted(int(sh.load.Load()), "connection"), w.open.Load())
	if w.most > 0 {
		text += fmt.Sprintf(" of at most %d", w.most)
	}
	if sh.socket == nil {
		text += ", which loop 0 accepts"
	}
	return text
}

// handed is the socket of a share that has none.
type handed struct{ sh *share }

func (handed) Start()                             {}
func (handed) Stop()                              {}
func (h handed) Close()                           { (*acceptor)(h.sh.ln).Closed() }
func (h handed) Addr() poller.Addr                { return h.sh.gl.addr }
func (handed) SetOption(poller.Option, int) error { return errors.ErrUnsupported }
func (handed) Option(poller.Option) (int, error)  { return 0, errors.ErrUnsupported }
