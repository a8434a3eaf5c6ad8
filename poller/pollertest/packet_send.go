package pollertest

import (
	"errors"
	"net/netip"

	"example.com/pike/poller"
)

var packetClauses = []clause{
	{name: "Packet_echo", test: packetEcho, both: true},
	{name: "Packet_batches", test: packetBatches, both: true},
	{name: "Packet_empty_datagrams", test: packetEmpty, both: true},
	{name: "Packet_of_every_size", test: packetSizes, both: true},
	{name: "Packet_of_the_largest_size", test: packetLargest, both: true},
	{name: "Packet_send_of_nothing_is_done", test: packetNothing},
	{name: "Packet_send_from_Sent_and_Received", test: packetChain},
	{name: "Packet_many_senders", test: packetMany, both: true},
}

func packetEcho(r *rig) {
	p, q := r.bind(nil), r.bind(nil)
	q.on.received = func(ms []poller.Message, _ error) {
		if !q.sending {
			q.send(ms...) // to where they came from
		}
	}
	for i := range 50 {
		m := message(q.addr(), i, 10*i)
		p.deliver(m)
		p.expect(m) // from q
	}
}

// packetBatches sends as many at once as fill the batches of a system call, and
// one more.
func packetBatches(r *rig) {
	for _, n := range []int{1, 2, 31, 32, 33, 63, 64, 65, 128, 129} {
		p, q := r.bind(nil), r.bind(nil)
		ms := messages(q.addr(), n, 100)
		p.deliver(ms...)
		q.expect(p.from(ms...)...)
		r.settle()
		if len(q.got) > 0 {
			r.Errorf("received %d messages more than were sent", len(q.got))
		}
		p.close()
		q.close()
	}
}

func packetEmpty(r *rig) {
	p, q := r.bind(nil), r.bind(nil)
	ms := []poller.Message{
		message(q.addr(), 0, 0), message(q.addr(), 1, 10), message(q.addr(), 0, 0),
		{Peer: q.addr().AddrPort},
	}
	p.deliver(ms...)
	q.expect(p.from(ms...)...)
}

func packetSizes(r *rig) {
	p, q := r.bind(nil), r.bind(nil)
	for _, n := range []int{1, 2, 511, 512, 513, 1400, 1472, 1473, 4096, 8192, 9000} {
		ms := messages(q.addr(), 3, n)
		p.deliver(ms...)
		q.expect(p.from(ms...)...)
	}
}

// packetLargest sends the most that fits into a packet of IPv4. Some systems have a lower
// limit of their own.
func packetLargest(r *rig) {
	p, q := r.bind(nil), r.bind(nil)
	for i := range 3 {
		m := message(q.addr(), i, 65507)
		if !p.send(m) {
			r.until("it is answered", func() bool { return !p.sending })
			if errors.Is(p.sendErr, faultTooBig) {
				r.Skip("this system takes no datagram of 65507 bytes: ", p.sendErr)
			}
		}
		q.expect(p.from(m)...)
	}
}

func packetNothing(r *rig) {
	p := r.bind(nil)
	for range 2 {
		if !p.send() {
			r.Error("a Send of no messages is not done")
		}
	}
	r.settle()
}

func packetChain(r *rig) {
	p, q := r.bind(nil), r.bind(nil)
	const rounds = 200
	left, owed := rounds, 0
	next := func() {
		for left > 0 && !p.sending && owed == 0 {
			left--
			owed++
			p.send(message(q.addr(), left, 10))
		}
	}
	p.on.sent = func(int, error) { next() }
	q.on.received = func(ms []poller.Message, _ error) { owed -= len(ms); next() }
	next()
	r.until("all is received", func() bool { return len(q.got) == rounds })
}

// packetMany has one Received deliver what several sent.
func packetMany(r *rig) {
	q := r.bindAt(r.addr(0), nil)
	var want []poller.Message
	for i := range 20 {
		p := r.bind(nil)
		ms := []poller.Message{message(q.addr(), 2*i, 30), message(q.addr(), 2*i+1, 40)}
		p.deliver(ms...)
		want = append(want, p.from(ms...)...)
	}
	r.settle()
	q.start()
	q.expect(want...)
}

var packetErrorClauses = []clause{
	{name: "Packet_too_large", test: packetTooLarge, both: true},
	{name: "Packet_to_nobody", test: packetNoPeer},
	{name: "Packet_to_the_other_family", test: packetOtherFamily},
	{name: "Packet_error_in_the_middle", test: packetMiddle, both: true},
	{name: "Packet_close_answers_the_send", test: packetCloseSending},
}

// fails sends ms, and holds that exactly the first n go out.
func (p *packet) fails(n int, ms ...poller.Message) error {
	p.Helper()
	if p.send(ms...) {
		p.Fatalf("%s: a Send that must fail is done: errors come by upcall", p.name)
	}
	p.until("it is answered", func() bool { return !p.sending })
	if p.sendErr == nil || p.sent != n {
		p.Errorf("%s: Sent(%d, %v), want %d and an error", p.name, p.sent, p.sendErr, n)
	}
	return p.sendErr
}

func packetTooLarge(r *rig) {
	p, q := r.bind(nil), r.bind(nil)
	for i := range 3 {
		err := p.fails(0, message(q.addr(), i, 65536+i*30_000))
		r.is("Sent", err, faultTooBig)
		m := message(q.addr(), i, 100) // and the next goes on
		p.deliver(m)
		q.expect(p.from(m)...)
	}
}

func packetNoPeer(r *rig) {
	p, q := r.bind(nil), r.bind(nil)
	r.is("Sent", p.fails(0, poller.Message{Data: []byte("nobody")}), faultNoPeer)
	m := message(q.addr(), 1, 100)
	p.fails(1, m, poller.Message{Data: []byte("nobody")}, m)
	q.expect(p.from(m)...)
}

func packetOtherFamily(r *rig) {
	p := r.bind(nil)
	far := poller.Message{Data: []byte("far"), Peer: netip.AddrPortFrom(netip.IPv6Loopback(), 9)}
	r.is("Sent", p.fails(0, far), faultFamily)
	p.deliver(message(p.addr(), 1, 10))
	r.until("it still works", func() bool { return len(p.got) == 1 })
}

// packetMiddle has the k-th of many fail, at the edges of a batch.
func packetMiddle(r *rig) {
	for _, k := range []int{0, 1, 5, 63, 64, 65, 99} {
		p, q := r.bind(nil), r.bind(nil)
		ms := messages(q.addr(), 100, 50)
		ms[k].Data = make([]byte, 70_000)
		r.is("Sent", p.fails(k, ms...), faultTooBig)
		q.expect(p.from(ms[:k]...)...)
		r.settle()
		if len(q.got) > 0 {
			r.Errorf("%d messages after the one that failed were sent", len(q.got))
		}
		p.deliver(ms[k+1:]...)
		q.expect(p.from(ms[k+1:]...)...)
		p.close()
		q.close()
	}
}

func packetCloseSending(r *rig) {
	for range 3 {
		p, q := r.bind(nil), r.bind(nil)
		p.send(messages(q.addr(), 200, 1000)...)
		answers, sending := p.answers, p.sending
		p.close()
		r.until("it is closed", p.over)
		if sending && p.answers != answers+1 {
			r.Errorf("%d answers, want 1", p.answers-answers)
		}
		p = r.bind(nil)
		p.send(message(q.addr(), 1, 100_000))
		p.close()
		r.until("it is closed", p.over)
		if p.answers > 1 {
			r.Errorf("%d answers, want 1", p.answers)
		}
	}
}
