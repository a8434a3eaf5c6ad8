package stream

import (
	"context"
	"net"
	"os"
	"time"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// defaultLayerTimeout is what http.DefaultTransport gives a TLS handshake.
const defaultLayerTimeout = 10 * time.Second

// everyLayer, if it is set, is the layer of each connection that has none of its own: tests have all
// of theirs go through one.
var everyLayer func(client bool) poller.Layer

func (o *Options) layer(client bool) poller.Layer {
	if o != nil && o.Layer != nil {
		return o.Layer
	}
	if everyLayer != nil {
		return everyLayer(client)
	}
	return nil
}

// layerTimeout turns what users say into a bound, or 0 for none.
func layerTimeout(d time.Duration) time.Duration {
	if d == 0 {
		return defaultLayerTimeout
	}
	return max(d, 0)
}

// env is a loop as layers see it.
type env struct{ lp *loop.Loop }

func (e env) Defer(f poller.Flusher)             { e.lp.Maker().Defer(f) }
func (e env) Local(key any, make func() any) any { return e.lp.Maker().Local(key, make) }
func (e env) Withdraw(f poller.Flusher) bool     { return e.lp.Maker().Withdraw(f) }
func (e env) Closed() bool                       { return false } // a callback cannot close the loop
func (e env) Work(job func(), done func(error)) error {
	_, err := loop.Work(context.Background(), e.lp,
		func(context.Context) (struct{}, error) { job(); return struct{}{}, nil },
		func(_ struct{}, err error) { done(err) })
	return err
}

// layering is a connection while a layer gets ready on it. That of a dial is its dialing.
type layering struct {
	c     *Conn
	fn    func(c *Conn, err error) // of StartLayer; nil for a connection that was accepted
	due   loop.Timeout             // the end of LayerTimeout
	over  poller.Time              // when that was found to have passed, or 0
	turn  uint64                   // the loop's turn then
	prev  *layering                // in Listener.layering, of those that were accepted
	next  *layering
	ready bool // or failed
	plain bool // the poller has bytes that go before the layer
	lost  int  // those, when that has failed
}

// plain is how many bytes the system has not taken that go before the layer.
func (c *Conn) plain() int {
	if c.life != shaking || c.rare.layering == nil {
		return 0
	}
	y := c.rare.layering
	if y.plain {
		return c.s.Unsent()
	}
	return y.lost
}

// beginLayering is the beginning of waiting for a layer.
func (c *Conn) beginLayering(y *layering, timeout time.Duration) {
	c.makeRare().layering = y
	y.due.Init(y)
	if timeout > 0 {
		c.lp().SetTimeout(&y.due, c.now().Add(timeout))
	}
	c.become(shaking)
}

// put has l over the stream of c, whose owner c stays. The answer is the handler that the stream
// below is to have.
func (c *Conn) put(l poller.Layer, at poller.Place) (in poller.StreamHandler) {
	at.Env = env{c.Loop()}
	c.s, in = l.Wrap(c.s, (*upcalls)(c), at)
	return in
}

// lateMost is how long a layer that is late is waited for because of what waits to be read: the
// loop may have been late itself, and not the peer.
const lateMost = time.Second

// Expired is the end of LayerTimeout. What had arrived by then is looked at first.
func (y *layering) Expired(*loop.Timeout) {
	c := y.c
	if y.ready || c.Closing() {
		return
	}
	now, turn := c.now(), c.lp().Turns()
	if y.over == 0 {
		y.over, y.turn = now, turn
	}
	if _, ev := untold(poller.Bottom(c.s)); y.turn == turn || ev != 0 && now.Sub(y.over) < lateMost {
		c.lp().SetTimeout(&y.due, now.Add(min(now.Sub(y.over), lookAgain)))
		return
	}
	c.layered(os.ErrDeadlineExceeded)
}

// layered is when a layer has got ready, or never will.
func (c *Conn) layered(err error) {
	if c.Closing() {
		return
	}
	if err != nil {
		err = c.fail("handshake", err)
		c.rare.err = c.losing(err)
	}
	y := c.endLayering()
	tell := func(c *Conn) { y.fn(c, err) }
	if err != nil {
		c.lp().BeginClose(c)
		c.closeStream() // not by a reset: the layer may have told the peer why
		if y.fn != nil {
			c.call(tell)
		} else {
			c.conf.ln.layerFailed(err)
		}
		return
	}
	c.become(open)
	c.trim()
	c.debts |= oweFlush // of what was asked for meanwhile
	if y.fn == nil {
		c.accept()
		return
	}
	c.during(tell)
	c.begin() // the times have rested
}

// endLayering is the end of waiting for a layer, if there was one.
func (c *Conn) endLayering() *layering {
	if c.rare == nil || c.rare.layering == nil {
		return nil
	}
	y := c.rare.layering
	c.rare.layering, y.ready = nil, true
	c.lp().StopTimeout(&y.due)
	if y.fn != nil {
		c.lp().Release()
	} else {
		c.conf.ln.unlist(y)
	}
	return y
}

// stopLayering is when a connection has ended before its layer was ready.
func (c *Conn) stopLayering() {
	if y := c.endLayering(); y != nil && y.fn != nil {
		err := c.rare.err
		if err == nil {
			err = c.fail("handshake", net.ErrClosed)
		}
		c.call(func(c *Conn) { y.fn(c, err) })
	}
}

// untold is what the stream has still to tell, as far as it knows.
func untold(s poller.Stream) (n int, ev poller.Events) {
	if f, ok := poller.As[poller.Foreteller](s); ok {
		return f.Untold()
	}
	return 0, 0
}

// bound ends, after a second, what a layer still says when its connection has closed: a peer
// need not take it.
func (c *Conn) bound() {
	if l, ok := c.s.(poller.Layered); ok && l.Unsent() > 0 {
		w := c.watchClosing()
		c.lp().SetTimeout(&w.look, c.now().Add(silence))
	}
}

// Layer is the topmost layer of the connection, or nil: packages of layers find theirs from
// here, by Below.
func (c *Conn) Layer() poller.Stream {
	if c.lp().Check("stream.Conn.Layer") != nil {
		return nil
	}
	if l, ok := c.s.(poller.Layered); ok {
		return l
	}
	return nil
}

// handshaken is the error of a dial whose layer has not got ready.
func (d *dialing) handshaken(err error) error {
	s := d.c.s
	return netop.Error("handshake", d.to.Network, s.Addr(), s.Peer(), err)
}

// shake has the layer of a dial get ready on the attempt that has won: the race is for
// the network. The dial goes on with that one alone.
func (d *dialing) shake(a *attempt) {
	c := d.c
	c.lp().StopTimeout(&d.delay)
	for _, o := range d.attempts {
		if o != a {
			o.s.Close()
		}
	}
	d.attempts, d.addrs = append(d.attempts[:0], a), nil
	d.shaking, d.passed = true, 0
	below := a.s
	s, in := d.layer.Wrap(below, a, poller.Place{Env: env{c.Loop()}, Dialing: true, Client: true, Host: d.to.Host})
	a.s, c.s = s, s
	below.SetHandler(in)
	in.Connected(nil)
}
