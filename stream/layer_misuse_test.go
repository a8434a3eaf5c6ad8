package stream_test

import (
	"errors"
	"io"
	"net"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
	"example.com/pike/stream/layer"
	"example.com/pike/stream/layer/layertest"
	"example.com/pike/tcp"
)

// repeating is a layer that says that it is ready as often as its test likes, or never.
type repeating struct{ h *poller.StreamHandler }

func (l repeating) Wrap(below poller.Stream, h poller.StreamHandler, at poller.Place) (poller.Stream, poller.StreamHandler) {
	s := new(layer.Transparent)
	in := unready{s.Upcalls()}
	s.Init(below, h, in, at)
	*l.h = h
	return s, in
}

type unready struct{ layer.Upcalls }

func (unready) Connected(error) {}

// A layer that says twice that it is ready, or when the connection has closed, has OnAccept called once, and
// no Dial answered again.
func TestLayerConnectsTwice(t *testing.T) {
	r := newSimRig(t)
	var in, out poller.StreamHandler
	accepted, dialed := 0, 0
	var b *tcp.Conn
	ln := r.listen(&tcp.Options{Layer: repeating{&in}}, func(c *tcp.Conn) { accepted++; b = c })
	ln.OnError = func(error) {}
	c, err := tcp.Dial(r.lp, ln.LocalAddr().String(), &tcp.Options{Layer: repeating{&out}}, func(*tcp.Conn, error) { dialed++ })
	r.no(err)
	r.until("both shake hands", func() bool { return in != nil && out != nil })
	call := func(h poller.StreamHandler, err error) { r.no(r.lp.Post(func() { h.Connected(err) })) }
	for _, err := range []error{nil, nil, io.ErrUnexpectedEOF} {
		call(in, err)
		call(out, err)
	}
	r.turns(3)
	r.equal("accepted", accepted, 1)
	r.equal("dialed", dialed, 1)
	r.equal("metrics", ln.Metrics(), stream.AcceptMetrics{Accepted: 1, Open: 1})
	r.no(c.StartLayer(repeating{&out}, func(*tcp.Conn, error) { dialed++ }))
	call(out, nil)
	call(out, nil)
	r.turns(3)
	r.equal("told", dialed, 2)
	r.no(c.Abort())
	r.no(b.Abort())

	in = nil
	d, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(*tcp.Conn, error) {})
	r.no(err)
	r.until("one more shakes hands", func() bool { return in != nil })
	for _, err := range []error{io.ErrUnexpectedEOF, nil, nil} {
		call(in, err)
	}
	r.turns(3)
	r.no(d.Close())
	r.no(ln.Close())
	r.run()
	r.equal("metrics", ln.Metrics(), stream.AcceptMetrics{Accepted: 1, LayerFailed: 1})
}

// The end of this side that OnWrite asks for behind StartLayer waits until the layer is ready.
func TestStartLayerInOnWrite(t *testing.T) {
	r := newSimRig(t)
	a, b := r.pair()
	ended := false
	b.OnEOF = func(*tcp.Conn) { ended = true }
	var h poller.StreamHandler
	told := 0
	a.OnWrite = func(c *tcp.Conn) {
		c.OnWrite = nil
		r.no(c.StartLayer(repeating{&h}, func(_ *tcp.Conn, err error) { r.no(err); told++ }))
		r.no(c.CloseWrite())
	}
	a.WriteString("plain")
	r.until("the layer is there", func() bool { return h != nil })
	r.pass(100 * ms)
	r.equal("ended before it is ready", ended, false)
	r.no(r.lp.Post(func() { h.Connected(nil) }))
	r.until("the end has come", func() bool { return ended })
	r.equal("told", told, 1)
	r.no(a.Abort())
	r.no(b.Abort())
	r.run()
}

// A LoopLimit that is met by what StartLayer sends does not have the connection read in plain text.
func TestStartLayerThatMeetsTheLoopLimit(t *testing.T) {
	r := newRig(t)
	r.no(stream.SetLoopLimit(r.lp, &stream.QueueLimit{Bytes: 1000, Policy: stream.PauseReads}))
	a, b := r.pair()
	a.OnRead = func(_ *tcp.Conn, p []byte) { t.Errorf("%q was read before the layer was ready", p) }
	goes := make(chan bool)
	slow := layertest.Greeting{Word: "hello", Work: func() { <-goes }}
	ready := false
	r.no(r.lp.Post(func() {
		a.Write(make([]byte, 600))
		a.Write(make([]byte, 600))
		r.no(a.StartLayer(slow, func(_ *tcp.Conn, err error) { r.no(err); ready = true }))
		b.WriteString("hello")
	}))
	r.turns(2)
	r.rest(20 * ms)
	close(goes)
	r.until("it is ready", func() bool { return ready })
	r.no(a.Abort())
	r.run()
}

// An end that was kept behind the bytes on which OnRead starts a layer is why that never is ready.
func TestStartLayerBeforeAnEndThatWasKept(t *testing.T) {
	r := newSimRig(t)
	a, b := r.pair()
	b.OnRead, b.OnEOF = nil, func(*tcp.Conn) {} // so that what arrives is kept
	a.WriteString("STARTTLS\n")
	r.pass(10 * ms)
	b.OnEOF = nil
	r.no(a.CloseWrite())
	r.pass(10 * ms)
	var told []error
	b.OnEOF = func(*tcp.Conn) { t.Error("OnEOF") }
	b.OnRead = func(c *tcp.Conn, p []byte) {
		r.no(c.StartLayer(hello, func(_ *tcp.Conn, err error) { told = append(told, err) }))
	}
	closed := false
	b.OnClose = func(*tcp.Conn, error) { closed = true }
	r.until("it is closed", func() bool { return closed })
	if len(told) != 1 || !errors.Is(told[0], io.EOF) {
		t.Errorf("told %v", told)
	}
	a.Abort()
	r.run()
}

// Loop.Close in the middle of handshakes tells each function once, and OnAccept nothing.
func TestLoopCloseWhileLayersGetReady(t *testing.T) {
	r := newRig(t, loop.Options{})
	told := map[string]int{}
	ln := r.listen(&tcp.Options{Layer: hello}, func(*tcp.Conn) { t.Error("OnAccept") })
	ln.OnError = func(err error) { t.Errorf("OnError(%v)", err) }
	a := r.dial(ln, raw())
	silent := r.listen(raw(), func(*tcp.Conn) { told["accepted"]++ })
	_, err := tcp.Dial(r.lp, silent.LocalAddr().String(), &tcp.Options{Layer: hello}, func(_ *tcp.Conn, err error) {
		r.is(err, net.ErrClosed)
		told["dial"]++
	})
	r.no(err)
	r.until("all shake hands", func() bool { return ln.Metrics().Layering == 1 && told["accepted"] == 1 })
	slow := layertest.Greeting{Word: "hello", Work: func() {}}
	r.no(a.StartLayer(slow, func(_ *tcp.Conn, err error) {
		r.is(err, net.ErrClosed)
		told["layer"]++
	}))
	a.OnClose = func(*tcp.Conn, error) { told["close"]++ }
	r.no(r.lp.Close())
	for _, what := range []string{"accepted", "dial", "layer", "close"} {
		r.equal(what, told[what], 1)
	}
}
