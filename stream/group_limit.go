package stream

import (
	"sync"
	"sync/atomic"

	"example.com/pike/poller"
)

// A whole is what the shares of a GroupListener have in common: its limits, and what counts for them. Every
// loop asks it before it takes a connection in.
type whole struct {
	open     atomic.Int64 // connections, those on their way to their loops among them
	layering atomic.Int64 // of these, those whose layer is not ready

	most    int64 // connections; 0 is no limit
	crowd   int64 // connections whose layer is not ready; 0 is no limit
	layered bool
	policy  AcceptPolicy
	hasRate bool
	stopped atomic.Bool // some share has stopped because there was no room, and wants to know when there is
	mu      sync.Mutex
	rate    limits // its token bucket; the times are those of loop 0
}

func (w *whole) set(o *Options, layered bool) {
	w.layered = layered
	if o == nil {
		return
	}
	w.most, w.crowd, w.policy = int64(o.MaxConns), int64(o.MaxLayering), o.AcceptPolicy
	w.rate.setRate(o.AcceptRate, o.AcceptBurst)
	w.hasRate = w.rate.interval > 0
}

// An admission is what becomes of a connection.
type admission uint8

const (
	comesIn admission = iota
	waits             // until there is room
	isRefused
)

// enter counts a connection, if there is room for it.
func (w *whole) enter(now poller.Time) admission {
	switch {
	case !add(&w.open, w.most):
		return w.turnedAway()
	case w.layered && !add(&w.layering, w.crowd):
		w.open.Add(-1)
		return waits
	case !w.take(now):
		w.leave(w.layered)
		return w.turnedAway()
	}
	return comesIn
}

func (w *whole) turnedAway() admission {
	if w.policy == Refuse {
		return isRefused
	}
	return waits
}

// leave counts it out.
func (w *whole) leave(layering bool) {
	w.open.Add(-1)
	if layering {
		w.layering.Add(-1)
	}
}

func below(n *atomic.Int64, most int64) bool { return most == 0 || n.Load() < most }

// add adds one, unless there are as many as there may be.
func add(n *atomic.Int64, most int64) bool {
	for {
		v := n.Load()
		if most > 0 && v >= most {
			return false
		}
		if n.CompareAndSwap(v, v+1) {
			return true
		}
	}
}

// take takes a token of the rate, if it has one.
func (w *whole) take(now poller.Time) bool {
	if !w.hasRate {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rate.take(now)
}

// due is when there is a token; 0 if there is no rate to wait for.
func (w *whole) due() poller.Time {
	if !w.hasRate || w.policy == Refuse {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rate.due()
}

// isFull and isCrowded are why a share stops accepting.
func (w *whole) isFull() bool    { return w.policy == LeaveInBacklog && !below(&w.open, w.most) }
func (w *whole) isCrowded() bool { return w.layered && !below(&w.layering, w.crowd) }

// now is the time of loop 0 on the loop of sh.
func (sh *share) now() poller.Time { return sh.ln.lp().Poller().Now().Add(-sh.ahead) }

// restop stops the share's socket if there is no room, and has it accept again if there is.
func (sh *share) restop() {
	ln, w := sh.ln, &sh.gl.whole
	if ln.Closing() {
		return
	}
	for again := true; again; {
		again = false
		noRoom, crowd := w.isFull(), w.isCrowded()
		ln.stopIf(full, noRoom)
		ln.stopIf(crowded, crowd)
		if noRoom || crowd {
			w.stopped.Store(true)
			again = noRoom != w.isFull() || crowd != w.isCrowded() // who left meanwhile has told nobody
		}
	}
	if due := w.due(); due > sh.now() {
		ln.stop(throttled)
		ln.lp().SetTimeout(&ln.limits.refill, due.Add(sh.ahead))
	} else {
		ln.lp().StopTimeout(&ln.limits.refill)
		ln.allow(throttled)
	}
}

func (ln *Listener) stopIf(why stops, on bool) {
	if on {
		ln.stop(why)
	} else {
		ln.allow(why)
	}
}

// room is called when there may be room, outside of the poller's upcalls: those that wait come in first.
func (sh *share) room() {
	w := &sh.gl.whole
	for len(sh.parked) > 0 && !sh.ln.Closing() && w.enter(sh.now()) == comesIn {
		s := sh.parked[0]
		sh.parked = append(sh.parked[:0], sh.parked[1:]...)
		sh.load.Add(1)
		sh.takeIn(s)
	}
	sh.restop()
}

// left counts out a connection of this share, or one that does not come about.
func (sh *share) left(layering bool) {
	sh.load.Add(-1)
	sh.gl.whole.leave(layering)
	sh.tellRoom()
}

// layerEnded is when a layer has got ready, or never will.
func (sh *share) layerEnded() {
	sh.gl.whole.layering.Add(-1)
	sh.tellRoom()
}

// tellRoom tells those that have stopped.
func (sh *share) tellRoom() {
	if w := &sh.gl.whole; !w.stopped.Load() || !w.stopped.CompareAndSwap(true, false) {
		return
	}
	for _, o := range sh.gl.shares {
		if o.socket != nil {
			o.ln.Loop().Post(o.room)
		}
	}
}

// tellStop has the others that have sockets stop, too.
func (sh *share) tellStop() {
	w := &sh.gl.whole
	if sh.gl.spread != SpreadBySystem || !w.isFull() && !w.isCrowded() {
		return
	}
	for _, o := range sh.gl.shares {
		if o != sh && !o.stopping.Swap(true) {
			o.ln.Loop().Post(func() {
				o.stopping.Store(false)
				o.room()
			})
		}
	}
}
