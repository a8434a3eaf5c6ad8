package pollertest

import (
	"slices"

	"example.com/pike/poller"
)

// These tests are of runs of datagrams. What arrives is what was sent, whether the system or
// the backend cuts and joins the runs.
var segmentClauses = []clause{
	{name: "Segment_runs_of_every_count", test: segmentCounts, both: true},
	{name: "Segment_runs_of_every_size", test: segmentSizes, both: true},
	{name: "Segment_runs_among_others", test: segmentMixed, both: true},
	{name: "Segment_message_is_cut", test: segmentCut, both: true},
	{name: "Segment_message_is_echoed_whole", test: segmentEcho, both: true},
	{name: "Segment_of_a_bad_size", test: segmentBad, both: true},
	{name: "Segment_run_to_a_connected_peer", test: segmentConnected, both: true},
	{name: "Segment_run_by_multicast", test: segmentMulticast, both: true},
}

// roomy is a receiver of more than systems let wait by default.
const roomy = 1 << 20

// offloads has a test run for each way of sending and of receiving.
func (r *rig) offloads(test func(p, q *packet)) {
	for _, sends := range []poller.Options{{}, {NoOffload: true}} {
		for _, receives := range []poller.Options{{}, {RecvSegments: true}, {RecvSegments: true, NoOffload: true}} {
			receives.RecvBuffer = roomy
			p, q := r.bind(&sends), r.bind(&receives)
			test(p, q)
			r.settle()
			if len(q.got) > 0 {
				r.Errorf("received %d datagrams more than were sent", len(q.got))
			}
			p.close()
			q.close()
		}
	}
}

func segmentCounts(r *rig) {
	r.offloads(func(p, q *packet) {
		for _, n := range []int{1, 2, 3, 21, 45, 63, 64, 65, 128, 129} {
			ms := messages(q.addr(), n, 200)
			p.deliver(ms...)
			q.expect(p.from(ms...)...)
			ms[n-1].Data = ms[n-1].Data[:1] // the last may be shorter
			p.deliver(ms...)
			q.expect(p.from(ms...)...)
		}
	})
}

func segmentSizes(r *rig) {
	r.offloads(func(p, q *packet) {
		for _, size := range []int{1, 2, 508, 1024, 1400, 1472, 1473, 9000, 16000, 32000} {
			n := max(2, min(40, 100_000/size))
			ms := messages(q.addr(), n, size)
			p.deliver(ms...)
			q.expect(p.from(ms...)...)
		}
	})
}

// segmentMixed has runs begin and end for every reason there is.
func segmentMixed(r *rig) {
	r.offloads(func(p, q *packet) {
		other := r.bind(&poller.Options{RecvSegments: true})
		var ms, toQ, toOther []poller.Message
		for i, size := range []int{
			100, 100, 100, // a run
			100, 100, 50, // with a shorter last one
			50, 60, 60, 0, // each longer than the run before it, and an empty one
			0, 0, 7, 7, 7, 7,
			-8, -8, 8, 8, -8, 8, -8, -8, // to another peer
			300, 300, 300,
		} {
			to, list := q, &toQ
			if size < 0 {
				size, to, list = -size, other, &toOther
			}
			m := message(to.addr(), i, size)
			ms, *list = append(ms, m), append(*list, m)
		}
		p.deliver(ms...)
		q.expect(p.from(toQ...)...)
		other.expect(p.from(toOther...)...)
		other.close()
	})
}

// run returns a message that is a run of n datagrams, and the datagrams themselves. All but
// the last have the given size.
func run(to poller.Addr, n, size, last int) (m poller.Message, ms []poller.Message) {
	ms = messages(to, n, size)
	ms[n-1].Data = ms[n-1].Data[:last]
	m = poller.Message{Peer: to.AddrPort, Segment: size}
	for _, one := range ms {
		m.Data = append(m.Data, one.Data...)
	}
	return m, ms
}

// segmentCut also sends runs that are longer than any system takes at once. With 256
// datagrams BSDs would begin to drop some (net.inet.ip.intr_queue_maxlen).
func segmentCut(r *rig) {
	r.offloads(func(p, q *packet) {
		for _, c := range []struct{ n, size, last int }{
			{1, 100, 100}, {1, 100, 1}, {2, 100, 1}, {2, 100, 100}, {21, 45, 45}, {64, 300, 10}, {65, 300, 300},
			{129, 200, 7}, {250, 1, 1}, {130, 600, 599}, {3, 30_000, 29_999},
		} {
			m, ms := run(q.addr(), c.n, c.size, c.last)
			p.deliver(m)
			q.expect(p.from(ms...)...)
		}
		one := message(q.addr(), 1, 500)
		m, ms := run(q.addr(), 40, 500, 3)
		p.deliver(one, m, one, m, m)
		q.expect(p.from(slices.Concat(ms, ms, ms, []poller.Message{one, one})...)...)
		none := poller.Message{Peer: q.addr().AddrPort, Segment: 10}
		p.deliver(none) // is an empty datagram
		q.expect(p.from(none)...)
	})
}

// segmentEcho sends what was received as it was received.
func segmentEcho(r *rig) {
	p, q := r.bind(&poller.Options{RecvBuffer: roomy}), r.bind(&poller.Options{RecvSegments: true, RecvBuffer: roomy})
	var owed []poller.Message
	next := func() {
		if len(owed) > 0 && !q.sending {
			ms := owed
			owed = nil
			q.send(ms...)
		}
	}
	q.on.received = func(ms []poller.Message, _ error) {
		for _, m := range ms {
			m.Data = append([]byte(nil), m.Data...)
			owed = append(owed, m)
		}
		next()
	}
	q.on.sent = func(int, error) { next() }
	for _, n := range []int{1, 2, 21, 64, 129} {
		ms := messages(q.addr(), n, 400)
		p.deliver(ms...)
		p.expect(ms...) // from q
	}
	q.got = nil
}

func segmentBad(r *rig) {
	r.offloads(func(p, q *packet) {
		huge, _ := run(q.addr(), 2, 70_000, 70_000)
		one := message(q.addr(), 1, 100)
		r.is("Sent", p.fails(0, huge), faultTooBig)
		r.is("Sent", p.fails(1, one, huge, one), faultTooBig)
		q.expect(p.from(one)...)
		p.fails(0, poller.Message{Data: one.Data, Peer: one.Peer, Segment: -1})
		p.fails(0, poller.Message{Data: one.Data, Segment: 10})
		p.deliver(one)
		q.expect(p.from(one)...)
	})
}

func segmentConnected(r *rig) {
	r.offloads(func(p, q *packet) {
		r.noError("Connect", p.connect(q.addr()))
		ms := messages(q.addr(), 65, 100)
		want := p.from(ms...)
		p.deliver(nameless(ms...)...)
		q.expect(want...)
		m, ms := run(q.addr(), 65, 100, 10)
		want = p.from(ms...)
		p.deliver(nameless(m)...)
		q.expect(want...)
	})
}

func segmentMulticast(r *rig) {
	c := r.club()
	ms := messages(c.to, 20, 100)
	c.sender.deliver(ms...)
	r.until("all is received", func() bool { return len(c.member.got) >= len(ms) })
	seen := map[string]int{}
	for _, m := range c.member.got {
		seen[string(m.Data)]++
	}
	for i, m := range ms {
		if seen[string(m.Data)] != 1 {
			r.Errorf("datagram %d of a run to a group arrived %d times", i, seen[string(m.Data)])
		}
	}
}
