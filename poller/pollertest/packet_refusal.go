package pollertest

import (
	"errors"

	"example.com/pike/poller"
)

// What comes back for one datagram is no error of another one, neither of a datagram to
// somebody else nor of a later one.
var refusalClauses = []clause{
	{name: "Refusal_by_one_peer_spares_others", test: refusalSpares, both: true},
	{name: "Refusal_is_told_of_each_datagram", test: refusalEach, both: true},
	{name: "Refusal_waits_while_stopped", test: refusalStopped, both: true},
	{name: "Refusal_of_old_takes_nothing_of_a_run", test: refusalOld, both: true},
	{name: "Refusal_is_of_the_peer_before", test: refusalBefore, both: true},
}

// curious is a socket that is told of refusals, or a reason to skip.
func (r *rig) curious() *packet {
	r.Helper()
	p, err := r.tryBind(r.addr(0), &poller.Options{RecvError: true})
	if errors.Is(err, errors.ErrUnsupported) {
		r.Skip("this backend tells no refusals of sockets that are not connected: ", err)
	}
	r.noError("Bind", err)
	return p
}

// refusals are the errors received, by the port that refused. All of them must be refusals.
// They are forgotten then.
func (p *packet) refusals() map[uint16]int {
	p.Helper()
	by := map[uint16]int{}
	for _, err := range p.errs {
		p.is("Received", err, faultRefused)
		var of *poller.PeerError
		if !errors.As(err, &of) {
			p.Errorf("%s: Received(%v), which names no peer", p.name, err)
			continue
		}
		by[of.Peer.Port()]++
	}
	p.errs = nil
	return by
}

// refusing are n addresses where nobody is.
func (r *rig) refusing(n int) (ports []poller.Addr) {
	for range n {
		p := r.bindAt(r.addr(0), nil)
		ports = append(ports, p.addr())
		defer func() {
			p.close()
			r.until("it is closed", p.over)
		}()
	}
	return ports
}

func refusalSpares(r *rig) {
	p, q := r.curious(), r.bind(nil)
	p.start()
	dead := r.refusing(1)[0]
	const rounds = 10
	for i := range rounds {
		lost, m := message(dead, i, 10), message(q.addr(), i, 20)
		p.deliver(lost)
		if i%2 == 0 {
			r.settle()
		}
		p.deliver(m, lost, m)
		q.expect(p.from(m, m)...)
	}
	r.until("all refusals are told", func() bool { return len(p.errs) >= 2*rounds })
	if by := p.refusals(); by[dead.Port()] != 2*rounds || len(by) != 1 {
		r.Errorf("refused by %v, want %d by %d", by, 2*rounds, dead.Port())
	}
	r.quiet()
}

func refusalEach(r *rig) {
	p := r.curious()
	p.start()
	dead := r.refusing(40)
	var ms []poller.Message
	for i, to := range dead {
		ms = append(ms, message(to, i, 10))
	}
	p.deliver(ms...)
	r.until("all refusals are told", func() bool { return len(p.errs) >= len(dead) })
	r.settle()
	by := p.refusals()
	for _, to := range dead {
		if by[to.Port()] != 1 {
			r.Errorf("%v has refused one datagram; told were %d", to, by[to.Port()])
		}
	}
	r.quiet()
}

func refusalStopped(r *rig) {
	p := r.curious()
	dead := r.refusing(5)
	for i, to := range dead {
		p.deliver(message(to, i, 10), message(to, i, 20))
	}
	r.settle()
	r.quiet()
	p.start()
	r.until("all refusals are told", func() bool { return len(p.errs) >= 2*len(dead) })
	by := p.refusals()
	for _, to := range dead {
		if by[to.Port()] != 2 {
			r.Errorf("%v has refused two datagrams; told were %d", to, by[to.Port()])
		}
	}
}

// refusalOld has a peer refuse a datagram, and be there when the next one is sent. FreeBSD
// refuses only 200 times a second, and that must not matter.
func refusalOld(r *rig) {
	for _, n := range []int{1, 2, 65} {
		at := r.refusing(1)[0]
		p := r.bindAt(r.addr(0), nil) // stopped, so that the refusal stays with the socket
		r.noError("Connect", p.connect(at))
		p.deliver(poller.Message{Data: []byte("anybody?")})
		r.settle()
		q := r.bindAt(at, &poller.Options{RecvBuffer: roomy})
		q.start()
		m, ms := run(at, n, 100, 50)
		want := p.from(ms...)
		p.deliver(nameless(m)...)
		q.expect(want...)
		ms = messages(at, n, 30)
		want = p.from(ms...)
		p.deliver(nameless(ms...)...)
		q.expect(want...)
		p.start()
		r.settle()
		for port := range p.refusals() {
			if port != at.Port() {
				r.Errorf("port %d is said to refuse, want %d", port, at.Port())
			}
		}
		p.close()
		q.close()
	}
}

// refusalBefore connects to somebody else while a refusal waits to be told.
func refusalBefore(r *rig) {
	p, q := r.bindAt(r.addr(0), nil), r.bind(nil)
	dead := r.refusing(1)[0]
	r.noError("Connect", p.connect(dead))
	p.deliver(poller.Message{Data: []byte("anybody?")})
	r.settle()
	r.noError("Connect", p.connect(q.addr()))
	m := message(q.addr(), 1, 100)
	want := p.from(m)
	p.deliver(nameless(m)...)
	q.expect(want...)
	p.start()
	r.settle()
	for port := range p.refusals() {
		if port != dead.Port() {
			r.Errorf("port %d is said to refuse, want %d", port, dead.Port())
		}
	}
}
