package pollertest

import (
	"runtime"
	"strings"

	"example.com/pike/poller"
)

// Every recorder holds rule 1 in every test. These tests make the calls that are most
// likely to break it.
var upcallClauses = []clause{
	{name: "C1_no_upcall_inside_Start", test: noUpcallInStart, both: true},
	{name: "C1_no_upcall_inside_a_call_that_fails", test: noUpcallInFailure},
	{name: "C1_no_upcall_inside_Close", test: noUpcallInClose},
	{name: "C1_no_upcall_inside_the_calls_of_upcalls", test: noUpcallInUpcalls},
	{name: "C1_upcalls_on_the_goroutine_of_Poll", test: upcallGoroutine},
}

// noUpcallInStart starts sockets for which everything is there already.
func noUpcallInStart(r *rig) {
	v := r.listenAt(r.addr(0), nil)
	a := r.dial(v.addr(), nil)
	p, q := r.bindAt(r.addr(0), nil), r.bindAt(r.addr(0), nil)
	p.deliver(message(q.addr(), 1, 10))
	r.settle()
	v.start()
	q.start()
	r.until("a connection is there", func() bool { return a.connected && len(v.conns) == 1 })
	r.until("a message is there", func() bool { return len(q.got) == 1 })
	b := v.last()
	b.send(100)
	b.shutdown()
	r.settle()
	a.start()
	r.until("data and the end are there", a.ended)
	if a.in != 100 {
		r.Errorf("received %d bytes, want 100", a.in)
	}
}

func noUpcallInFailure(r *rig) {
	c := r.dial(r.nobody(), nil)
	p := r.bind(nil)
	p.send(poller.Message{Data: make([]byte, 100_000), Peer: p.addr().AddrPort})
	a, b := r.pair(nil)
	a.start()
	b.reset()
	r.until("the reset is seen", a.ended)
	a.send(10)
	r.until("every error is told", func() bool { return c.dialErr != nil && !p.sending && !a.sending })
	for range 3 {
		a.trySend(10)
		a.shutdown()
		a.stop()
		a.start()
	}
	r.settle()
}

func noUpcallInClose(r *rig) {
	a, b := r.pair(tight)
	c := r.dial(r.nobody(), nil)
	p := r.bind(nil)
	v := r.listenAt(r.addr(0), nil)
	a.fill()
	for _, s := range r.sockets {
		s.close()
		s.close() // again: it does nothing
	}
	r.until("all are closed", func() bool { return a.closed && b.closed && c.closed && p.closed && v.closed })
}

// noUpcallInUpcalls makes every call from Received while the other sockets have
// something to say.
func noUpcallInUpcalls(r *rig) {
	a, b := r.pair(nil)
	c, d := r.pair(tight)
	p, q := r.bind(nil), r.bind(nil)
	c.fill()
	b.on.received = func(_ []byte, err error) {
		if err != nil {
			return
		}
		d.start()
		c.unsent()
		q.stop()
		q.start()
		if !q.sending {
			q.send(messages(p.addr(), 3, 10)...)
		}
		if !b.sending {
			b.send(10)
		}
		b.stop()
		b.start()
		r.dial(r.nobody(), nil)
		r.bind(nil)
		r.listen(nil)
		r.wake()
	}
	a.start()
	b.start()
	a.send(100)
	r.until("everybody is served", func() bool {
		return !c.sending && d.in == c.out && b.in == 100 && a.in == b.out && len(p.got) > 0
	})
}

func upcallGoroutine(r *rig) {
	here := goroutine()
	check := func(what string) {
		if g := goroutine(); g != here {
			r.Errorf("rule 1: %s on goroutine %s, Poll on %s", what, g, here)
		}
	}
	v := r.listen(tight)
	v.on.accepted = func(*conn) bool { check("Accepted"); return true }
	v.on.closed = func() { check("Closed") }
	a := r.dial(v.addr(), tight)
	a.on.connected = func(error) { check("Connected") }
	r.until("both are connected", func() bool { return a.connected && len(v.conns) == 1 })
	b := v.last()
	b.on.received = func([]byte, error) { check("Received") }
	a.on.sent = func(error) { check("Sent") }
	a.on.closed = func() { check("Closed") }
	p, q := r.bind(nil), r.bind(nil)
	p.on.sent = func(int, error) { check("Sent of a packet socket") }
	q.on.received = func([]poller.Message, error) { check("Received of a packet socket") }
	a.fill()
	b.start()
	p.send(messages(q.addr(), 50, 100)...)
	r.until("all is received", func() bool { return !a.sending && b.in == a.out && !p.sending && len(q.got) == 50 })
	a.close()
	v.close()
	r.until("both are closed", func() bool { return a.closed && v.closed })
}

// goroutine names the goroutine it is called on.
func goroutine() string {
	b := make([]byte, 64)
	b = b[:runtime.Stack(b, false)]
	return strings.Fields(string(b))[1] // goroutine N [running]:
}
