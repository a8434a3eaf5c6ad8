package sim_test

import (
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

// within holds that a span of the world's time is what the model says.
func within(t testing.TB, what string, got, lo, hi time.Duration) {
	t.Helper()
	if got < lo || got > hi {
		t.Errorf("%s took %v, want %v to %v", what, got, lo, hi)
	}
}

func TestLatencyAndBandwidth(t *testing.T) {
	n, _, _ := two(t, 1, sim.Config{Link: sim.Link{Latency: 20 * time.Millisecond, Bandwidth: 1_000_000}})
	start := n.Now()
	a, b := n.pair()
	within(t, "connecting", n.Now().Sub(start), 40*time.Millisecond, 42*time.Millisecond)
	start = n.Now()
	a.send(pattern(32_000))
	n.until("received", func() bool { return len(b.got) == 32_000 })
	within(t, "32 KB at 1 MB/s", n.Now().Sub(start), 52*time.Millisecond, 56*time.Millisecond)
}

func TestLinkOfOneWay(t *testing.T) {
	n, a, b := two(t, 1, sim.Config{})
	n.Link(a, b, sim.Link{Latency: time.Millisecond})
	n.LinkOneWay(a, b, sim.Link{Latency: 100 * time.Millisecond})
	p, q := bind(t, a, at("0.0.0.0", 1), nil), bind(t, b, at("0.0.0.0", 2), nil)
	start := n.Now()
	p.send(poller.Message{Data: []byte("x"), Peer: at("10.0.0.2", 2).AddrPort})
	n.until("there", func() bool { return len(q.got) == 1 })
	within(t, "there", n.Now().Sub(start), 100*time.Millisecond, 102*time.Millisecond)
	start = n.Now()
	q.send(poller.Message{Data: []byte("x"), Peer: q.got[0].Peer})
	n.until("back", func() bool { return len(p.got) == 1 })
	within(t, "back", n.Now().Sub(start), time.Millisecond, 3*time.Millisecond)
}

// TestWindow has a reader that stops: what is on its way is bounded by both
// buffers, the rest stays with the sender, and goes on when it reads.
func TestWindow(t *testing.T) {
	n, _, _ := two(t, 1, sim.Config{SendBuffer: 10_000, RecvBuffer: 20_000})
	a, b := n.pair()
	b.s.Stop()
	a.send(pattern(100_000))
	n.turn(time.Second)
	if !a.sending || a.s.Unsent() != 70_000 {
		t.Errorf("in flight: %v, unsent %d; want 70000", a.sending, a.s.Unsent())
	}
	b.s.Start()
	n.until("received", func() bool { return len(b.got) == 100_000 })
	if a.sending || len(a.sent) != 1 || a.sent[0] != nil {
		t.Errorf("Sent: %v", a.sent)
	}
	if string(b.got) != string(pattern(100_000)) {
		t.Error("what was received is not what was sent")
	}
}

func TestHalfClose(t *testing.T) {
	n, _, _ := two(t, 1, sim.Config{})
	a, b := n.pair()
	a.send([]byte("question"))
	a.s.Shutdown()
	n.until("the end", func() bool { return b.err == io.EOF })
	b.send([]byte("a late answer"))
	b.s.Close()
	n.until("the answer", func() bool { return a.err == io.EOF })
	if string(b.got) != "question" || string(a.got) != "a late answer" {
		t.Errorf("got %q and %q", b.got, a.got)
	}
	a.send([]byte("too late"))
	n.until("it fails", func() bool { return len(a.sent) == 1 })
	if !errors.Is(a.sent[0], syscall.EPIPE) {
		t.Errorf("a Send after Shutdown: %v", a.sent[0])
	}
}

func TestResetReachesThePeer(t *testing.T) {
	n, _, _ := two(t, 1, sim.Config{})
	a, b := n.pair()
	a.send(pattern(100))
	a.s.Reset()
	n.until("the reset", func() bool { return b.err != nil })
	if !errors.Is(b.err, syscall.ECONNRESET) || len(b.got) != 100 {
		t.Errorf("received %d bytes, then %v", len(b.got), b.err)
	}
	b.send([]byte("x"))
	n.until("it fails", func() bool { return len(b.sent) == 1 })
	if !errors.Is(b.sent[0], syscall.EPIPE) {
		t.Errorf("a Send after the reset: %v", b.sent[0])
	}
}

// TestSendToAClosedPeer is answered by a reset, as what arrives at a port that
// has been closed is.
func TestSendToAClosedPeer(t *testing.T) {
	n, _, _ := two(t, 1, sim.Config{})
	a, b := n.pair()
	b.s.Close()
	n.until("the end", func() bool { return a.err == io.EOF })
	a.send([]byte("into the void"))
	n.turn(10 * time.Millisecond)
	a.send([]byte("again"))
	n.until("it fails", func() bool { return len(a.sent) > 0 })
	if !errors.Is(a.sent[0], syscall.EPIPE) {
		t.Errorf("Sent: %v", a.sent)
	}
}

func TestConnectErrors(t *testing.T) {
	n, a, b := two(t, 1, sim.Config{})
	only4 := n.Host("only4", "192.0.2.1")
	n.hosts = append(n.hosts, only4)
	for _, c := range []struct {
		from *sim.Host
		to   poller.Addr
		want syscall.Errno
		lo   time.Duration
	}{
		{b, at("10.0.0.1", 1), syscall.ECONNREFUSED, 500 * time.Microsecond}, // nobody listens
		{b, at("203.0.113.5", 1), syscall.ETIMEDOUT, 127 * time.Second},      // nobody has the address
		{only4, at("fd00::1", 1), syscall.ENETUNREACH, 0},
		{a, poller.Addr{Path: "/run/nobody"}, syscall.ENOENT, 0},
	} {
		start := n.Now()
		e := dial(t, c.from, c.to)
		n.until("it fails", func() bool { return e.dialErr != nil })
		if !errors.Is(e.dialErr, c.want) {
			t.Errorf("dialing %v: %v, want %v", c.to, e.dialErr, c.want)
		}
		if d := n.Now().Sub(start); d < c.lo || d > c.lo+10*time.Second {
			t.Errorf("dialing %v took %v, want %v", c.to, d, c.lo)
		}
	}
}

func TestBacklog(t *testing.T) {
	n, a, b := two(t, 1, sim.Config{})
	d := new(door)
	var err error
	if d.s, err = a.Listen(at("::", port), &poller.Options{Backlog: 2}, d); err != nil {
		t.Fatal(err)
	}
	var ends []*end
	for range 5 {
		ends = append(ends, dial(t, b, at("10.0.0.1", port)))
	}
	n.turn(100 * time.Millisecond)
	connected := 0
	for _, e := range ends {
		if e.connected {
			connected++
		}
	}
	if connected != 3 { // one more than the backlog, as on Linux
		t.Errorf("%d are connected, want 3", connected)
	}
	d.s.Start()
	n.until("all are accepted", func() bool { return len(d.ends) == 5 })
}

func TestAddressInUse(t *testing.T) {
	n, a, _ := two(t, 1, sim.Config{})
	x, y := n.pair()
	y.s.Close() // first: its side waits
	n.until("the end", func() bool { return x.err != nil })
	x.s.Close()
	n.until("both are closed", func() bool { return x.closed && y.closed })
	listening := func(o *poller.Options) error {
		d := new(door)
		s, err := a.Listen(at("10.0.0.1", port), o, d)
		if err == nil {
			s.Close()
			n.until("it is closed", func() bool { return d.closed })
		}
		return err
	}
	strict := &poller.Options{NoReuseAddr: true}
	if err := listening(nil); err != nil {
		t.Errorf("restart of a listener in TIME_WAIT: %v", err)
	}
	if err := listening(strict); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("without SO_REUSEADDR: %v", err)
	}
	n.turn(61 * time.Second)
	if err := listening(strict); err != nil {
		t.Errorf("after TIME_WAIT: %v", err)
	}
}

