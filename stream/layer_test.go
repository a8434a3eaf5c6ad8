package stream_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
	"example.com/pike/stream/layer"
	"example.com/pike/stream/layer/layertest"
	"example.com/pike/tcp"
)

// hello is a layer whose handshake is a word of both ends.
var hello = layertest.Greeting{Word: "hello"}

// raw are options of an end that speaks for itself, whatever PIKE_TEST_LAYER says: it has a
// layer that changes nothing.
func raw() *tcp.Options { return &tcp.Options{Layer: layer.Identity{}} }

func TestOnAcceptComesWhenTheLayerIsReady(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		var accepted *tcp.Conn
		ln := r.listen(&tcp.Options{Layer: hello}, func(c *tcp.Conn) {
			accepted = c
			c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(bytes.ToUpper(p)) }
			c.OnEOF = func(c *tcp.Conn) { c.Close() }
		})
		a := r.dial(ln, raw())
		var got []byte
		a.OnRead = func(_ *tcp.Conn, p []byte) { got = append(got, p...) }
		r.until("the other end says its word", func() bool { return string(got) == "hello" })
		if accepted != nil {
			t.Fatal("OnAccept came before the peer has said its word")
		}
		if m := ln.Metrics(); m.Layering != 1 || m.Open != 1 || m.Accepted != 0 {
			t.Errorf("while the layer gets ready: %+v", m)
		}
		a.WriteString("hellow") // one byte behind the word
		r.until("it is accepted, and has answered", func() bool { return accepted != nil && string(got) == "helloW" })
		if m := ln.Metrics(); m.Layering != 0 || m.Open != 1 || m.Accepted != 1 {
			t.Errorf("when it is ready: %+v", m)
		}
		if _, ok := accepted.Layer().(poller.Layered); !ok {
			t.Errorf("Layer is %T", accepted.Layer())
		}
		r.no(ln.Close())
		r.no(a.Close())
		r.run()
	})
}

func TestDialTellsWhenTheLayerIsReady(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		ln := r.listen(&tcp.Options{Layer: hello}, func(c *tcp.Conn) {
			c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
			c.OnEOF = func(c *tcp.Conn) { c.Close() }
		})
		var got []byte
		c, err := tcp.Dial(r.lp, ln.LocalAddr().String(), &tcp.Options{Layer: hello}, func(c *tcp.Conn, err error) {
			r.no(err)
			if c.Layer() == nil {
				t.Error("there is no Layer")
			}
			c.OnRead = func(_ *tcp.Conn, p []byte) { got = append(got, p...) }
		})
		r.no(err)
		c.WriteString("queued ") // before there is a connection
		c.Write(make([]byte, 100_000))
		r.until("all comes back", func() bool { return len(got) == 100_007 })
		if !bytes.HasPrefix(got, []byte("queued ")) {
			t.Errorf("it begins with %q", got[:10])
		}
		r.no(ln.Close())
		r.no(c.Close())
		r.run()
	})
}

// A handshake that fails names its step and both addresses, on either end, and OnAccept and
// OnClose know nothing of it.
func TestHandshakeFails(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		ln := r.listen(&tcp.Options{Layer: hello}, func(*tcp.Conn) { t.Error("OnAccept") })
		var failed, dialed error
		ln.OnError = func(err error) { failed = err }
		wrong := &tcp.Options{Layer: layertest.Greeting{Word: "hallo"}}
		_, err := tcp.Dial(r.lp, ln.LocalAddr().String(), wrong, func(c *tcp.Conn, err error) {
			c.OnClose = func(_ *tcp.Conn, why error) { r.equal("the reason", why.Error(), err.Error()) }
			dialed = err
		})
		r.no(err)
		r.until("both know", func() bool { return failed != nil && dialed != nil })
		if !errors.Is(failed, layertest.ErrGreeting) && !errors.Is(dialed, layertest.ErrGreeting) {
			t.Errorf("accepted: %v; dialed: %v", failed, dialed)
		}
		for _, err := range []error{failed, dialed} {
			var op *net.OpError
			if !errors.As(err, &op) || op.Op != "handshake" || op.Source == nil || op.Addr == nil {
				t.Errorf("%v does not say the step and the addresses", err)
			}
		}
		if m := ln.Metrics(); m.LayerFailed != 1 || m.Layering != 0 || m.Accepted != 0 {
			t.Errorf("%+v", m)
		}
		r.no(ln.Close())
		r.run()
		r.equal("open", ln.Metrics().Open, 0)
	})
}

