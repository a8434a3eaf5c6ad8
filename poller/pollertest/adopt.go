package pollertest

import (
	"net"

	"example.com/pike/poller"
)

var adoptClauses = []clause{
	{name: "Adopt_a_released_stream", test: adoptStream, both: true},
	{name: "Adopt_a_released_listener", test: adoptListener, both: true},
	{name: "Adopt_a_duplicate_of_a_listener", test: adoptDuplicate, both: true},
	{name: "Adopt_a_released_packet_socket", test: adoptPacket, both: true},
	{name: "Adopt_leaves_the_descriptor_open", test: adoptTwice},
	{name: "Adopt_what_cannot_be", test: adoptWrong},
	{name: "Adopt_a_listener_that_is_made_blocking", test: adoptBlocking},
	{name: "Descriptor_of_a_listener_that_is_made_blocking", test: lentBlocking},
	{name: "Adopt_a_stream_that_lingers", test: adoptLingering},
	{name: "Release_with_a_send_out", test: releaseSending},
	{name: "Release_in_upcalls", test: releaseInUpcalls},
	{name: "Release_of_what_is_closed", test: releaseClosed},
}

// adopter is the poller's capability, or skips the test.
func (r *rig) adopter() poller.Adopter {
	r.Helper()
	p, ok := r.p.(poller.Adopter)
	if !ok {
		r.Skip("this poller adopts nothing: it is no poller.Adopter")
	}
	return p
}

// release takes the descriptor out of a socket; Closed must follow.
func (l *life) release(s poller.Socket) uintptr {
	l.Helper()
	rel, ok := releaser(s)
	if !ok {
		l.Skip("this socket is no poller.Releaser")
	}
	var fd uintptr
	var err error
	l.endBy("Release", func() { fd, err = rel.Release() })
	if err != nil {
		l.Fatalf("%s: Release: %v", l.name, err)
	}
	return fd
}

// releaser is s as a poller.Releaser, if what is below it is one too.
func releaser(s poller.Socket) (poller.Releaser, bool) {
	if st, ok := s.(poller.Stream); ok {
		return poller.As[poller.Releaser](st)
	}
	r, ok := s.(poller.Releaser)
	return r, ok
}

// drop closes a descriptor that a poller has given back, or of which it has a duplicate.
func (r *rig) drop(fd uintptr) {
	r.Helper()
	r.noError("closing a descriptor that is ours", closeDescriptor(fd))
}

// adopted continues c with a stream made of its descriptor.
func (c *conn) adopted(p poller.Adopter, fd uintptr) *conn {
	c.Helper()
	d := &conn{connected: true, told: true, ours: c.ours, theirs: c.theirs, in: c.in, out: c.out}
	d.life = life{rig: c.rig, name: c.name + ", adopted"}
	var err error
	c.call("AdoptStream", func() { d.s, err = p.AdoptStream(fd, d) })
	c.noError("AdoptStream", err)
	c.sockets = append(c.sockets, d)
	return d
}

// moved releases c and adopts its descriptor.
func (c *conn) moved(p poller.Adopter) *conn {
	c.Helper()
	fd := c.release(c.s)
	d := c.adopted(p, fd)
	c.drop(fd)
	return d
}

func adoptStream(r *rig) {
	p := r.adopter()
	a, b := r.pair(nil)
	a.start()
	b.start()
	arrives(a, b, 1000)
	b.stop()
	a.send(3000)
	r.settle() // it waits in the system, and moves along
	peer, addr := b.s.Peer(), b.s.Addr()
	c := b.moved(p)
	r.until("the first owner has seen Closed", b.over)
	r.same("Peer", c.s.Peer(), peer)
	r.same("Addr", c.s.Addr(), addr)
	c.start()
	r.until("what was waiting is received", func() bool { return c.in == a.out })
	arrives(c, a, 500)
	arrives(a, c, 500)
	c.close()
	r.until("the end is received", a.ended)
}

