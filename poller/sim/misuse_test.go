package sim_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

// panics runs f, which must panic with a text.
func panics(t *testing.T, text string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), text) {
			t.Errorf("panicked with %v, want %q", v, text)
		}
	}()
	f()
}

func TestMisusePanics(t *testing.T) {
	n, a, b := two(t, 1, sim.Config{SendBuffer: 100})
	x, y := n.pair()
	x.send(pattern(1000))
	panics(t, "Send before Sent", func() { x.s.Send([][]byte{{1}}) })
	panics(t, "TrySend before Sent", func() { x.s.TrySend([]byte{1}) })
	y.on.received = func([]byte, error) {
		y.on.received = nil
		panics(t, "Poll inside an upcall", func() { a.Poll(0) })
	}
	n.until("received", func() bool { return len(y.got) == 1000 })

	late, _, c := two(t, 1, always(sim.LateSent))
	p := bind(t, c, at("0.0.0.0", 1), nil)
	p.send(message("10.0.0.1:9", 1))
	panics(t, "Send before Sent", func() { p.s.Send([]poller.Message{message("10.0.0.1:9", 1)}) })
	late.turn(1e6)

	panics(t, "both a and again have 10.0.0.1", func() { n.Host("again", "10.0.0.1") })
	panics(t, "no host can be called", func() { n.Host("") })
	panics(t, "no host can be called", func() { n.Host("localhost") })
	panics(t, "the host a is there already, with the addresses [10.0.0.1 fd00::1]", func() { n.Host("a", "192.0.2.1") })
	panics(t, "a and a/2 are the same machine", func() { n.Cut(a, a.Process("a/2")) })
	panics(t, "a and a are the same machine", func() { n.CutFor(a, a, 1) })
	panics(t, "a and a are the same machine", func() { n.CutOneWay(a, a) })
	panics(t, "a and a are the same machine", func() { n.Heal(a, a) })
	panics(t, "not of this world", func() { n.Cut(a, n.Lookup("nobody")) })
	panics(t, "not of this world", func() { n.Link(sim.New(1, sim.Config{}).Host("a"), b, sim.Link{}) })
	panics(t, "not of this world", func() { n.Go(sim.New(1, sim.Config{}).Host("a"), idle) })
	panics(t, "no program", func() { n.Go(a, nil) })
	panics(t, "without a function", func() { n.At(0, nil) })
	panics(t, "negative number", func() { sim.New(1, sim.Config{Rules: []sim.Rule{{Fault: sim.Crash, For: -1}}}) })
	panics(t, "has no", func() { n.Param("clients") })
	panics(t, "Rule has no fault", func() { sim.New(1, sim.Config{Rules: []sim.Rule{{Fault: 99}}}) })
	n.At(0, func() { panics(t, "Poll inside", func() { b.Poll(0) }) })
	n.At(0, func() { panics(t, "Run inside", func() { n.Run() }) })
	n.turn(1e6)
	n.Go(a, idle)
	panics(t, "runs a program already", func() { n.Go(a, idle) })

	_, err := sim.Once(1, sim.Config{}, func(w *sim.World) error {
		w.Go(w.Host("a"), func(h *sim.Host) error {
			h.Kill()
			for {
				h.Poll(poller.Never)
			}
		})
		return w.Run()
	})
	if err == nil || !strings.Contains(err.Error(), "goes on polling") {
		t.Errorf("a program that does not end: %v", err)
	}
}

// TestHostIsFoundByItsName has a name stand for one host, however often it is asked for.
func TestHostIsFoundByItsName(t *testing.T) {
	w := sim.New(1, sim.Config{})
	if w.Lookup("srv") != nil {
		t.Error("there is a host before there is one")
	}
	srv, db := w.Host("srv"), w.Host("db", "192.0.2.1", "2001:db8::1")
	worker := srv.Process("worker")
	for _, c := range []struct{ got, want *sim.Host }{
		{w.Host("srv"), srv}, {w.Host("SRV."), srv}, {w.Lookup("srv"), srv}, {w.Lookup("Srv"), srv},
		{w.Host("db"), db}, {w.Host("db", "192.0.2.1", "2001:db8::1"), db}, {w.Host("srv", "10.0.0.1", "fd00::1"), srv},
		{w.Lookup("worker"), nil},
	} {
		if c.got != c.want {
			t.Errorf("%v, want %v", c.got, c.want)
		}
	}
	if worker == srv || srv.Process("worker") == worker {
		t.Error("a process was not added")
	}
}

