package proxyproto_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
	"testing"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/stream/layer"
	"example.com/pike/stream/layer/layertest"
	"example.com/pike/stream/proxyproto"
)

// client is a rig that sends headers, to a listener that takes all as it comes.
func client(t testing.TB, h *proxyproto.Header) *rig {
	return newRig(t, 1, sim.Faults{}, layer.Identity{}, proxyproto.Client(h))
}

// TestClient sends each header before the first byte, and at once: a server may speak first.
func TestClient(t *testing.T) {
	for _, c := range good {
		h := c.want
		if h.Transport != proxyproto.Unspecified && !h.Relayed() {
			continue // is not sent
		}
		want, err := h.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		r := client(t, &h)
		cl, sv := r.pair()
		sv.s.Start()
		r.until("the header has come", func() bool { return bytes.Equal(sv.got, want) })
		cl.send("and behind it")
		cl.s.Shutdown()
		r.until("the end has come", func() bool { return sv.end == io.EOF })
		if string(sv.got) != string(want)+"and behind it" {
			t.Errorf("%s: %q", c.name, sv.got)
		}
		if _, ok := proxyproto.Of(layered{cl.s}); ok {
			t.Error("what was sent is taken for what has come")
		}
	}
}

// TestClientForItself says the two ends of the connection.
func TestClientForItself(t *testing.T) {
	r := client(t, nil)
	cl, sv := r.pair()
	sv.s.Start()
	r.until("the header has come", func() bool { return len(sv.got) >= 28 })
	h, n, err := proxyproto.Parse(sv.got)
	if err != nil || n != len(sv.got) || h.Source != cl.s.Addr() || h.Destination != cl.s.Peer() || h.Transport != proxyproto.TCP4 {
		t.Errorf("%+v, %v", h, err)
	}
}

// TestClientWrong has a header that cannot be sent be the error of the dial.
func TestClientWrong(t *testing.T) {
	r := client(t, &proxyproto.Header{Version: 2, Transport: proxyproto.TCP6})
	e := &end{rig: r}
	var err error
	if e.s, err = r.p.Dial(r.ln.Addr(), nil, e); err != nil {
		t.Fatal(err)
	}
	sends(e, "early")
	r.until("it has failed", func() bool { return e.told == 1 && e.sent == 1 })
	var wrong *proxyproto.HeaderError
	if !errors.As(e.err, &wrong) || !errors.Is(e.sentErr, wrong) {
		t.Errorf("Connected(%v), Sent(%v)", e.err, e.sentErr)
	}
	e.s.Close()
	r.until("it is closed", func() bool { return e.closed })
	for _, sv := range r.ends {
		if len(sv.got) > 0 {
			t.Errorf("%q was sent", sv.got)
		}
	}
}

// sends sends, and does not wait.
func sends(e *end, text string) {
	if e.s.Send([][]byte{[]byte(text[:2]), []byte(text[2:])}) {
		e.sent++
	}
}

// TestClientEarly has owners not wait for Connected: the header is first all the same, and each Send is
// answered once.
func TestClientEarly(t *testing.T) {
	for name, c := range map[string]struct {
		then  func(e *end) // after the Send
		got   string       // behind the header
		ended bool         // the server is told the end
		err   error        // of Sent
	}{
		"waits":     {func(*end) {}, "early", false, nil},
		"shuts":     {func(e *end) { e.s.Shutdown() }, "early", true, nil},
		"closes":    {func(e *end) { e.s.Close() }, "", false, net.ErrClosed},
		"resets":    {func(e *end) { e.s.Reset() }, "", false, net.ErrClosed},
		"closes it": {func(e *end) { e.connected = func() { e.s.Close() } }, "early", true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			header := proxyproto.NewHeader(1, ip("10.0.0.1:12345"), ip("10.0.0.2:443"))
			r := client(t, header)
			r.accepted = func(sv *end) { sv.connected = sv.s.Start }
			e := &end{rig: r}
			var err error
			if e.s, err = r.p.Dial(r.ln.Addr(), nil, e); err != nil {
				t.Fatal(err)
			}
			if n := e.s.TrySend([]byte("early")); n != 0 {
				t.Fatalf("TrySend took %d bytes before the header", n)
			}
			sends(e, "early")
			if n := e.s.Unsent(); n != len("early") {
				t.Errorf("Unsent is %d", n)
			}
			c.then(e)
			r.until("Send is answered", func() bool { return e.sent == 1 })
			r.settle()
			if e.sent != 1 || !errors.Is(e.sentErr, c.err) {
				t.Errorf("%d answers, the last %v", e.sent, e.sentErr)
			}
			if c.got == "" {
				return
			}
			if sv := r.ends[0]; string(sv.got) != line+c.got || (sv.end == io.EOF) != c.ended {
				t.Errorf("%q has come, and the end %v", sv.got, sv.end)
			}
		})
	}
}

// TestClientRefused answers everything where nobody listens.
func TestClientRefused(t *testing.T) {
	r := client(t, nil)
	e := &end{rig: r}
	var err error
	if e.s, err = r.p.Dial(ip("127.0.0.1:9"), nil, e); err != nil {
		t.Fatal(err)
	}
	sends(e, "early")
	r.until("it has failed", func() bool { return e.told == 1 && e.sent == 1 })
	if !errors.Is(e.err, syscall.ECONNREFUSED) || !errors.Is(e.sentErr, syscall.ECONNREFUSED) {
		t.Errorf("Connected(%v), Sent(%v)", e.err, e.sentErr)
	}
	if rel, ok := e.s.(poller.Releaser); ok {
		if _, err := rel.Release(); err == nil {
			t.Error("it was released")
		}
	}
}

