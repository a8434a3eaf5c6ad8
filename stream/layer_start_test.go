package stream_test

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/stream/layer/layertest"
	"example.com/pike/tcp"
)

// A mail is a server that knows one command, STARTTLS, and echoes when the layer is there.
type mail struct {
	*rig
	c    *tcp.Conn // of the server
	with *stream.LayerOptions
	err  error // of StartLayer
	told error // to its function
	up   bool
}

func (m *mail) read(c *tcp.Conn, p []byte) {
	const command = "STARTTLS\n"
	if len(p) < len(command) {
		m.Errorf("a split command %q", p)
		return
	}
	o := *m.with
	o.Rest = p[len(command):]
	c.WriteString("220 go ahead\n")
	m.err = c.StartLayer(answering, func(c *tcp.Conn, err error) {
		m.told, m.up = err, err == nil
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
	}, &o)
}

// answering is a layer whose server waits for the client.
var answering = layertest.Greeting{Word: "hello", Answers: true}

// mail is a server and a client, which are connected.
func newMail(r *rig, o *stream.LayerOptions) (m *mail, client *tcp.Conn) {
	m = &mail{rig: r, with: o}
	ln := r.listen(nil, func(c *tcp.Conn) { m.c, c.OnRead = c, m.read })
	client = r.dial(ln, nil)
	r.until("it is accepted", func() bool { return m.c != nil })
	r.no(ln.Close())
	return m, client
}

func TestStartLayer(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		m, client := newMail(r, &stream.LayerOptions{})
		var got []byte
		up := false
		client.OnRead = func(c *tcp.Conn, p []byte) {
			r.equal("the answer", string(p), "220 go ahead\n") // in plain text, before the layer
			r.no(c.StartLayer(answering, func(c *tcp.Conn, err error) {
				r.no(err)
				up = true
				c.OnRead = func(_ *tcp.Conn, p []byte) { got = append(got, p...) }
			}))
			c.WriteString("queued until then, ")
			c.Write(make([]byte, 50_000))
		}
		writes := 0
		m.c.OnWrite = func(*tcp.Conn) { writes++ }
		client.WriteString("STARTTLS\n")
		r.until("all is echoed", func() bool { return len(got) == 50_019 })
		r.no(m.err)
		r.equal("both are ready", up && m.up, true)
		r.equal("the first", string(got[:6]), "queued")
		if writes == 0 {
			t.Error("OnWrite was not called for what was sent first")
		}
		r.no(client.Close())
		r.run()
	})
}

// What came together with the command is refused, in the same OnRead or waiting with the system, and
// the connection is as it was.
func TestStartLayerRefusesWhatCameEarly(t *testing.T) {
	r := newSimRig(t)
	m, client := newMail(r, &stream.LayerOptions{})
	client.WriteString("STARTTLS\nRSET\n")
	r.until("it is asked", func() bool { return m.err != nil })
	r.is(m.err, stream.ErrEarly)
	var op *net.OpError
	if !errors.As(m.err, &op) || op.Op != "layer" || op.Addr == nil {
		t.Errorf("%v does not say where", m.err)
	}
	var echo []byte
	m.c.OnRead = func(_ *tcp.Conn, p []byte) { echo = append(echo, p...) }
	client.WriteString("as it was")
	r.until("it reads on", func() bool { return string(echo) == "as it was" })

	for _, c := range []struct {
		how   string
		pause func(c *tcp.Conn)
	}{
		{"paused", func(c *tcp.Conn) { r.no(c.PauseRead()) }},
		{"without an OnRead", func(c *tcp.Conn) { c.OnRead = nil }},
		{"kept for an OnRead", func(c *tcp.Conn) { c.OnRead, c.OnEOF = nil, func(*tcp.Conn) {} }},
	} {
		a, b := r.pair()
		c.pause(b)
		r.turns(3)
		a.WriteString("RSET\n")
		r.until("it is sent", func() bool { return a.Buffered() == 0 })
		fn := func(_ *tcp.Conn, err error) { t.Errorf("%s: the function was called: %v", c.how, err) }
		r.rest(20 * ms) // more than loopback takes
		if err := b.StartLayer(hello, fn); !errors.Is(err, stream.ErrEarly) {
			t.Errorf("%s: %v", c.how, err)
		}
		a.Abort()
		b.Abort()
	}
}

// The option gives it to the layer, in the order of its arrival: the rest of OnRead, and then
// what was waiting.
func TestStartLayerWithEarlyBytes(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		m, client := newMail(r, &stream.LayerOptions{Early: true})
		var got []byte
		client.OnRead = func(_ *tcp.Conn, p []byte) { got = append(got, p...) }
		client.WriteString("STARTTLS\nhel") // and does not wait for the answer
		r.until("the layer has begun", func() bool { return m.err != nil || len(got) == 13 })
		r.no(m.err)
		client.WriteString("lo")
		client.WriteString("over it")
		r.until("it is echoed", func() bool { return string(got) == "220 go ahead\nhelloover it" })
		r.no(client.Close())
		r.run()

		a, b := r.pair()
		b.OnRead, b.OnEOF = nil, func(*tcp.Conn) {} // so that what arrives is kept
		a.WriteString("hello and")
		r.turns(3)
		r.rest(20 * ms)
		var kept []byte
		r.no(b.StartLayer(hello, func(c *tcp.Conn, err error) {
			r.no(err)
			c.OnRead = func(_ *tcp.Conn, p []byte) { kept = append(kept, p...) }
		}, &stream.LayerOptions{Early: true}))
		a.WriteString(" more")
		r.until("all is received", func() bool { return string(kept) == " and more" })
		a.Abort()
		r.run()
	})
}

