package stream_test

import (
	"io"
	"net/netip"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/stream/layer"
	"example.com/pike/stream/layer/layertest"
	"example.com/pike/tcp"
)

// A parting is a layer that has a last word: Close says it, and closes when it is out.
type parting struct{ bytes int }

type partingStream struct {
	layer.Base
	in     partingUpcalls
	bytes  int
	saying bool
	silent bool // nothing more is said
}

type partingUpcalls struct {
	layer.Upcalls
	s *partingStream
}

func (l parting) Wrap(below poller.Stream, h poller.StreamHandler, at poller.Place) (poller.Stream, poller.StreamHandler) {
	s := &partingStream{bytes: l.bytes}
	s.in = partingUpcalls{s.Upcalls(), s}
	s.Init(below, h, &s.in, at)
	return s, &s.in
}

func (s *partingStream) Close() {
	if s.silent || s.saying {
		return
	}
	s.silent = true
	s.Below().Stop()
	if s.saying = s.bytes > 0 && !s.Below().Send([][]byte{make([]byte, s.bytes)}); !s.saying {
		s.Base.Close()
	}
}

func (s *partingStream) Reset() {
	s.silent, s.saying = true, false
	s.Base.Reset()
}

func (u *partingUpcalls) Sent(err error) {
	switch {
	case !u.s.silent:
		u.Upcalls.Sent(err)
	case u.s.saying:
		u.s.saying = false
		u.s.Base.Close()
	}
}

func (u *partingUpcalls) Received(p []byte, err error) {
	if !u.s.silent {
		u.Upcalls.Received(p, err)
	}
}

// What a layer says last reaches a peer that reads, and one that does not holds nothing up
// for longer than a second.
func TestWhatALayerSaysLast(t *testing.T) {
	small := tcp.Options{WriteBuffer: 16 << 10, ReadBuffer: 16 << 10}
	for _, reads := range []bool{true, false} {
		for name, end := range map[string]func(c *tcp.Conn) error{"Close": (*tcp.Conn).Close, "CloseNow": (*tcp.Conn).CloseNow} {
			r := newSimRig(t)
			o := small
			o.Layer = parting{mebibyte}
			a, b := r.pairOf(&small, &o)
			got, ended := 0, false
			b.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
			b.OnClose = func(*tcp.Conn, error) { ended = true }
			if !reads {
				r.no(b.PauseRead())
			}
			began, closed := r.lp.UpdateNow(), false
			a.OnClose = func(_ *tcp.Conn, err error) {
				closed = true
				r.no(err) // nothing of the user's is lost
			}
			r.no(end(a))
			r.until("it is closed", func() bool { return closed })
			took := r.lp.UpdateNow().Sub(began)
			if reads {
				r.until("the peer has seen the end", func() bool { return ended })
				r.equal(name+": bytes of the last word", got, mebibyte)
			} else if took < time.Second || took > 1100*ms {
				t.Errorf("%s: it took %v with a peer that does not read", name, took)
			}
			b.Abort()
			r.run()
		}
	}
}

// Loop.Shutdown waits for what layers say last, within the time it has.
func TestShutdownLetsLayersSpeak(t *testing.T) {
	r := newSimRig(t)
	a, b := r.pairOf(nil, &tcp.Options{Layer: parting{200_000}})
	got := 0
	b.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
	var rep loop.ShutdownReport
	r.no(r.lp.Shutdown(t.Context(), time.Minute, func(s loop.ShutdownReport) { rep = s }))
	r.turns(2)
	r.no(a.Close())
	r.run()
	r.equal("bytes", got, 200_000)
	r.equal("cut", rep.Cut, 0)
}