// TestWhatCouldNotHaveHappened fails worlds in which something that was asked for could
// not strike or run, instead of passing them.
func TestWhatCouldNotHaveHappened(t *testing.T) {
	second := func(h *sim.Host) error { return h.Poll(h.Now().Add(time.Second)) }
	for text, c := range map[string]struct {
		rules []sim.Rule
		run   func(w *sim.World) error
	}{
		`no host "sv", which Config.Rules[1] names: sim.Rule{Fault: sim.Reset, To: "sv"}`: {
			[]sim.Rule{{Fault: sim.Drop, To: "SRV"}, {Fault: sim.Reset, To: "sv"}},
			func(w *sim.World) error { w.Go(w.Host("srv"), second); return w.Run() },
		},
		`no host "cl"`: {
			[]sim.Rule{{Fault: sim.Partition, From: "cl", At: time.Minute}},
			func(w *sim.World) error { w.Go(w.Host("srv"), second); return w.Run() },
		},
		"every program is a Daemon": {nil, func(w *sim.World) error { w.Daemon(w.Host("srv"), second); return w.Run() }},
		"Run was not called": {nil, func(w *sim.World) error {
			w.Go(w.Host("srv"), second)
			err := w.Run()
			w.Daemon(w.Host("late"), second)
			return err
		}},
	} {
		_, err := sim.Once(1, sim.Config{Rules: c.rules}, c.run)
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("want %q: %v", text, err)
		}
	}
	// A rule that a search has taken out, and a host that comes later, are no mistakes.
	rules := []sim.Rule{{Fault: sim.Drop, To: "late"}}
	_, err := sim.Once(1, sim.Config{Rules: rules}, func(w *sim.World) error {
		w.Go(w.Host("srv"), second)
		w.At(time.Millisecond, func() { w.Go(w.Host("late"), second) })
		return w.Run()
	})
	if err != nil {
		t.Error(err)
	}
}

// TestLentMemoryIsWiped keeps what a handler was given.
func TestLentMemoryIsWiped(t *testing.T) {
	n, a, b := two(t, 1, sim.Config{})
	x, y := n.pair()
	var kept [][]byte
	y.on.received = func(p []byte, _ error) { kept = append(kept, p) }
	p, q := bind(t, a, at("0.0.0.0", 1), nil), bind(t, b, at("0.0.0.0", 2), nil)
	q.on = func(m poller.Message) { kept = append(kept, m.Data) }
	x.send([]byte("secret"))
	p.send(poller.Message{Data: []byte("secret"), Peer: at("10.0.0.2", 2).AddrPort})
	n.until("both are received", func() bool { return len(kept) == 2 })
	for _, k := range kept {
		if !bytes.Equal(k, []byte{0xDB, 0xDB, 0xDB, 0xDB, 0xDB, 0xDB}) {
			t.Errorf("the memory holds %q", k)
		}
		if cap(k) != 6 {
			t.Errorf("the memory has room for %d bytes, to be appended to", cap(k))
		}
	}
}

// TestTouchedBufferIsFound changes what was given to a Send before Sent.
func TestTouchedBufferIsFound(t *testing.T) {
	for _, touch := range []bool{false, true} {
		n, _, _ := two(t, 1, sim.Config{SendBuffer: 1000})
		x, y := n.pair()
		data := pattern(5000)
		x.send(data)
		if touch {
			data[10] ^= 1 // long since taken by the system, and yet
		}
		for !t.Failed() && n.Err() == nil && len(y.got) < 5000 {
			for _, h := range n.hosts {
				h.Poll(n.Now().Add(1e5))
			}
		}
		for i := 0; i < 100 && n.Err() == nil; i++ {
			n.hosts[1].Poll(n.Now().Add(1e5))
		}
		if err := n.Err(); (err != nil) != touch || touch && !strings.Contains(err.Error(), "changed before Sent") {
			t.Errorf("touched: %v; the world says %v", touch, err)
		}
	}
	late, _, c := two(t, 1, always(sim.LateSent))
	p := bind(t, c, at("0.0.0.0", 1), nil)
	ms := []poller.Message{message("10.0.0.1:9", 1)}
	p.send(ms...)
	ms[0].Data[0]++
	c.Poll(late.Now().Add(1e6))
	if err := late.Err(); err == nil || !strings.Contains(err.Error(), "changed before Sent") {
		t.Errorf("a message was touched; the world says %v", err)
	}
}