// TestClientPanics has the owner panic in Connected: the answer to its Send comes later.
func TestClientPanics(t *testing.T) {
	r := client(t, nil)
	e := &end{rig: r}
	e.connected = func() { panic("the owner's") }
	var err error
	if e.s, err = r.p.Dial(r.ln.Addr(), nil, e); err != nil {
		t.Fatal(err)
	}
	sends(e, "early")
	func() {
		defer func() {
			if recover() != "the owner's" {
				t.Error("the owner has not panicked")
			}
		}()
		r.settle()
	}()
	r.until("Send is answered", func() bool { return e.sent == 1 })
	r.settle()
	if e.told != 1 || e.sent != 1 || e.sentErr != nil {
		t.Errorf("%d Connected, %d Sent, the last %v", e.told, e.sent, e.sentErr)
	}
}

// TestUnderFaults has connections with headers of all kinds on systems that take and give only parts, and
// owners who stop and start: what is told ready has the addresses of its header, and every byte
// behind it and no others. PIKE_SEEDS chooses the worlds.
func TestUnderFaults(t *testing.T) {
	first, n := sim.Seeds(t, 200)
	whole := 0
	for i := range uint64(n) {
		t.Run(strconv.FormatUint(first+i, 10), func(t *testing.T) { whole += underFaults(t, first+i) })
	}
	t.Logf("%d connections were carried whole", whole)
	if whole != 20*n { // on its own loopback a machine loses nothing
		t.Errorf("%d connections of %d were carried whole", whole, 20*n)
	}
}

// underFaults runs one world, and returns how many connections came to their end.
func underFaults(t *testing.T, seed uint64) (whole int) {
	rng := rand.New(rand.NewPCG(seed, 15))
	host := sim.New(seed, sim.Config{Faults: sim.Heavy().Without(sim.TooManyOpen)}).Host("host")
	var dials poller.Layer
	r := &rig{TB: t, p: layertest.Over(host, proxyproto.Server(trusting), dialed{&dials})}
	defer r.p.Close()
	var err error
	if r.ln, err = r.p.Listen(ip("127.0.0.1:7000"), nil, r); err != nil {
		t.Fatal(err)
	}
	r.ln.Start()
	r.accepted = func(sv *end) {
		switch rng.IntN(3) {
		case 0:
			sv.s.Start()
		case 1:
			sv.connected = sv.s.Start
		}
		sv.received = func([]byte) {
			if rng.IntN(4) == 0 {
				sv.s.Stop()
			}
		}
	}
	texts := map[poller.Addr]string{} // by the client's address
	const conns = 20
	clients := make([]*end, conns)
	for i := range clients {
		source := ip("10.0.0.1:" + strconv.Itoa(1+i))
		text := make([]byte, rng.IntN(20_000))
		for j := range text {
			text[j] = byte(rng.Uint32())
		}
		texts[source] = string(text)
		h := proxyproto.NewHeader(1+rng.IntN(2), source, ip("10.0.0.2:443"))
		if h.Version == 2 {
			h.TLVs = []proxyproto.TLV{{Type: proxyproto.TypeNoop, Value: make([]byte, rng.IntN(3000))}, {Type: proxyproto.TypeCRC32C}}
		}
		dials = proxyproto.Client(h)
		c := &end{rig: r}
		if c.s, err = r.p.Dial(r.ln.Addr(), nil, c); err != nil {
			t.Fatal(err)
		}
		clients[i] = c
		early := rng.IntN(2) == 0
		send := func() { sends(c, string(text)+"\n\n"); c.s.Shutdown() }
		if early {
			send()
		}
		c.connected = func() {
			if c.err == nil && !early {
				send()
			}
		}
	}
	for range 3000 {
		r.poll(5e6)
		for _, sv := range r.ends {
			if rng.IntN(4) == 0 && !sv.closed {
				sv.s.Start()
			}
		}
	}
	for _, sv := range r.ends {
		if sv.told == 0 || sv.err != nil {
			if len(sv.got) > 0 {
				t.Errorf("%q came, of what is not ready", sv.got)
			}
			continue
		}
		text, ok := texts[sv.s.Peer()]
		switch text += "\n\n"; {
		case !ok || len(sv.got) > len(text) || text[:len(sv.got)] != string(sv.got):
			t.Errorf("from %v came what that has not sent: %d bytes", sv.s.Peer(), len(sv.got))
		case sv.end == io.EOF && len(sv.got) < len(text):
			t.Errorf("from %v came %d bytes of %d, and the end", sv.s.Peer(), len(sv.got), len(text))
		case sv.end == io.EOF:
			whole++
		}
	}
	for i, c := range clients {
		if c != nil && (c.told != 1 || c.sent > 1 || c.err == nil && c.sent != 1) {
			t.Errorf("client %d: %d Connected (%v), %d Sent (%v)", i, c.told, c.err, c.sent, c.sentErr)
		}
	}
	return whole
}

// dialed is a layer that can change from dial to dial.
type dialed struct{ l *poller.Layer }

func (d dialed) Wrap(below poller.Stream, h poller.StreamHandler, at poller.Place) (poller.Stream, poller.StreamHandler) {
	return (*d.l).Wrap(below, h, at)
}