func adoptListener(r *rig) {
	p := r.adopter()
	v := r.listen(nil)
	r.pairOf(v, nil)
	v.stop()
	a := r.dial(v.addr(), nil)
	r.settle() // this connection waits, and moves along
	addr := v.addr()
	w := &server{life: life{rig: r, name: v.name + ", adopted"}}
	fd := v.release(v.s)
	var err error
	r.call("AdoptListener", func() { w.s, err = p.AdoptListener(fd, w) })
	r.noError("AdoptListener", err)
	r.sockets = append(r.sockets, w)
	r.drop(fd)
	r.same("Addr", w.addr(), addr)
	w.start()
	r.until("the connection is accepted", func() bool { return len(w.conns) == 1 && a.connected && v.closed })
	r.pairOf(w, nil)
}

// adoptDuplicate has two listeners of one socket. What waits is not lost when the first closes, and either may be
// made blocking.
func adoptDuplicate(r *rig) {
	p := r.adopter()
	v := r.listen(nil)
	d, ok := v.s.(poller.Duplicator)
	if !ok {
		r.Skip("a listener is no poller.Duplicator")
	}
	r.pairOf(v, nil)
	v.stop()
	fd, err := d.Duplicate()
	r.noError("Duplicate", err)
	r.madeBlocking(v, fd)
	v.stop()
	a := r.dial(v.addr(), nil)
	r.settle() // this connection waits
	w := &server{life: life{rig: r, name: v.name + ", duplicated"}}
	r.call("AdoptListener", func() { w.s, err = p.AdoptListener(fd, w) })
	r.noError("AdoptListener", err)
	r.sockets = append(r.sockets, w)
	r.drop(fd)
	r.same("Addr", w.addr(), v.addr())
	v.close()
	r.until("the first is closed", func() bool { return v.closed })
	if _, err := d.Duplicate(); err != net.ErrClosed {
		r.Errorf("Duplicate after Close: %v, want net.ErrClosed", err)
	}
	w.start()
	r.until("the connection is accepted", func() bool { return len(w.conns) == 1 && a.connected })
	r.pairOf(w, nil)
}

func adoptPacket(r *rig) {
	p := r.adopter()
	q, s := r.bind(nil), r.bind(nil)
	s.stop()
	m := message(s.addr(), 1, 100)
	q.deliver(m)
	r.settle()
	r.noError("Connect", s.connect(q.addr()))
	t := s.adopted(p, s.release(s.s))
	r.same("Peer", t.peer(), q.addr())
	t.start()
	t.expect(q.from(m)...)
	one := message(q.addr(), 2, 50)
	want := t.from(one)
	t.deliver(nameless(one)...)
	q.expect(want...)
}

// adopted continues p with a socket made of its descriptor, which is dropped.
func (p *packet) adopted(by poller.Adopter, fd uintptr) *packet {
	p.Helper()
	t := &packet{life: life{rig: p.rig, name: p.name + ", adopted"}}
	var err error
	p.call("AdoptPacket", func() { t.s, err = by.AdoptPacket(fd, t) })
	p.noError("AdoptPacket", err)
	p.sockets = append(p.sockets, t)
	p.drop(fd)
	return t
}

// adoptTwice holds that the descriptor stays the caller's: when what was made of it is
// closed, the descriptor and its connection can still be used.
func adoptTwice(r *rig) {
	p := r.adopter()
	a, b := r.pair(nil)
	a.start()
	fd := b.release(b.s)
	c := b.adopted(p, fd)
	arrives(c, a, 100)
	c.close()
	r.until("it is closed", c.over)
	d := c.adopted(p, fd)
	r.drop(fd)
	arrives(d, a, 100)
	d.close()
	r.until("the end is received", a.ended)
}

// adoptBlocking has another owner of a listener make it blocking, again and again. Poll must
// not sleep in an accept.
func adoptBlocking(r *rig) {
	p := r.adopter()
	v := r.listen(nil)
	w := &server{life: life{rig: r, name: v.name + ", adopted"}}
	fd := v.release(v.s)
	defer r.drop(fd)
	var err error
	r.call("AdoptListener", func() { w.s, err = p.AdoptListener(fd, w) })
	r.noError("AdoptListener", err)
	r.sockets = append(r.sockets, w)
	r.madeBlocking(w, fd)
}

// lentBlocking is the same for a listener of the poller's own whose descriptor was handed out.
func lentBlocking(r *rig) {
	v := r.listen(nil)
	d, ok := v.s.(poller.Descriptor)
	if !ok {
		r.Skip("a listener is no poller.Descriptor")
	}
	r.madeBlocking(v, d.Fd())
}