func TestLayerTimeout(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{0: 10 * time.Second, 300 * ms: 300 * ms, -1: 0} {
		r := newSimRig(t)
		var failed error
		ln := r.listen(&tcp.Options{Layer: hello, LayerTimeout: given}, nil)
		ln.OnAccept = func(*tcp.Conn) { t.Error("OnAccept") }
		ln.OnError = func(err error) { failed = err }
		began := r.lp.UpdateNow()
		a := r.dial(ln, raw()) // says nothing
		ended := false
		a.OnClose = func(*tcp.Conn, error) { ended = true }
		if want == 0 {
			r.pass(time.Minute)
			if failed != nil {
				t.Errorf("without a bound: %v", failed)
			}
			r.no(a.Close())
			r.until("it is over", func() bool { return failed != nil })
			continue
		}
		r.until("it is over", func() bool { return failed != nil && ended })
		if took := r.lp.UpdateNow().Sub(began); took < want || took > want+100*ms {
			t.Errorf("LayerTimeout of %v: after %v", given, took)
		}
		r.is(failed, os.ErrDeadlineExceeded)
	}
}

// Options.Timeout of a dial includes its layer's handshake, and so do its context and Close.
func TestDialBoundsTheHandshake(t *testing.T) {
	r := newSimRig(t)
	var silent []*tcp.Conn
	ln := r.listen(raw(), func(c *tcp.Conn) { silent = append(silent, c) })
	var told error
	fn := func(_ *tcp.Conn, err error) {
		if told != nil || err == nil {
			t.Errorf("told %v, and then %v", told, err)
		}
		told = err
	}
	dial := func(o *tcp.Options) *tcp.Conn {
		told = nil
		n := len(silent)
		c, err := tcp.Dial(r.lp, ln.LocalAddr().String(), o, fn)
		r.no(err)
		r.until("it is connected", func() bool { return len(silent) > n })
		return c
	}
	began := r.lp.UpdateNow()
	dial(&tcp.Options{Layer: hello, Timeout: time.Second})
	r.until("the time is over", func() bool { return told != nil })
	r.is(told, os.ErrDeadlineExceeded)
	if took := r.lp.UpdateNow().Sub(began); took < time.Second || took > 1100*ms {
		t.Errorf("after %v", took)
	}
	c := dial(&tcp.Options{Layer: hello})
	c.WriteString("lost")
	r.no(c.Close())
	r.until("it is closed", func() bool { return told != nil })
	r.is(told, net.ErrClosed)
	for _, c := range silent {
		c.Close()
	}
	r.no(ln.Close())
	r.run()
}

// MaxLayering leaves the rest in the backlog, and takes one for each that is ready.
func TestMaxLayering(t *testing.T) {
	r := newSimRig(t)
	accepted := 0
	ln := r.listen(&tcp.Options{Layer: hello, MaxLayering: 3}, func(c *tcp.Conn) { accepted++ })
	var all []*tcp.Conn
	for range 8 {
		all = append(all, r.dial(ln, raw()))
	}
	r.pass(100 * ms)
	r.equal("handshakes under way", ln.Metrics().Layering, 3)
	r.equal("open", ln.Metrics().Open, 3)
	for i, c := range all {
		c.WriteString("hello")
		r.until("it is accepted", func() bool { return accepted == i+1 })
		r.pass(10 * ms)
		r.equal("handshakes under way", ln.Metrics().Layering, min(3, 8-accepted))
	}
	_, err := tcp.Listen(r.lp, loopback, &tcp.Options{MaxLayering: -1})
	r.is(err, os.ErrInvalid)
}

// Who closes the listener, or shuts the loop down, ends handshakes that nobody knows of.
func TestCloseOfAListenerEndsHandshakes(t *testing.T) {
	for _, end := range []func(r *rig, ln *tcp.Listener){
		func(r *rig, ln *tcp.Listener) { r.no(ln.Close()) },
		func(r *rig, ln *tcp.Listener) {
			r.no(r.lp.Shutdown(t.Context(), time.Hour, func(rep loop.ShutdownReport) { r.equal("cut", rep.Cut, 0) }))
		},
	} {
		r := newSimRig(t)
		ln := r.listen(&tcp.Options{Layer: hello, LayerTimeout: -1}, func(*tcp.Conn) { t.Error("OnAccept") })
		ln.OnError = func(err error) { t.Errorf("OnError(%v)", err) }
		ended := 0
		for range 3 {
			a := r.dial(ln, raw())
			a.OnClose = func(*tcp.Conn, error) { ended++ }
		}
		r.until("handshakes are under way", func() bool { return ln.Metrics().Layering == 3 })
		end(r, ln)
		r.run()
		r.equal("ended", ended, 3)
		r.equal("handshakes under way", ln.Metrics().Layering, 0)
		r.equal("failed", ln.Metrics().LayerFailed, uint64(0))
	}
}