func TestStartLayerIsBusyWithOutput(t *testing.T) {
	r := newSimRig(t)
	small := &tcp.Options{WriteBuffer: 16 << 10, ReadBuffer: 16 << 10}
	a, b := r.pairOf(small, small)
	b.PauseRead()
	a.Write(make([]byte, mebibyte))
	r.turns(3)
	fn := func(*tcp.Conn, error) { t.Error("the function was called") }
	r.is(a.StartLayer(hello, fn), syscall.EBUSY)
	r.no(b.ResumeRead())
	r.until("all is sent", func() bool { return a.Buffered() == 0 })
	r.no(a.WriteBuffers([][]byte{make([]byte, 1000)}, func(error) {})) // somebody waits for that
	r.is(a.StartLayer(hello, fn), syscall.EBUSY)
	a.Abort()
	r.run()
}

// Close, CloseNow and Abort give a handshake up, and the function is told before OnClose.
func TestCloseWhileALayerGetsReady(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(c *tcp.Conn) error
		want error
	}{
		"Close": {(*tcp.Conn).Close, net.ErrClosed}, "CloseNow": {(*tcp.Conn).CloseNow, net.ErrClosed},
		"Abort": {(*tcp.Conn).Abort, stream.ErrAborted},
	} {
		for _, queued := range []int{0, 1000} {
			r := newSimRig(t)
			a, b := r.pair()
			var order []string
			var told, why error
			r.no(a.StartLayer(hello, func(_ *tcp.Conn, err error) {
				order = append(order, "layer")
				told = err
			}))
			a.Write(make([]byte, queued))
			a.OnClose = func(_ *tcp.Conn, err error) { order, why = append(order, "close"), err }
			r.turns(2)
			r.no(c.end(a))
			r.until("both are told", func() bool { return len(order) == 2 })
			r.equal(name, order[0], "layer")
			r.is(told, c.want)
			var loss *stream.LossError
			if errors.As(why, &loss) != (queued > 0) || loss != nil && loss.Unsent != queued {
				t.Errorf("%s with %d bytes queued: %v", name, queued, why)
			}
			r.no(b.Close())
			r.run()
		}
	}
}

// The times of a connection rest while a layer gets ready, but the deadline does not.
func TestTimeoutsRestWhileALayerGetsReady(t *testing.T) {
	r := newSimRig(t)
	a, b := r.pair()
	r.no(b.SetReadTimeout(time.Second))
	r.no(b.SetIdleTimeout(time.Second))
	ready := false
	r.no(b.StartLayer(hello, func(_ *tcp.Conn, err error) { r.no(err); ready = true }))
	r.pass(5 * time.Second)
	a.WriteString("hello")
	r.until("it is ready", func() bool { return ready })
	var why error
	b.OnClose = func(_ *tcp.Conn, err error) { why = err }
	began := r.lp.UpdateNow()
	r.until("a timeout has passed", func() bool { return why != nil })
	r.is(why, os.ErrDeadlineExceeded)
	if took := r.lp.UpdateNow().Sub(began); took < time.Second || took > 1300*ms {
		t.Errorf("after %v", took)
	}
	a.Abort()
	r.run()

	a, b = r.pair()
	r.no(b.SetReadDeadline(time.Second))
	var told error
	r.no(b.StartLayer(hello, func(_ *tcp.Conn, err error) { told = err }))
	began = r.lp.UpdateNow()
	r.until("the deadline has passed", func() bool { return told != nil })
	r.is(told, os.ErrDeadlineExceeded)
	if took := r.lp.UpdateNow().Sub(began); took < time.Second || took > 1300*ms {
		t.Errorf("after %v", took)
	}
	a.Abort()
	r.run()
}

// LayerOptions.Timeout bounds StartLayer.
func TestStartLayerTimeout(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{0: 10 * time.Second, time.Second: time.Second} {
		r := newRig(t, loop.Options{Poller: sim.New(1, sim.Config{}).Host("host")})
		a, b := r.pair()
		var told, why error
		b.OnClose = func(_ *tcp.Conn, err error) { why = err }
		began := r.lp.UpdateNow()
		r.no(b.StartLayer(hello, func(_ *tcp.Conn, err error) { told = err }, &stream.LayerOptions{Timeout: given}))
		r.until("it is over", func() bool { return why != nil })
		r.is(told, os.ErrDeadlineExceeded)
		r.is(why, os.ErrDeadlineExceeded)
		if took := r.lp.UpdateNow().Sub(began); took < want || took > want+100*ms {
			t.Errorf("Timeout of %v: after %v", given, took)
		}
		a.Abort()
		r.run()
	}
}