func (r *rig) madeBlocking(w *server, fd uintptr) {
	r.Helper()
	w.start()
	had := len(w.conns)
	for n := range 3 {
		r.noError("making it blocking", makeBlocking(fd))
		for range n + 1 { // several at once, too
			r.dial(w.addr(), nil)
		}
		r.promptly("accepting of a blocking listener", func() {
			r.until("all are accepted", func() bool { return len(w.conns) == had+(n+1)*(n+2)/2 })
			r.settle()
		})
	}
}

// adoptLingering closes a stream that came with a time to linger.
func adoptLingering(r *rig) {
	p := r.adopter()
	a, b := r.pair(nil)
	r.noError("SetOption", a.s.SetOption(poller.Linger, 30))
	c := a.moved(p)
	for c.trySend(50_000) == 50_000 {
	}
	r.promptly("a close of an adopted stream", func() {
		c.close()
		r.until("it is closed", c.over)
	})
	b.start()
	r.until("the end is received", b.ended)
	if b.in != c.out {
		r.Errorf("%d bytes were received of %d", b.in, c.out)
	}
}

// adoptWrong takes descriptors that are of the wrong kind, or none.
func adoptWrong(r *rig) {
	p := r.adopter()
	if _, err := p.AdoptStream(^uintptr(0), &conn{}); err == nil {
		r.Error("a descriptor was adopted that is none")
	}
	q := r.bind(nil)
	fd := q.release(q.s)
	r.until("it is released", q.over)
	if _, err := p.AdoptStream(fd, &conn{}); err == nil {
		r.Error("a packet socket was adopted as a stream")
	}
	if _, err := p.AdoptListener(fd, &server{}); err == nil {
		r.Error("a packet socket was adopted as a listener")
	}
	t := q.adopted(p, fd) // the errors have left it as it was
	t.start()
	t.deliver(message(t.addr(), 1, 10))
	r.until("it works", func() bool { return len(t.got) == 1 })

	v := r.listen(nil)
	fd = v.release(v.s)
	if _, err := p.AdoptStream(fd, &conn{}); err == nil {
		r.Error("a listener was adopted as a stream")
	}
	if _, err := p.AdoptPacket(fd, &packet{}); err == nil {
		r.Error("a listener was adopted as a packet socket")
	}
	r.drop(fd)
}

func releaseSending(r *rig) {
	p := r.adopter()
	a, b := r.pair(tight)
	rel, ok := releaser(a.s)
	if !ok {
		r.Skip("streams are no poller.Releasers")
	}
	a.fill()
	if _, err := rel.Release(); err == nil {
		r.Fatal("a stream was released with a Send in flight")
	}
	b.start()
	r.until("all is received", func() bool { return !a.sending && b.in == a.out })
	arrives(a.moved(p), b, 100)
}

// releaseInUpcalls moves connections on in the middle of a batch.
func releaseInUpcalls(r *rig) {
	p := r.adopter()
	v := r.listen(nil)
	from, to := r.readyPairs(v, 4)
	var moved []*conn
	for _, b := range to {
		b.on.received = func([]byte, error) {
			for _, other := range to {
				if !other.closing {
					moved = append(moved, other.moved(p))
				}
			}
		}
	}
	r.until("all were moved", func() bool { return len(moved) == len(to) })
	for i, c := range moved {
		c.start()
		for _, a := range from {
			if a.ours == c.theirs {
				arrives(a, c, 100+i)
			}
		}
	}
}

func releaseClosed(r *rig) {
	a, _ := r.pair(nil)
	rel, ok := releaser(a.s)
	if !ok {
		r.Skip("streams are no poller.Releasers")
	}
	a.close()
	for range 2 {
		if _, err := rel.Release(); err != net.ErrClosed {
			r.Errorf("Release after Close: %v, want net.ErrClosed", err)
		}
		r.until("it is closed", a.over)
	}
	fresh := r.dial(r.nobody(), nil)
	if rel, ok := releaser(fresh.s); ok {
		if _, err := rel.Release(); err == nil {
			r.Error("a stream was released that is being dialed")
		}
	}
}
