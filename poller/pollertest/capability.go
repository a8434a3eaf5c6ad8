package pollertest

import (
	"time"

	"example.com/pike/poller"
)

// These tests are of what only some backends can do. The others skip them.
var capabilityClauses = []clause{
	{name: "Acker_tells_what_has_arrived", test: acked, both: true},
	{name: "Foreteller_tells_of_data_and_of_the_end", test: foretold, both: true},
	{name: "Foreteller_tells_of_a_dial", test: foretoldDial, both: true},
	{name: "Foreteller_tells_of_a_send", test: foretoldSend, both: true},
	{name: "Foreteller_tells_of_a_reset", test: foretoldReset},
	{name: "Foreteller_tells_of_more_than_one_Poll_tells", test: foretoldMany},
	{name: "Pender_tells_what_was_put_off", test: pending},
	{name: "Meter_counts_events", test: metered},
	{name: "Sleeper_has_waited_before_any_upcall", test: risen},
	{name: "Waiter_counts_what_it_waits_and_no_more", test: waits},
}

func acked(r *rig) {
	a, b := r.pair(tight)
	k, ok := poller.As[poller.Acker](a.s)
	if !ok {
		r.Skip("streams are no poller.Ackers")
	}
	if n := k.Unacked(); n != 0 && !a.layered() {
		r.Errorf("%d bytes are unacknowledged before any was sent", n)
	}
	r.idleUntil("nothing is unacknowledged", func() bool { return k.Unacked() == 0 })
	a.fill()
	if n := k.Unacked(); n <= 0 || n > int(a.out) && !a.layered() { // a layer makes more of it
		r.Errorf("%d bytes are unacknowledged of %d to a peer that is full", n, a.out)
	}
	b.start()
	r.until("all is received", func() bool { return !a.sending && b.in == a.out })
	// An acknowledgement makes no Poll return, so the test can only look again and again.
	ackedAll := func(what string) {
		r.idleUntil(what+" is acknowledged", func() bool { return k.Unacked() == 0 })
	}
	ackedAll("what was received")
	a.shutdown()
	ackedAll("the end")
	r.until("the end is received", b.ended)
	a.close()
	r.until("it is closed", a.over)
	if n := k.Unacked(); n != 0 {
		r.Errorf("%d bytes are unacknowledged of a stream that is closed", n)
	}
}

func pending(r *rig) {
	p, ok := r.p.(poller.Pender)
	if !ok {
		r.Skip("this poller is no poller.Pender")
	}
	v := r.listen(nil)
	s := r.bind(nil)
	r.settle()
	if p.Pending() {
		r.Error("something is pending, and nothing was put off")
	}
	v.close()
	s.send(message(s.addr(), 1, 100_000))
	r.poll(r.p.Now())
	for polls := 0; p.Pending(); polls++ {
		if polls == 100 {
			r.Fatal("100 Polls have not told what is pending")
		}
		r.poll(poller.Never) // which does not wait
	}
	r.until("both are told", func() bool { return v.closed && !s.sending })
}

func metered(r *rig) {
	m, ok := r.p.(poller.Meter)
	if !ok {
		r.Skip("this poller is no poller.Meter")
	}
	a, b := r.pair(nil)
	b.start()
	r.settle()
	before := m.Events()
	r.quiet()
	if n := m.Events() - before; n != 0 {
		r.Errorf("%d events, and nothing has happened", n)
	}
	arrives(a, b, 10)
	if m.Events() == before {
		r.Error("data has arrived without an event")
	}
}

// risen causes upcalls of two kinds: of what was put off, in a Poll that does not wait, and
// of what comes while a Poll waits. The recorders look in all of them.
func risen(r *rig) {
	if _, ok := r.p.(poller.Sleeper); !ok {
		r.Skip("this poller is no poller.Sleeper")
	}
	noUpcallInFailure(r)
	wakeInUpcall(r)
	r.poll(r.p.Now().Add(time.Millisecond))
	if r.waiting() {
		r.Error("a Poll without an upcall does not say that it no longer waits")
	}
}

// waits looks at a Waiter's count to the nanosecond. With something ready a Poll must have
// waited 0 ns.
func waits(r *rig) {
	w, ok := r.p.(poller.Waiter)
	if !ok {
		r.Skip("this poller is no poller.Waiter")
	}
	a, b := r.pair(nil)
	b.start()
	r.settle()
	var waited time.Duration
	w.MeasureWaits(&waited)
	for range 100 {
		r.poll(r.p.Now())
		r.poll(0)
		r.wake()
		r.poll(poller.Never)
	}
	if waited != 0 {
		r.Errorf("%v were waited by Polls whose deadline is past, or which were woken before", waited)
	}
	blocked := 0
	const tries = 20
	for n := int64(1); n <= tries; n++ {
		b.stop()
		a.send(1)
		r.settle() // it has arrived
		b.start()
		waited = 0
		r.until("a byte is there", func() bool { return b.in == n })
		if waited != 0 {
			blocked++
		}
	}
	// Wine completes a receive in a process of its own, which may be later than the Poll.
	if blocked > 0 && Wine() == "" || blocked == tries {
		r.Errorf("%d of %d times something was waited for what was there", blocked, tries)
	}
	const pause = 20 * time.Millisecond
	waited = 0
	start := r.p.Now()
	r.idle(pause)
	if total := r.p.Now().Sub(start); waited < pause/2 || waited > total {
		r.Errorf("%v were waited in %v", waited, total)
	}
}
