package pollertest

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/poller"
)

// A rig is a poller under test and every recorder in it.
type rig struct {
	testing.TB
	p       poller.Poller
	also    poller.Poller // that streams go to; see RunMoves
	host    netip.Addr    // the loopback address of the family under test
	fresh   func() string // a name that nothing has, if named pipes are under test
	swap    bool
	calling string // the call into the poller that is under way
	polling bool
	asleep  atomic.Uint32 // of a poller.Sleeper, while Poll waits
	gone    bool          // the poller is closed
	polls   int
	sockets []socket
}

// A socket is a recorder as the rig sees it.
type socket interface {
	close()
	over() bool // Closed was called
	String() string
}

// The bounds of every wait. The time is long because a busy machine may stop a test for
// seconds. A test spends it only if something is broken.
const (
	patience  = 20 * time.Second
	pollsMost = 1 << 20
)

// call makes a call into the poller. An upcall before the call returns breaks rule 1.
func (r *rig) call(name string, f func()) {
	outer := r.calling
	r.calling = name
	f()
	r.calling = outer
}

// waiting reports whether the poller says that it waits.
func (r *rig) waiting() bool { return r.asleep.Load() == poller.Waiting }

func (r *rig) poll(deadline poller.Time) {
	r.Helper()
	r.polls++
	r.polling = true
	if _, ok := r.p.(poller.Sleeper); ok {
		r.asleep.Store(poller.Polling)
	}
	err := r.pollBoth(deadline)
	r.polling = false
	if err != nil && !r.gone {
		r.Fatalf("Poll: %v", err)
	}
	if r.Failed() {
		r.FailNow() // what follows a broken rule would only repeat it
	}
}

// until polls until done.
func (r *rig) until(what string, done func() bool) {
	r.Helper()
	r.within(pollsMost, what, done)
}

// within polls at most polls times until done.
func (r *rig) within(polls int, what string, done func() bool) {
	r.Helper()
	start := r.p.Now()
	for n := 0; !done(); n++ {
		if now := r.p.Now(); n == polls || now.Sub(start) > patience {
			r.Fatalf("waiting until %s: not after %v and %d Polls\n%s", what, now.Sub(start), n, r.state())
		}
		r.poll(start.Add(patience))
	}
}

// idle lets d pass and returns how many Polls it took: one, if nothing happens.
func (r *rig) idle(d time.Duration) (polls int) {
	r.Helper()
	for end := r.p.Now().Add(d); r.p.Now() < end; polls++ {
		if polls == pollsMost {
			r.Fatalf("%v have not passed after %d Polls\n%s", d, polls, r.state())
		}
		r.poll(end)
	}
	return polls
}

// idleUntil waits for what makes no Poll return.
func (r *rig) idleUntil(what string, done func() bool) {
	r.Helper()
	for start := r.p.Now(); !done(); r.idle(time.Millisecond) {
		if r.p.Now().Sub(start) > patience {
			r.Fatalf("waiting until %s: not after %v\n%s", what, patience, r.state())
		}
	}
}

// settle gives what is on its way the time to arrive.
func (r *rig) settle() {
	r.Helper()
	r.idle(settling)
}

// quiet holds that nothing makes Poll return, so that no socket spins the loop.
func (r *rig) quiet() {
	r.Helper()
	r.settle()
	const most = 5 // a poller may be woken for reasons of its own, but not for ever
	if n := r.idle(25 * time.Millisecond); n > most {
		r.Errorf("with nothing to report, 25 ms took %d Polls\n%s", n, r.state())
	}
}

// finish closes what is open still, so that every test ends with rule 4.
func (r *rig) finish() {
	r.Helper()
	if r.gone {
		return
	}
	for _, s := range r.sockets {
		s.close()
	}
	r.until("every socket is closed", func() bool {
		for _, s := range r.sockets {
			if !s.over() {
				return false
			}
		}
		return true
	})
	r.idle(time.Millisecond) // nothing comes after Closed
	r.closePoller()
}

func (r *rig) closePoller() {
	r.Helper()
	r.gone = true
	r.call("Poller.Close", func() {
		if err := r.p.Close(); err != nil {
			r.Errorf("Poller.Close: %v", err)
		}
	})
}

// state describes every socket that is not over.
func (r *rig) state() string {
	var b strings.Builder
	for _, s := range r.sockets {
		if !s.over() {
			b.WriteString("\t" + s.String() + "\n")
		}
	}
	return b.String()
}

// addr is an address of the family under test.
func (r *rig) addr(port uint16) poller.Addr {
	return poller.AddrOf(netip.AddrPortFrom(r.host, port))
}

// nobody is an address where nobody listens. Its port is below those that systems give
// out, so that no dial connects to itself.
func (r *rig) nobody() poller.Addr { return r.addr(1) }

// needIPv6 skips the test where the machine has no ::1.
func (r *rig) needIPv6() {
	r.Helper()
	p, err := r.p.Bind(poller.AddrOf(netip.AddrPortFrom(netip.IPv6Loopback(), 0)), nil, deaf{})
	if err != nil {
		r.Skip("no IPv6 loopback here: ", err)
	}
	p.Close()
}

// deaf owns a packet socket that nothing is expected of.
type deaf struct{}

func (deaf) Received([]poller.Message, error) {}
func (deaf) Sent(int, error)                  {}
func (deaf) Closed()                          {}
