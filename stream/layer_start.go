package stream

import (
	"errors"
	"io"
	"syscall"
	"time"

	"example.com/pike/poller"
	"example.com/pike/stream/layer"
)

// ErrEarly is why StartLayer refuses to begin: the peer's bytes have come together with the last plain
// ones, or before the layer was there. Nobody has protected them on their way, so that somebody on
// it may have put them there (CVE-2011-0411).
var ErrEarly = errors.New("bytes arrived before the layer")

// LayerOptions say more of StartLayer. Nil is all defaults.
type LayerOptions struct {
	// Timeout is how long the layer may take to get ready; 0 is 10 s, negative is no bound.
	Timeout time.Duration

	// Server says that this end is the one that was called, whoever has dialed. Without it that is
	// so for connections that a listener has accepted, and for no other.
	Server bool

	// Host is the name of the peer, for layers that want to be sure of it, as TLS clients do.
	Host string

	// Rest is what OnRead was given behind the last plain byte. Whoever keeps such bytes has
	// to say so here, and must not take them for what came through the layer. It is copied. What
	// was unread ([Conn.Unread]) is known, and comes behind Rest.
	Rest []byte

	// Early has the layer get Rest, and what was unread or never read, as the first that it
	// receives. It is for protocols whose peers do not wait for an answer before the layer begins.
	// Without it StartLayer is ErrEarly if there is any.
	Early bool
}

// StartLayer puts a layer on the connection, as STARTTLS does: what is written from here
// on goes through it, and so does what arrives. fn is called once, from the loop, when
// the layer is ready, or with why it never will be, and then the connection closes for that
// reason. Until then what is written is queued, nothing is read, and timeouts but the read
// deadline rest. Close gives up: fn is then called with net.ErrClosed.
//
// What was written before must be with the system, or it is syscall.EBUSY: a little that was
// written in the same callback, "220 go ahead" say, is sent first. What the peer has sent behind its last
// plain byte is [ErrEarly]; see LayerOptions. Other errors are net.ErrClosed and
// syscall.EPIPE, as those of Write, io.EOF after the peer's end, and os.ErrInvalid where something is nil, for
// a connection that is joined or still being dialed, or that waits for a layer already. fn is not called then,
// and the connection is as it was.
func (c *Conn) StartLayer(l poller.Layer, fn func(c *Conn, err error), o ...*LayerOptions) error {
	if err := c.lp().Check("stream.Conn.StartLayer"); err != nil {
		return err
	}
	if err := c.writable(); err != nil {
		return c.fail("layer", err)
	}
	var with LayerOptions
	if len(o) == 1 && o[0] != nil {
		with = *o[0]
	}
	switch {
	case l == nil || fn == nil || len(o) > 1, c.life < open, c.is(joined):
		return c.fail("layer", errInvalid)
	case c.is(readEnded):
		return c.fail("layer", io.EOF)
	}
	first, err := c.early(&with)
	var rest []byte
	if err == nil {
		rest, err = c.sendPlain()
	}
	if err != nil {
		c.startRead()
		return c.fail("layer", err)
	}
	c.s.Stop() // again, as a LoopLimit that is met by now has reading go on
	if len(first) > 0 {
		l = layer.Stack{early{first}, l}
	}
	c.takeUnread()
	c.lp().Hold() // until fn is called, referenced or not
	c.beginLayering(&layering{c: c, fn: fn}, layerTimeout(with.Timeout))
	p := &plain{c, l, poller.Place{Client: c.conf.ln == nil && !with.Server, Host: with.Host}, len(rest)}
	if p.rest == 0 || c.s.Send([][]byte{rest}) {
		p.over()
	} else {
		c.rare.layering.plain = true
		c.s.SetHandler(p)
	}
	return nil
}

// early is what the layer is to have before all that arrives: what was read already. It is an
// error if that may not be. Reading has stopped then.
func (c *Conn) early(o *LayerOptions) ([]byte, error) {
	if in := c.input(); in != nil && in.end != nil {
		return nil, in.end
	}
	c.s.Start() // of a stream that is stopped nothing is untold
	n, _ := untold(c.s)
	c.s.Stop()
	if !o.Early {
		if len(o.Rest) > 0 || len(c.unread()) > 0 || n > 0 {
			return nil, ErrEarly
		}
		return nil, nil
	}
	return append(append([]byte(nil), o.Rest...), c.unread()...), nil
}

// sendPlain gives the system what was written before the layer, as far as it takes that at once, and
// returns the rest: what goes before the layer. It is EBUSY if that is more than a little, or if
// somebody waits for it.
func (c *Conn) sendPlain() (rest []byte, err error) {
	o := c.out
	if o == nil {
		return nil, nil
	}
	if o.flight > 0 || len(o.bufs) > 0 {
		return nil, syscall.EBUSY
	}
	if !c.sendNow() {
		rest = append([]byte(nil), o.small[:o.only]...)
		c.uncount(o, len(rest))
		o.only, o.queued = 0, 0
	}
	c.out = nil
	c.conf.put(o)
	c.debts |= oweWrite // it is told when the layer is ready
	return rest, nil
}

// plain owns a stream that is to get a layer, until the system has what goes before that.
type plain struct {
	c    *Conn
	l    poller.Layer
	at   poller.Place
	rest int // bytes that go before it
}

// over puts the layer there.
func (p *plain) over() {
	below := p.c.s
	below.SetHandler(p.c.put(p.l, p.at))
}

func (p *plain) Connected(error) {}

// Received is told of a loss, as the stream is stopped.
func (p *plain) Received(_ []byte, err error) {
	if err != nil {
		p.c.layered(err)
	}
}

func (p *plain) Sent(err error) {
	switch {
	case p.c.Closing():
	case err != nil: // how far it has come nobody says
		y := p.c.rare.layering
		y.plain, y.lost = false, p.rest
		p.c.layered(err)
	default:
		p.c.rare.layering.plain = false
		p.over()
	}
}

func (p *plain) Closed() { (*upcalls)(p.c).Closed() }

// early is a layer whose stream receives rest before all that arrives below it.
type early struct{ rest []byte }

func (e early) Wrap(below poller.Stream, h poller.StreamHandler, at poller.Place) (poller.Stream, poller.StreamHandler) {
	s := new(layer.Movable)
	in := &earlier{s.Upcalls(), s, e.rest}
	s.Init(below, h, in, at)
	s.Hold(at.Env)
	return s, in
}

// An earlier hands the rest over.
type earlier struct {
	layer.Upcalls
	s    *layer.Movable
	rest []byte
}

func (e *earlier) Connected(err error) {
	e.s.Unread(e.rest)
	e.rest = nil
	e.s.Ready(err)
}
