package stream

import (
	"math"
	"net"
	"time"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// An AcceptPolicy is what a listener does with connections beyond
// Options.MaxConns and Options.AcceptRate.
type AcceptPolicy uint8

const (
	// LeaveInBacklog stops accepting until there is room again. It is the default. Peers wait,
	// and are connected as far as their system knows. When the backlog is full too, their
	// system goes on trying to connect. So a short rush loses nothing, and the limit bounds
	// descriptors too.
	LeaveInBacklog AcceptPolicy = iota

	// Refuse accepts and resets at once, so that a peer learns that it has to go
	// elsewhere. Each refusal costs a few system calls.
	Refuse
)

// AcceptMetrics are counters of a listener's life.
type AcceptMetrics struct {
	Accepted uint64 // connections given to OnAccept
	Refused  uint64 // that were over a limit, with Refuse, or that came without an OnAccept
	Failed   uint64 // times the system could not give out a connection
	Open     int    // of those accepted, not wholly closed yet; those whose layer is not ready are among them

	Layering    int    // connections whose layer is not ready yet
	LayerFailed uint64 // that ended before OnAccept, because their layer did not get ready
}

// Metrics reads the counters.
func (ln *Listener) Metrics() AcceptMetrics {
	if ln.lp().Check("stream.Listener.Metrics") != nil {
		return AcceptMetrics{}
	}
	return ln.stats
}

// SetMaxConns sets Options.MaxConns; 0 is no limit. Connections that are open stay
// open. A negative n is os.ErrInvalid.
func (ln *Listener) SetMaxConns(n int) error {
	if err := ln.lp().Check("stream.Listener.SetMaxConns"); err != nil {
		return err
	}
	switch {
	case ln.Closing():
		return ln.closed("set")
	case n < 0:
		return ln.fail("set", errInvalid)
	}
	ln.limits.conns = n
	ln.crowd()
	return nil
}

// SetAcceptRate sets Options.AcceptRate and AcceptBurst, and forgets what was accepted before.
// 0 means what it means there. Negative values, and a rate that is no number, are os.ErrInvalid.
func (ln *Listener) SetAcceptRate(perSecond float64, burst int) error {
	if err := ln.lp().Check("stream.Listener.SetAcceptRate"); err != nil {
		return err
	}
	switch {
	case ln.Closing():
		return ln.closed("set")
	case !(perSecond >= 0) || burst < 0:
		return ln.fail("set", errInvalid)
	}
	ln.limits.setRate(perSecond, burst)
	ln.lp().StopTimeout(&ln.limits.refill)
	ln.allow(throttled)
	return nil
}

// SetAcceptPolicy sets Options.AcceptPolicy. One that does not exist is
// os.ErrInvalid.
func (ln *Listener) SetAcceptPolicy(p AcceptPolicy) error {
	if err := ln.lp().Check("stream.Listener.SetAcceptPolicy"); err != nil {
		return err
	}
	switch {
	case ln.Closing():
		return ln.closed("set")
	case p > Refuse:
		return ln.fail("set", errInvalid)
	}
	ln.limits.policy = p
	ln.lp().StopTimeout(&ln.limits.refill)
	ln.allow(throttled)
	ln.crowd()
	return nil
}

// limits are what a listener accepts at most. The rate is a token bucket in the form of the generic
// cell rate algorithm (ITU-T I.371). That remembers one time, and has nothing to do while nothing is
// accepted.
type limits struct {
	conns    int
	policy   AcceptPolicy
	interval time.Duration // between connections; 0 is no limit
	slack    time.Duration // how far ahead of that a burst may be
	next     poller.Time   // when the next connection would keep the rate exactly
	refill   loop.Timeout
}

func (l *limits) setRate(perSecond float64, burst int) {
	l.interval, l.slack, l.next = 0, 0, 0
	if perSecond == 0 || math.IsInf(perSecond, 1) {
		return
	}
	if burst == 0 {
		burst = max(1, int(min(perSecond, math.MaxInt32)))
	}
	interval := min(float64(time.Second)/perSecond, float64(math.MaxInt64/2))
	l.interval = max(1, time.Duration(interval))
	l.slack = time.Duration(min(interval*float64(burst-1), float64(math.MaxInt64/2)))
}

// take takes a token, if there is one.
func (l *limits) take(now poller.Time) bool {
	if l.next > now.Add(l.slack) {
		return false
	}
	l.next = max(l.next, now).Add(l.interval)
	return true
}

// due is when there is a token again.
func (l *limits) due() poller.Time { return l.next - poller.Time(l.slack) }

// stops is why a listener does not accept; any reason is enough.
type stops uint8

const (
	pausedByUser stops = 1 << iota
	failing            // until retry
	full               // until a connection ends
	throttled          // until refill
	crowded            // until a layer is ready
)

// stop and allow add and remove a reason.
func (ln *Listener) stop(why stops) {
	ln.stops |= why
	ln.s.Stop()
}

func (ln *Listener) allow(why stops) {
	if ln.stops&why == 0 {
		return
	}
	ln.stops &^= why
	if ln.stops == 0 && !ln.Closing() {
		ln.s.Start()
	}
}

// crowd looks whether there is room for one more connection.
func (ln *Listener) crowd() {
	l := &ln.limits
	if l.policy == LeaveInBacklog && l.conns > 0 && ln.stats.Open >= l.conns {
		ln.stop(full)
	} else {
		ln.allow(full)
	}
}

// admit reports whether a connection that the system has given out may come in. Under
// LeaveInBacklog it always may, because the listener stops after the last one that may.
func (ln *Listener) admit() bool {
	l := &ln.limits
	if l.policy == Refuse && l.conns > 0 && ln.stats.Open >= l.conns {
		return false
	}
	return l.interval == 0 || l.take(ln.lp().Poller().Now()) || l.policy == LeaveInBacklog
}

// admitted counts a connection, and stops if it is the last for now.
func (ln *Listener) admitted() {
	if ln.share != nil { // which has counted it
		return
	}
	ln.stats.Open++
	ln.crowd()
	l := &ln.limits
	if l.interval == 0 || l.policy != LeaveInBacklog {
		return
	}
	if lp := ln.lp(); l.due() > lp.Poller().Now() {
		ln.stop(throttled)
		lp.SetTimeout(&l.refill, l.due())
	}
}

// left is called for each connection that was accepted, when it has ended.
func (ln *Listener) left() {
	if ln.share != nil {
		ln.share.left(false)
		return
	}
	ln.stats.Open--
	if ln.stops&full != 0 && !ln.Closing() {
		ln.crowd()
	}
}

// refuse resets a connection that is one too many.
func (ln *Listener) refuse(s poller.Stream) poller.StreamHandler {
	ln.stats.Refused++
	ln.counted()
	s.Reset()
	return refused{}
}

// refused is the handler of a connection that was refused.
type refused struct{}

func (refused) Connected(error)        {}
func (refused) Received([]byte, error) {}
func (refused) Sent(error)             {}
func (refused) Closed()                {}

// refills is a listener when it has a token again.
type refills Listener

func (r *refills) Expired(*loop.Timeout) {
	if ln := (*Listener)(r); ln.share != nil {
		ln.share.room()
	} else {
		ln.allow(throttled)
	}
}

// The pauses between attempts to accept are those of net/http's server. A listener that keeps
// failing says so in the log once in a logPause.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = time.Second
	logPause   = time.Minute
)

