package pollertest

import (
	"fmt"

	"example.com/pike/poller"
)

// A server owns a listener.
type server struct {
	life
	s     poller.Socket
	conns []*conn // in the order accepted
	on    struct {
		accepted func(c *conn) (keep bool)
		failed   func(err error)
		closed   func()
	}
	refused int   // connections that the test did not keep
	failure error // the last Failed
}

// Accepted implements poller.Acceptor, as the methods below do.
func (v *server) Accepted(s poller.Stream) poller.StreamHandler {
	v.receiving("Accepted", 0)
	c := &conn{s: s}
	c.life = life{rig: v.rig, name: fmt.Sprintf("%s/accepted %d", v.name, len(v.conns)+v.refused)}
	c.identify()
	if v.on.accepted != nil && !v.on.accepted(c) {
		v.refused++
		return nil
	}
	v.conns = append(v.conns, c)
	v.sockets = append(v.sockets, c)
	return c
}

func (v *server) Failed(err error) {
	v.receiving("Failed", 0)
	if err == nil {
		v.Errorf("%s: Failed(nil)", v.name)
	}
	v.failure, v.started = err, false
	if v.on.failed != nil {
		v.on.failed(err)
	}
}

func (v *server) Closed() {
	v.ending()
	if v.on.closed != nil {
		v.on.closed()
	}
}

func (v *server) start() {
	v.started = !v.closing
	v.call("Start", v.s.Start)
}

func (v *server) stop() {
	v.started = false
	v.call("Stop", v.s.Stop)
}

func (v *server) close() { v.endBy("Close", v.s.Close) }

func (v *server) addr() (a poller.Addr) {
	v.call("Addr", func() { a = v.s.Addr() })
	return a
}

// last is the connection accepted last.
func (v *server) last() *conn { return v.conns[len(v.conns)-1] }

// tryListen opens a listener.
func (r *rig) tryListen(addr poller.Addr, o *poller.Options) (*server, error) {
	v := &server{life: life{rig: r, name: fmt.Sprintf("socket %d, listener", len(r.sockets))}}
	var err error
	r.call("Listen", func() { v.s, err = r.p.Listen(r.at(addr), o, v) })
	if err != nil {
		return nil, err
	}
	r.sockets = append(r.sockets, v)
	return v, nil
}

// listenAt opens a listener, stopped.
func (r *rig) listenAt(addr poller.Addr, o *poller.Options) *server {
	r.Helper()
	v, err := r.tryListen(addr, o)
	if err != nil {
		r.Fatalf("Listen on %v: %v", addr, err)
	}
	return v
}

// listen opens a listener on any port, started.
func (r *rig) listen(o *poller.Options) *server {
	r.Helper()
	v := r.listenAt(r.addr(0), o)
	v.start()
	return v
}

// tryDial starts to connect.
func (r *rig) tryDial(addr poller.Addr, o *poller.Options) (*conn, error) {
	c := &conn{dialed: true, life: life{rig: r, name: fmt.Sprintf("socket %d, dialed", len(r.sockets))}}
	var err error
	r.call("Dial", func() { c.s, err = r.p.Dial(r.at(addr), o, c) })
	if err != nil {
		return nil, err
	}
	r.sockets = append(r.sockets, c)
	return c, nil
}

func (r *rig) dial(addr poller.Addr, o *poller.Options) *conn {
	r.Helper()
	c, err := r.tryDial(addr, o)
	if err != nil {
		r.Fatalf("Dial %v: %v", addr, err)
	}
	return c
}

// pairOf dials v and returns both ends, stopped.
func (r *rig) pairOf(v *server, o *poller.Options) (dialed, accepted *conn) {
	r.Helper()
	n := len(v.conns)
	a := r.dial(v.addr(), o)
	r.until("a connection is there", func() bool {
		if a.connected {
			accepted = v.peerOf(a, n)
		}
		return accepted != nil && accepted.told || a.dialErr != nil
	})
	if a.dialErr != nil {
		r.Fatalf("%s: Connected(%v)", a.name, a.dialErr)
	}
	if accepted.dialErr != nil {
		r.Fatalf("%s: Connected(%v)", accepted.name, accepted.dialErr)
	}
	if r.swap {
		return accepted, a
	}
	return a, accepted
}

// peerOf finds the other end of a, of what was accepted after the first n. It need not be the
// last: layers get ready in an order of their own.
func (v *server) peerOf(a *conn, n int) *conn {
	for _, c := range v.conns[n:] {
		if !c.closed && (c.s.Peer() == a.s.Addr() || v.fresh != nil) {
			return c
		}
	}
	return nil
}

// pair is both ends of a connection, stopped.
func (r *rig) pair(o *poller.Options) (dialed, accepted *conn) {
	r.Helper()
	return r.pairOf(r.listen(o), o)
}

// tight makes the system's buffers small, so that it takes no more soon.
var tight = &poller.Options{RecvBuffer: 16 << 10, SendBuffer: 16 << 10}
