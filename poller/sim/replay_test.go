package sim_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

// chatter is a world of raw sockets, so that its trace depends on this package
// alone: two programs talk over streams and datagrams for a fifth
// of a second.
func chatter(w *sim.World) error {
	srv, cli := w.Host("srv"), w.Host("cli")
	w.Name("db.example", "10.0.0.9")
	w.Daemon(srv, answer)
	w.Go(cli, ask)
	return w.Run()
}

func answer(h *sim.Host) (err error) {
	d := &door{on: func(e *end) {
		e.on.received = func(p []byte, err error) {
			if err != nil {
				e.s.Close()
			} else if !e.sending {
				e.send(bytes.Clone(p))
			}
		}
	}}
	if d.s, err = h.Listen(at("0.0.0.0", port), nil, d); err != nil {
		return err
	}
	d.s.Start()
	b := new(box)
	b.on = func(m poller.Message) {
		if !b.sending {
			b.send(poller.Message{Data: []byte("pong"), Peer: m.Peer})
		}
	}
	if b.s, err = h.Bind(at("::", port), nil, b); err != nil {
		return err
	}
	b.s.Start()
	for err == nil {
		err = h.Poll(poller.Never)
	}
	return err
}

func ask(h *sim.Host) (err error) {
	var ends []*end
	for range 5 {
		e := new(end)
		e.on.connected = func(err error) {
			if err == nil {
				e.send(pattern(3000))
			}
		}
		if e.s, err = h.Dial(at("10.0.0.1", port), nil, e); err != nil {
			return err
		}
		e.s.Start()
		ends = append(ends, e)
	}
	b := new(box)
	if b.s, err = h.Bind(at("0.0.0.0", 0), nil, b); err != nil {
		return err
	}
	b.s.Start()
	h.Submit(func() { h.LookupNetIP(context.Background(), "ip", "db.example") })
	for end := poller.Time(200e6); h.Now() < end; {
		if !b.sending {
			b.send(poller.Message{Data: pattern(100), Peer: at("10.0.0.1", port).AddrPort})
		}
		if err := h.Poll(h.Now().Add(10e6)); err != nil {
			return err
		}
	}
	for _, e := range ends {
		e.s.Close()
	}
	return h.Poll(h.Now() + 1e6)
}

// TestGolden holds that a seed gives the same history on every system and
// processor, and in every version until somebody changes the simulator: then
// these numbers are to be replaced by those of the failure.
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		seed   uint64
		faults sim.Faults
		hash   uint64
	}{
		{1, sim.None(), 0xfa228ae326826a7d},
		{2, sim.Light(), 0x609451cd54189afe},
		{3, sim.Heavy(), 0xed8755106b58e8ce},
		{4, sim.Heavy(), 0x2cc949876bac7857},
	} {
		w, err := sim.Once(c.seed, sim.Config{Faults: c.faults}, chatter)
		if err != nil || w.Hash() != c.hash {
			t.Errorf("seed %d: hash %#016x, want %#016x; %v", c.seed, w.Hash(), c.hash, err)
		}
	}
}

func TestSameSeedSameHash(t *testing.T) {
	seen := map[uint64]uint64{}
	for seed := range uint64(200) {
		cfg := sim.Config{Faults: sim.Heavy()}
		a, err := sim.Once(seed, cfg, chatter)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		cfg.Trace = io.Discard // telling changes nothing
		b, _ := sim.Once(seed, cfg, chatter)
		if a.Hash() != b.Hash() || a.Now() != b.Now() || a.Steps() != b.Steps() || a.Hits() != b.Hits() {
			t.Fatalf("seed %d: hash %x, then %x", seed, a.Hash(), b.Hash())
		}
		if other, ok := seen[a.Hash()]; ok {
			t.Errorf("seeds %d and %d have the same hash", seed, other)
		}
		seen[a.Hash()] = seed
	}
}

// TestDataIsHashed tells worlds apart that differ only in what was sent.
func TestDataIsHashed(t *testing.T) {
	hash := func(p string) uint64 {
		n, _, _ := two(t, 1, sim.Config{})
		a, b := n.pair()
		a.send([]byte(p))
		n.until("received", func() bool { return len(b.got) == len(p) })
		return n.Hash()
	}
	if hash("yes") == hash("yet") {
		t.Error("the hash does not cover what streams carry")
	}
}

// TestTraceTellsAStory also holds that the trace is the same text each time.
func TestTraceTellsAStory(t *testing.T) {
	var story bytes.Buffer
	n, _, _ := two(t, 1, sim.Config{Trace: &story, Link: sim.Link{Latency: 5e6}})
	a, b := n.pair()
	a.send([]byte("hello"))
	n.until("received", func() bool { return len(b.got) == 5 })
	a.s.Close()
	n.until("ended", func() bool { return b.err == io.EOF })
	for _, line := range []string{
		"0.000ms a: listens on [::]:7000\n",
		"0.000ms b: dials 10.0.0.1:7000\n",
		"ms a: accepted 10.0.0.2:",
		"ms b: connected to 10.0.0.1:7000\n",
		"ms b: sends 5 bytes to 10.0.0.1:7000\n",
		"ms a: received 5 bytes from 10.0.0.2:",
		"ms a: received the end from 10.0.0.2:",
	} {
		if !bytes.Contains(story.Bytes(), []byte(line)) {
			t.Errorf("no line has %q in\n%s", line, story.Bytes())
		}
	}
}

func TestRunReturnsAProgramsError(t *testing.T) {
	broken := errors.New("broken")
	w := sim.New(1, sim.Config{})
	w.Go(w.Host("a"), func(*sim.Host) error { return broken })
	w.Go(w.Host("b"), func(h *sim.Host) error { return h.Poll(poller.Never) })
	if err := w.Run(); !errors.Is(err, broken) {
		t.Errorf("Run: %v", err)
	}
}
