package pollertest

import (
	"time"

	"example.com/pike/poller"
)

// The recorders count what one Poll delivers, in every test.
var budgetClauses = []clause{
	{name: "C6_endless_sender_starves_nobody", test: endlessSender, both: true},
	{name: "C6_endless_sender_holds_up_no_deadline", test: endlessAndDeadline},
	{name: "C6_endless_datagrams_starve_nobody", test: endlessDatagrams, both: true},
	{name: "C6_endless_errors_starve_nobody", test: endlessErrors},
	{name: "C6_endless_accepting_starves_nobody", test: endlessAccepting},
	{name: "C6_more_connections_than_one_Poll_accepts", test: acceptMany, both: true},
	{name: "C6_more_sockets_than_one_Poll_reports", test: manySockets},
	{name: "C6_more_data_than_one_Poll_delivers", test: moreThanBudget},
}

// endless is a connection that is never idle. What it receives is sent again before the
// upcall is over, so that only a budget ends the Poll.
func (r *rig) endless() (a, b *conn) {
	// The buffers are large, because with small ones the system itself would make pauses.
	// FreeBSD refuses more than some 1,800,000 bytes (kern.ipc.maxsockbuf).
	a, b = r.pair(&poller.Options{RecvBuffer: 1 << 20, SendBuffer: 1 << 20})
	const much = 1 << 20
	more := func() {
		if !a.sending && a.trySend(much) == 0 {
			a.send(much)
		}
	}
	a.on.sent = func(error) { more() }
	b.on.received = func([]byte, error) { more() }
	b.start()
	more()
	return a, b
}

// served holds that an echo gets through while something else is endless.
func (r *rig) served() {
	r.Helper()
	c, d := r.pair(nil)
	c.start()
	d.start()
	d.reply()
	for range 10 {
		c.send(10)
		r.within(1000, "the other connection is served", func() bool { return c.in == c.out && !c.sending })
	}
	c.reset()
	d.close()
}

func endlessSender(r *rig) {
	a, b := r.endless()
	r.served()
	in := b.in
	r.within(1000, "it goes on", func() bool { return b.in > in })
	a.reset()
}

func endlessAndDeadline(r *rig) {
	a, _ := r.endless()
	for range 5 {
		r.idle(2 * time.Millisecond) // which fails if a Poll does not come back
	}
	a.reset()
}

// endlessDatagrams has a socket that sends itself a datagram for each one that it gets.
func endlessDatagrams(r *rig) {
	p := r.bind(nil)
	to := p.addr()
	p.on.received = func(ms []poller.Message, _ error) {
		if !p.sending {
			p.send(messages(to, min(len(ms), 40), 20)...)
		}
		p.got = nil
	}
	p.send(messages(to, 40, 20)...)
	r.served()
	q := r.bind(nil)
	for n := range 10 {
		q.got = nil
		q.send(message(q.addr(), n, 10))
		r.within(1000, "the other socket is served", func() bool { return len(q.got) == 1 && !q.sending })
	}
	p.on.received = nil
}

// endlessErrors sends again whenever a Send fails.
func endlessErrors(r *rig) {
	a, b := r.pair(nil)
	a.start()
	b.reset()
	r.until("the reset is received", a.ended)
	a.on.sent = func(error) {
		for !a.sending && !a.closing {
			a.send(100)
		}
	}
	a.on.sent(nil)
	p := r.bind(nil)
	p.on.sent = func(int, error) {
		if !p.closing {
			p.send(message(p.addr(), 1, 100_000))
		}
	}
	p.send(message(p.addr(), 1, 100_000))
	r.served()
	if a.answers < 10 || p.answers < 10 {
		r.Errorf("%d and %d Sends were answered, want more than that", a.answers, p.answers)
	}
	a.close()
	p.close()
	r.until("both are closed", func() bool { return a.closed && p.closed })
}

// endlessAccepting dials again for each connection that comes in.
func endlessAccepting(r *rig) {
	v := r.listen(nil)
	var last *conn
	dials, over := 0, false
	next := func() {
		dials++
		c := r.dial(v.addr(), nil)
		c.on.connected = func(error) { c.close() } // or a fast machine would run out of descriptors
		last = c
	}
	v.on.accepted = func(c *conn) bool {
		if !over {
			next()
		}
		c.reset()
		return true
	}
	for range 20 {
		next()
	}
	r.served()
	over = true
	r.until("that has ended", func() bool { return len(v.conns) == dials && (last.connected || last.dialErr != nil) })
}

func acceptMany(r *rig) {
	v := r.listenAt(r.addr(0), nil)
	const n = 100 // more than a budget, and fewer than any system's backlog
	var all []*conn
	for range n {
		all = append(all, r.dial(v.addr(), nil))
	}
	r.settle()
	v.start()
	r.until("all are accepted", func() bool { return len(v.conns) == n })
	r.until("all are connected", func() bool {
		for _, c := range all {
			if !c.connected {
				return false
			}
		}
		return true
	})
	for _, c := range all {
		c.reset()
	}
}

// manySockets has more sockets ready than fit into a batch.
func manySockets(r *rig) {
	v := r.listen(nil)
	const n = 300
	var from, to []*conn
	for range n {
		a, b := r.pairOf(v, nil)
		from, to = append(from, a), append(to, b)
	}
	for round := int64(1); round <= 3; round++ {
		for _, a := range from {
			a.send(1)
		}
		r.settle()
		for _, b := range to {
			b.start()
		}
		r.within(100*n, "each is served", func() bool {
			for _, b := range to {
				if b.in < round {
					return false
				}
			}
			return true
		})
		for _, b := range to {
			b.stop()
		}
	}
	for _, a := range from {
		a.reset()
	}
}

func moreThanBudget(r *rig) {
	a, b := r.pair(nil)
	a.send(24 << 20)
	b.start()
	r.until("all is received", func() bool { return b.in == a.out && !a.sending })
}
