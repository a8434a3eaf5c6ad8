package proxyproto_test

import (
	"net/netip"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/stream/layer"
	"example.com/pike/stream/layer/layertest"
	"example.com/pike/stream/proxyproto"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// A rig is a simulated host with a listener that has a layer, and what has connected to it without one.
type rig struct {
	testing.TB
	p        poller.Poller
	ln       poller.Socket
	accepted func(e *end) // before anything is told of it
	ends     []*end       // that were accepted
}

func newRig(t testing.TB, seed uint64, faults sim.Faults, accepts, dials poller.Layer) *rig {
	r := &rig{TB: t, p: layertest.Over(sim.New(seed, sim.Config{Faults: faults}).Host("host"), accepts, dials)}
	t.Cleanup(func() { r.p.Close() })
	var err error
	if r.ln, err = r.p.Listen(poller.AddrOf(netip.MustParseAddrPort("127.0.0.1:7000")), nil, r); err != nil {
		t.Fatal(err)
	}
	r.ln.Start()
	return r
}

// server is a rig of one calm world whose listener reads headers.
func server(t testing.TB, o *proxyproto.Options) *rig {
	return newRig(t, 1, sim.Faults{}, proxyproto.Server(o), layer.Identity{})
}

func (r *rig) Accepted(s poller.Stream) poller.StreamHandler {
	e := &end{rig: r, s: s}
	r.ends = append(r.ends, e)
	if r.accepted != nil {
		r.accepted(e)
	}
	return e
}

func (r *rig) Failed(err error) { r.Errorf("Failed(%v)", err) }
func (r *rig) Closed()          {}

// dial connects to the listener.
func (r *rig) dial() *end {
	r.Helper()
	e := &end{rig: r}
	var err error
	if e.s, err = r.p.Dial(r.ln.Addr(), nil, e); err != nil {
		r.Fatal(err)
	}
	r.until("it is connected", func() bool { return e.told == 1 })
	if e.err != nil {
		r.Fatal(e.err)
	}
	e.s.Start()
	return e
}

// pair dials, and returns what was accepted, too.
func (r *rig) pair() (client, server *end) {
	r.Helper()
	n := len(r.ends)
	client = r.dial()
	r.until("it is accepted", func() bool { return len(r.ends) > n })
	return client, r.ends[n]
}

// until polls until something is so, in the poller's time.
func (r *rig) until(what string, done func() bool) {
	r.Helper()
	start := r.p.Now()
	for !done() {
		if r.p.Now().Sub(start) > time.Minute {
			r.Fatalf("waited in vain until %s", what)
		}
		r.poll(10 * time.Millisecond)
	}
}

func (r *rig) poll(d time.Duration) {
	r.Helper()
	if err := r.p.Poll(r.p.Now().Add(d)); err != nil {
		r.Fatal(err)
	}
}

// settle lets all that is under way arrive.
func (r *rig) settle() {
	for start := r.p.Now(); r.p.Now().Sub(start) < 5*time.Second; {
		r.poll(time.Second)
	}
}

// An end owns a stream.
type end struct {
	*rig
	s         poller.Stream
	connected func()         // what the owner does then
	received  func(p []byte) // likewise
	told      int
	err       error // of Connected
	got       []byte
	end       error
	sent      int
	sentErr   error
	closed    bool
}

func (e *end) Connected(err error) {
	e.told++
	e.err = err
	if e.connected != nil {
		e.connected()
	}
}

func (e *end) Received(p []byte, err error) {
	if e.told == 0 || e.end != nil || e.closed {
		e.Errorf("Received(%d bytes, %v) after %d Connected, the end %v, closed %v", len(p), err, e.told, e.end, e.closed)
	}
	e.got = append(e.got, p...)
	e.end = err
	if e.received != nil && err == nil {
		e.received(p)
	}
	clear(p) // which the handler may
}

func (e *end) Sent(err error) { e.sent++; e.sentErr = err }
func (e *end) Closed()        { e.closed = true }

// send sends text, and waits until it is out.
func (e *end) send(text string) {
	e.Helper()
	n := e.sent
	if e.s.Send([][]byte{[]byte(text)}) {
		e.sent++
	}
	e.until("it is sent", func() bool { return e.sent > n })
}

// ready waits for Connected without an error.
func (e *end) ready() {
	e.Helper()
	e.until("it is ready", func() bool { return e.told > 0 })
	if e.err != nil {
		e.Fatal(e.err)
	}
}