func TestPartition(t *testing.T) {
	n, a, b := two(t, 1, sim.Config{})
	x, y := n.pair()
	n.Cut(a, b)
	x.send([]byte("held up"))
	e := dial(t, b, at("10.0.0.1", port))
	n.turn(10 * time.Second)
	if len(y.got) > 0 || e.connected || e.dialErr != nil {
		t.Fatalf("through a partition: %q, %v", y.got, e.connected)
	}
	n.Heal(a, b)
	n.until("it arrives", func() bool { return len(y.got) > 0 })
	n.until("the dial is refused", func() bool { return errors.Is(e.dialErr, syscall.ECONNREFUSED) })

	n.CutFor(a, b, 5*time.Second)
	start := n.Now()
	y.send([]byte("held up too"))
	n.until("it arrives", func() bool { return len(x.got) > 0 })
	within(t, "a partition of 5 s", n.Now().Sub(start), 5*time.Second, 12*time.Second)
}

// TestPartitionForGood ends by retransmission where there is something to send,
// and by keep-alive where there is not.
func TestPartitionForGood(t *testing.T) {
	n, a, b := two(t, 1, sim.Config{})
	x, y := n.pair()
	n.CutOneWay(a, b)
	start := n.Now()
	n.until("keep-alive has ended it", func() bool { return x.err != nil && y.err != nil })
	if !errors.Is(x.err, syscall.ETIMEDOUT) || !errors.Is(y.err, syscall.ETIMEDOUT) {
		t.Errorf("%v and %v", x.err, y.err)
	}
	within(t, "keep-alive", n.Now().Sub(start), 150*time.Second, 160*time.Second) // idle 15 s, then 9 probes
	n.Heal(a, b)

	x, y = n.pair()
	for _, e := range []*end{x, y} {
		if err := e.s.SetOption(poller.KeepAlive, 0); err != nil {
			t.Fatal(err)
		}
	}
	n.Cut(a, b)
	start = n.Now()
	x.send([]byte("x"))
	n.until("retransmission has ended it", func() bool { return x.err != nil })
	if !errors.Is(x.err, syscall.ETIMEDOUT) || y.err != nil {
		t.Errorf("%v and %v", x.err, y.err)
	}
	within(t, "retransmission", n.Now().Sub(start), 924*time.Second, 1100*time.Second)
}

func TestFilesRunOut(t *testing.T) {
	n, a, b := two(t, 1, sim.Config{Files: 2})
	a.Files = 3
	d := listen(t, a, nil)
	dial(t, b, at("10.0.0.1", port))
	dial(t, b, at("10.0.0.1", port))
	if _, err := b.Dial(at("10.0.0.1", port), nil, new(end)); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("a third socket: %v", err)
	}
	b.Files = 3
	dial(t, b, at("10.0.0.1", port))
	n.until("it fails", func() bool { return len(d.failed) == 1 })
	if !errors.Is(d.failed[0], syscall.EMFILE) || len(d.ends) != 2 {
		t.Errorf("accepted %d, then %v", len(d.ends), d.failed)
	}
	d.ends[0].s.Close()
	n.until("it is closed", func() bool { return d.ends[0].closed })
	d.s.Start()
	n.until("the third is accepted", func() bool { return len(d.ends) == 3 })
}
