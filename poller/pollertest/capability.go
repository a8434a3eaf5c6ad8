package pollertest

import (
	"time"

	"example.com/pike/poller"
)

// What only some backends can do; the others skip.
var capabilityClauses = []clause{
	{name: "Acker_tells_what_has_arrived", test: acked, both: true},
	{name: "Foreteller_tells_of_data_and_of_the_end", test: foretold, both: true},
	{name: "Foreteller_tells_of_a_dial", test: foretoldDial, both: true},
	{name: "Foreteller_tells_of_a_send", test: foretoldSend, both: true},
	{name: "Foreteller_tells_of_a_reset", test: foretoldReset},
	{name: "Foreteller_tells_of_more_than_one_Poll_tells", test: foretoldMany},
	{name: "Pender_tells_what_was_put_off", test: pending},
	{name: "Meter_counts_events", test: metered},
}

func acked(r *rig) {
	a, b := r.pair(tight)
	k, ok := a.s.(poller.Acker)
	if !ok {
		r.Skip("streams are no poller.Ackers")
	}
	if n := k.Unacked(); n != 0 {
		r.Errorf("%d bytes are unacknowledged before any was sent", n)
	}
	a.fill()
	if n := k.Unacked(); n <= 0 || n > int(a.out) {
		r.Errorf("%d bytes are unacknowledged of %d to a peer that is full", n, a.out)
	}
	b.start()
	r.until("all is received", func() bool { return !a.sending && b.in == a.out })
	// An acknowledgement makes no Poll return, so that all there is to do is to look.
	ackedAll := func(what string) {
		for start := r.p.Now(); k.Unacked() > 0; r.idle(time.Millisecond) {
			if r.p.Now().Sub(start) > patience {
				r.Fatalf("%s is not acknowledged: %d", what, k.Unacked())
			}
		}
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