// A job of a layer that panics ends the handshake, where the loop outlives panics.
func TestJobOfALayerPanics(t *testing.T) {
	panics := 0
	r := newRig(t, loop.Options{OnPanic: func(loop.Handle, any, []byte) { panics++ }})
	ln := r.listen(&tcp.Options{Layer: layertest.Greeting{Word: "hello", Work: func() { panic("job") }}}, nil)
	ln.OnAccept = func(*tcp.Conn) { t.Error("OnAccept") }
	var failed error
	ln.OnError = func(err error) { failed = err }
	r.dial(ln, raw())
	r.until("the handshake has failed", func() bool { return failed != nil })
	var p *loop.PanicError
	if !errors.As(failed, &p) || p.Value != "job" {
		t.Errorf("it failed with %v", failed)
	}
}

// Without an OnError the log is told, once a minute.
func TestHandshakeFailureIsLogged(t *testing.T) {
	var log bytes.Buffer
	r := newRig(t, loop.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ln := r.listen(&tcp.Options{Layer: hello}, func(*tcp.Conn) {})
	for n := range uint64(3) {
		a := r.dial(ln, raw())
		a.WriteString("GET / HTTP/1.1\r\n")
		r.until("it has failed", func() bool { return ln.Metrics().LayerFailed == n+1 })
	}
	if text := log.String(); strings.Count(text, "handshake failed") != 1 || !strings.Contains(text, "127.0.0.1") {
		t.Errorf("the log says %q", text)
	}
}

// A connection through a layer that is no Releaser is not handed over; one that is, is.
func TestNetConnThroughALayer(t *testing.T) {
	r := newRig(t)
	if _, ok := r.lp.Maker().Poller().(poller.Adopter); !ok {
		t.Skip("this backend gives no descriptors")
	}
	for _, c := range []struct {
		l    poller.Layer
		want error
	}{{layer.Identity{}, nil}, {opaque{}, errors.ErrUnsupported}, {layer.Stack{opaque{}, layer.Identity{}}, errors.ErrUnsupported}} {
		a, b := r.pairOf(nil, &tcp.Options{Layer: c.l})
		nc, err := a.NetConn()
		if c.want != nil {
			r.is(err, c.want)
			r.no(a.Close())
		} else {
			r.no(err)
			nc.Close()
		}
		raw, err := b.SyscallConn()
		r.no(err)
		r.no(raw.Control(func(fd uintptr) {
			if fd == ^uintptr(0) {
				t.Error("no descriptor")
			}
		}))
		r.until("the other end is closed", func() bool { return !b.Readable() })
	}
}

// opaque is a layer that changes nothing, and does not say so.
type opaque struct{}

func (opaque) Wrap(below poller.Stream, h poller.StreamHandler, at poller.Place) (poller.Stream, poller.StreamHandler) {
	b := new(layer.Base)
	in := b.Upcalls()
	b.Init(below, h, in, at)
	return b, in
}

func TestLayersThatAreNotPossible(t *testing.T) {
	r := newRig(t)
	a, b := r.pair()
	fn := func(*tcp.Conn, error) { t.Error("the function was called") }
	r.is(a.StartLayer(nil, fn), os.ErrInvalid)
	r.is(a.StartLayer(hello, nil), os.ErrInvalid)
	r.is(a.StartLayer(hello, fn, nil, nil), os.ErrInvalid)
	r.no(a.CloseWrite())
	r.is(a.StartLayer(hello, fn), syscall.EPIPE)
	b.OnEOF = func(*tcp.Conn) {}
	r.until("the end is received", func() bool { return !b.Readable() })
	r.is(b.StartLayer(hello, fn), io.EOF)
	r.no(b.Close())
	r.is(b.StartLayer(hello, fn), net.ErrClosed)
	r.run()

	c, d := r.pair()
	r.no(stream.Join(c, d, nil))
	r.is(c.StartLayer(hello, fn), os.ErrInvalid)
	r.no(c.Abort())
	r.run()

	ln := r.listen(nil, func(c *tcp.Conn) { c.Close() })
	e, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(*tcp.Conn, error) {})
	r.no(err)
	r.is(e.StartLayer(hello, fn), os.ErrInvalid)
	r.no(e.Close())
	r.no(ln.Close())
	r.run()
}