// Of several addresses the first to be connected gets the layer, and no other: the race is for the
// network. When that layer does not get ready, no other address is tried.
func TestOnlyTheWinnerShakesHands(t *testing.T) {
	w := sim.New(1, sim.Config{})
	r := newRig(t, loop.Options{Poller: w.Host("host")})
	wraps := 0
	count := counting{&wraps, hello}
	var addrs []poller.Addr
	accepted := 0
	for range 3 {
		ln := r.listen(raw(), func(c *tcp.Conn) {
			accepted++
			c.OnRead = func(c *tcp.Conn, p []byte) { c.WriteString("no, not that") }
		})
		ln.Unref()
		addrs = append(addrs, ln.LocalAddr())
	}
	nobody := poller.AddrOf(netip.MustParseAddrPort("127.0.0.1:1"))
	to := stream.Target{Network: "tcp", Name: "three:1", Host: "three", Addrs: append([]poller.Addr{nobody}, addrs...)}
	var told error
	_, err := stream.Dial(t.Context(), r.lp, to, &tcp.Options{Layer: count}, func(_ *tcp.Conn, err error) { told = err })
	r.no(err)
	r.until("it has ended", func() bool { return told != nil })
	r.is(told, layertest.ErrGreeting)
	r.equal("layers", wraps, 1)
	r.equal("connections", accepted, 1)
}

// counting counts the streams of a layer, and is sure of what it is told of each.
type counting struct {
	n *int
	poller.Layer
}

func (c counting) Wrap(below poller.Stream, h poller.StreamHandler, at poller.Place) (poller.Stream, poller.StreamHandler) {
	if !at.Client || at.Host != "three" {
		panic("a layer of the dialed end is told " + at.Host)
	}
	*c.n++
	return c.Layer.Wrap(below, h, at)
}

// A loop that was late looks at what has arrived before LayerTimeout ends a handshake.
func TestLayerTimeoutIsOfThePeer(t *testing.T) {
	r := newRig(t)
	accepted := false
	ln := r.listen(&tcp.Options{Layer: hello, LayerTimeout: 50 * ms}, func(c *tcp.Conn) { accepted = true })
	ln.OnError = func(err error) { t.Errorf("OnError(%v)", err) }
	a := r.dial(ln, raw())
	r.until("the handshake is under way", func() bool { return ln.Metrics().Layering == 1 })
	r.no(r.lp.Post(func() {
		a.WriteString("hello")
		r.no(r.lp.Post(func() { time.Sleep(100 * ms) })) // when that is sent
	}))
	r.until("it is accepted", func() bool { return accepted })
	a.Abort()
	r.no(ln.Close())
	r.run()
}

// A proxy joins an end with a layer to one without.
func TestJoinOverLayers(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		back := r.listen(&tcp.Options{Layer: hello}, func(c *tcp.Conn) {
			c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
			c.OnEOF = func(c *tcp.Conn) { c.CloseWrite() }
		})
		var joined stream.Joined
		done := false
		front := r.listen(nil, func(c *tcp.Conn) {
			up, err := tcp.Dial(r.lp, back.LocalAddr().String(), &tcp.Options{Layer: hello}, func(*tcp.Conn, error) {})
			r.no(err)
			r.no(stream.Join(c, up, func(j stream.Joined) { joined, done = j, true }))
		})
		a := r.dial(front, nil)
		const total = mebibyte
		var out, in pattern
		a.OnRead = func(_ *tcp.Conn, p []byte) { r.no(in.check(p)) }
		ended := false
		a.OnEOF = func(c *tcp.Conn) { ended = true }
		a.Write(out.next(total))
		r.no(a.CloseWrite())
		r.until("it is over", func() bool { return ended && done })
		r.equal("bytes", in.at, total)
		r.equal("joined", joined, stream.Joined{AB: total, BA: total})
		r.no(back.Close())
		r.no(front.Close())
		r.run()
	})
}

// What a handshake leaves behind in the order of things: data and the end come after it, each once.
func TestEndRightBehindTheHandshake(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		var got []byte
		var why error
		ln := r.listen(&tcp.Options{Layer: hello}, func(c *tcp.Conn) {
			c.OnRead = func(_ *tcp.Conn, p []byte) { got = append(got, p...) }
			c.OnClose = func(_ *tcp.Conn, err error) { why = err }
		})
		a := r.dial(ln, raw())
		a.WriteString("hello, and goodbye")
		r.no(a.CloseWrite())
		r.until("it is over", func() bool { return why != nil })
		r.is(why, io.EOF)
		r.equal("received", string(got), ", and goodbye")
		r.no(ln.Close())
		r.run()
	})
}