// failures are what a listener knows of the system's refusals to give it connections.
type failures struct {
	pause    time.Duration // after the last one; 0 if the last try was none
	unlogged uint64
	logged   poller.Time // when the log last told, or Never
}

// Failed pauses, longer each time, because a process that is out of descriptors (EMFILE) or a
// system that is (ENFILE) would else be tried without end.
func (a *acceptor) Failed(err error) {
	ln := (*Listener)(a)
	f, lp := &ln.failures, ln.Loop()
	ln.stats.Failed++
	ln.counted()
	if f.pause == 0 {
		f.pause = firstPause
	} else {
		f.pause = min(2*f.pause, lastPause)
	}
	now := lp.Maker().Poller().Now()
	ln.stops |= failing // the system's listener has stopped by itself
	lp.Maker().SetTimeout(&ln.retry, now.Add(f.pause))
	err = ln.fail("accept", err)
	if f.unlogged++; f.logged == poller.Never || now.Sub(f.logged) >= logPause {
		lp.Logger().Warn("accept failed; connections wait in the backlog",
			"error", err, "failures", f.unlogged, "pause", f.pause)
		f.logged, f.unlogged = now, 0
	}
	if ln.OnError != nil {
		ln.tell(err)
	}
}

func (ln *Listener) tell(err error) {
	ln.lp().Call(ln, func() { ln.OnError(err) })
}

// Expired tries to accept again.
func (a *acceptor) Expired(*loop.Timeout) { (*Listener)(a).allow(failing) }

// MayListen is why no listener is opened, or nil.
func MayListen(lp *loop.Loop) error {
	switch {
	case lp == nil:
		return errInvalid
	case lp.ShuttingDown():
		return loop.ErrShutdown
	}
	return nil
}

// fail is the error of an operation on ln.
func (ln *Listener) fail(op string, err error) error {
	return netop.Error(op, ln.conf.network, poller.Addr{}, ln.addr, err)
}

func (ln *Listener) closed(op string) error {
	return ln.fail(op, net.ErrClosed)
}
