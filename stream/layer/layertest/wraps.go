package layertest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"example.com/pike/poller"
)

// patience bounds every wait, in the poller's time and in Polls.
const (
	patience  = 20 * time.Second
	pollsMost = 1 << 18
)

// wraps holds what pollertest cannot ask of a poller: layers over streams that are open, as
// STARTTLS has them, on both ends at once.
func wraps(t *testing.T, open func(t testing.TB) poller.Poller, accepted, dialed poller.Layer) {
	for _, clause := range []struct {
		name string
		test func(b *bench)
	}{
		{"carries_what_is_sent", carries},
		{"started_and_sent_at_once", startedAtOnce},
		{"closed_at_once", closedAtOnce},
		{"over_a_stream_that_is_lost", overLost},
	} {
		t.Run(clause.name, func(t *testing.T) {
			p := &over{Poller: open(t), locals: map[any]any{}}
			b := &bench{TB: t, p: p, accepted: accepted, dialed: dialed}
			t.Cleanup(func() { p.Close() })
			b.connect()
			clause.test(b)
		})
	}
}

// A bench is a connection without layers, and what is put on its ends.
type bench struct {
	testing.TB
	p                *over
	accepted, dialed poller.Layer
	a, b             *owner // of the end that was dialed, and of the other
}

// An owner is who owns a stream, below the layer or above it.
type owner struct {
	*bench
	s       poller.Stream
	calling bool // a call of ours is under way
	told    int  // times that Connected was called
	err     error
	got     []byte
	end     error
	sent    int // times that Sent was called
	closed  bool
}

func (o *owner) upcall(what string) {
	if o.calling || !o.p.polling {
		o.Errorf("%s inside a call, or outside Poll", what)
	}
	if o.closed {
		o.Errorf("%s after Closed", what)
	}
}

func (o *owner) Connected(err error) { o.upcall("Connected"); o.told++; o.err = err }
func (o *owner) Sent(error)          { o.upcall("Sent"); o.sent++ }
func (o *owner) Closed()             { o.upcall("Closed"); o.closed = true }

func (o *owner) Received(p []byte, err error) {
	o.upcall("Received")
	if o.told == 0 {
		o.Errorf("Received(%d bytes, %v) before Connected", len(p), err)
	}
	o.got = append(o.got, p...)
	if err != nil {
		o.end = err
	}
}

func (b *bench) until(what string, done func() bool) {
	b.Helper()
	start := b.p.Now()
	for n := 0; !done(); n++ {
		if n == pollsMost || b.p.Now().Sub(start) > patience {
			b.Fatalf("waited in vain until %s", what)
		}
		if err := b.p.Poll(start.Add(patience)); err != nil {
			b.Fatal(err)
		}
	}
}

// one accepts one stream.
type one struct{ b *bench }

func (o one) Accepted(s poller.Stream) poller.StreamHandler {
	o.b.b = &owner{bench: o.b, s: s}
	return o.b.b
}
func (o one) Failed(err error) { o.b.Errorf("Failed(%v)", err) }
func (o one) Closed()          {}

func (b *bench) connect() {
	ln, err := b.p.Poller.Listen(poller.AddrOf(netip.MustParseAddrPort("127.0.0.1:0")), nil, one{b})
	if err != nil {
		b.Fatal(err)
	}
	ln.Start()
	b.a = &owner{bench: b}
	if b.a.s, err = b.p.Poller.Dial(ln.Addr(), nil, b.a); err != nil {
		b.Fatal(err)
	}
	b.until("there is a connection", func() bool { return b.a.told == 1 && b.b != nil && b.b.told == 1 })
	if b.a.err != nil || b.b.err != nil {
		b.Fatalf("Connected(%v), Connected(%v)", b.a.err, b.b.err)
	}
	ln.Close()
}

// put puts the layer on one end, which has a new owner from then on.
func (b *bench) put(end **owner) {
	o := &owner{bench: b, calling: true}
	l, at := b.accepted, poller.Place{Env: b.p}
	if *end == b.a {
		l, at.Client, at.Host = b.dialed, true, "127.0.0.1"
	}
	o.s = wrap(l, (*end).s, o, at)
	o.calling = false
	*end = o
}

func (b *bench) wrapBoth() {
	b.put(&b.b)
	b.put(&b.a)
}

func (o *owner) send(p []byte) {
	o.calling = true
	if o.s.Send([][]byte{p}) {
		o.sent++
	}
	o.calling = false
}

func carries(b *bench) {
	b.wrapBoth()
	b.until("the layers are ready", func() bool { return b.a.told == 1 && b.b.told == 1 })
	if b.a.err != nil || b.b.err != nil {
		b.Fatalf("Connected(%v), Connected(%v)", b.a.err, b.b.err)
	}
	b.exchange()
}

// startedAtOnce makes calls before the layers are ready.
func startedAtOnce(b *bench) {
	b.wrapBoth()
	b.exchange()
	if b.a.told != 1 || b.b.told != 1 {
		b.Errorf("Connected was called %d and %d times", b.a.told, b.b.told)
	}
}

// exchange sends both ways, and ends.
func (b *bench) exchange() {
	here, there := bytes.Repeat([]byte("here"), 50_000), bytes.Repeat([]byte("there"), 50_000)
	b.a.s.Start()
	b.b.s.Start()
	b.a.send(here)
	b.b.send(there)
	b.until("all is received", func() bool { return len(b.a.got) == len(there) && len(b.b.got) == len(here) })
	if !bytes.Equal(b.a.got, there) || !bytes.Equal(b.b.got, here) {
		b.Error("what was received is not what was sent")
	}
	b.until("both are told that it is sent", func() bool { return b.a.sent == 1 && b.b.sent == 1 })
	b.a.s.Shutdown()
	b.until("the end is received", func() bool { return b.b.end != nil })
	b.b.s.Shutdown()
	b.until("the other end is received", func() bool { return b.a.end != nil })
	if b.a.end != io.EOF || b.b.end != io.EOF {
		b.Errorf("the ends are %v and %v", b.a.end, b.b.end)
	}
	b.close()
}

func (b *bench) close() {
	b.a.s.Close()
	b.b.s.Close()
	b.until("both are closed", func() bool { return b.a.closed && b.b.closed })
}

// closedAtOnce holds that nobody is told Connected after Close.
func closedAtOnce(b *bench) {
	b.wrapBoth()
	b.close()
	if b.a.told+b.b.told != 0 {
		b.Errorf("Connected was called %d times after Close", b.a.told+b.b.told)
	}
}

// overLost has a layer begin over a connection that its peer has reset: the owner is told, either
// that the layer never will be ready, or that what it has is lost.
func overLost(b *bench) {
	b.b.s.Reset()
	b.until("it is closed", func() bool { return b.b.closed })
	b.a.told, b.a.end = 1, nil
	b.put(&b.a)
	b.a.s.Start()
	b.until("the loss is told", func() bool { return b.a.err != nil || b.a.end != nil })
	if b.a.told != 1 {
		b.Errorf("Connected was called %d times", b.a.told)
	}
	for _, err := range []error{b.a.err, b.a.end} {
		if errors.Is(err, net.ErrClosed) {
			b.Errorf("the reason is %v, and nobody has closed it", err)
		}
	}
	b.a.s.Close()
	b.until("it is closed", func() bool { return b.a.closed })
}
