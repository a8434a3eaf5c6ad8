package sim_test

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

// idle polls until the poller ends.
func idle(h *sim.Host) error {
	for {
		if err := h.Poll(poller.Never); err != nil {
			return err
		}
	}
}

// server accepts and echoes nothing; it counts its lives.
func server(lives *int) func(*sim.Host) error {
	return func(h *sim.Host) error {
		*lives++
		s, err := h.Listen(at("::", port), nil, new(door))
		if err != nil {
			return err
		}
		s.Start()
		return idle(h)
	}
}

// caller connects and sends a byte a second, and tells how that ended.
func caller(ended *error) func(*sim.Host) error {
	return func(h *sim.Host) (err error) {
		e := new(end)
		if e.s, err = h.Dial(at("10.0.0.1", port), nil, e); err != nil {
			return err
		}
		e.s.Start()
		for e.err == nil && e.dialErr == nil {
			if e.connected && !e.sending {
				e.send([]byte("x"))
			}
			if err := h.Poll(h.Now().Add(time.Second)); err != nil {
				return err
			}
		}
		*ended = errors.Join(e.err, e.dialErr)
		return nil
	}
}

// TestCrash takes the power from a host: its peer learns nothing until the host
// is on again and does not know the connection.
func TestCrash(t *testing.T) {
	w := sim.New(1, sim.Config{})
	a, b := w.Host("a"), w.Host("b")
	a.Restart = 10 * time.Second
	lives, ended := 0, error(nil)
	w.Daemon(a, server(&lives))
	w.Go(b, caller(&ended))
	w.At(5*time.Second, a.Crash)
	if err := w.Run(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(ended, syscall.ECONNRESET) || lives != 2 {
		t.Errorf("it ended with %v; %d lives", ended, lives)
	}
	within(t, "that", time.Duration(w.Now()), 15*time.Second, 30*time.Second)
}

// TestCrashByRule has a rule do it, and say how long.
func TestCrashByRule(t *testing.T) {
	w := sim.New(1, sim.Config{Rules: []sim.Rule{
		{Fault: sim.Crash, To: "a", At: 2 * time.Second, For: 3 * time.Second},
		{Fault: sim.Crash, To: "a", Nth: 8},
	}})
	a, b := w.Host("a"), w.Host("b")
	a.Restart = time.Minute
	var begun []poller.Time
	lives := 0
	w.Daemon(a, func(h *sim.Host) error {
		begun = append(begun, h.Now())
		return server(&lives)(h)
	})
	for i := range 3 {
		w.Daemon(b.Process("b"), func(h *sim.Host) error {
			ended := error(nil)
			h.Poll(h.Now().Add(time.Duration(i) * 10 * time.Second))
			return caller(&ended)(h)
		})
	}
	w.Go(b, func(h *sim.Host) error { return h.Poll(h.Now().Add(time.Minute)) })
	if err := w.Run(); err != nil {
		t.Fatal(err)
	}
	if lives < 3 || begun[1] != poller.Time(5*time.Second) {
		t.Errorf("it began at %v", begun)
	}
	if hits := w.RuleHits(); hits[0] != 1 || hits[1] != 1 || w.Hits()[sim.Crash] != 2 {
		t.Errorf("the rules struck %v times", hits)
	}
}

func TestCrashForGood(t *testing.T) {
	w := sim.New(1, sim.Config{})
	a, b := w.Host("a"), w.Host("b")
	lives, ended := 0, error(nil)
	w.Go(a, server(&lives))
	w.Go(b, caller(&ended))
	w.At(5*time.Second, a.Crash)
	if err := w.Run(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(ended, syscall.ETIMEDOUT) || lives != 1 {
		t.Errorf("it ended with %v; %d lives", ended, lives)
	}
}

// TestKill ends a process: the system says so to its peers at once.
func TestKill(t *testing.T) {
	for _, unread := range []bool{false, true} {
		w := sim.New(1, sim.Config{})
		a, b := w.Host("a"), w.Host("b")
		var how error
		w.Go(a, func(h *sim.Host) error {
			d := &door{on: func(e *end) {
				if unread {
					e.s.Stop()
				}
			}}
			s, err := h.Listen(at("::", port), nil, d)
			if err != nil {
				return err
			}
			s.Start()
			err = idle(h)
			if h.Sockets() != 0 || !errors.Is(err, sim.ErrKilled) || len(d.ends) != 1 || d.ends[0].closed {
				w.Errorf("after the kill: %v, %d sockets", err, h.Sockets())
			}
			s.Close() // of a process that is gone: nothing
			if _, err := h.Bind(at("::", 0), nil, new(box)); err == nil {
				w.Errorf("a process that is gone opened a socket")
			}
			return errors.New("whatever a killed program returns is no failure")
		})
		w.Go(b, func(h *sim.Host) error {
			err := caller(&how)(h)
			return err
		})
		w.At(3500*time.Millisecond, a.Kill)
		if err := w.Run(); err != nil {
			t.Fatal(err)
		}
		want := error(io.EOF)
		if unread {
			want = syscall.ECONNRESET
		}
		if !errors.Is(how, want) {
			t.Errorf("unread data: %v; the peer saw %v", unread, how)
		}
	}
}

// TestReturnClosesSockets lets a program return that has sockets open.
func TestReturnClosesSockets(t *testing.T) {
	w := sim.New(1, sim.Config{})
	a, b := w.Host("a"), w.Host("b")
	var ended error
	w.Go(a, func(h *sim.Host) error {
		d := new(door)
		s, err := h.Listen(at("::", port), nil, d)
		if err != nil {
			return err
		}
		s.Start()
		for len(d.ends) == 0 || len(d.ends[0].got) == 0 {
			if err := h.Poll(poller.Never); err != nil {
				return err
			}
		}
		return nil
	})
	w.Go(b, caller(&ended))
	if err := w.Run(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(ended, io.EOF) && !errors.Is(ended, syscall.ECONNRESET) {
		t.Errorf("the peer saw %v", ended)
	}
}

func TestGoAgain(t *testing.T) {
	w := sim.New(1, sim.Config{})
	a := w.Host("a")
	runs := 0
	once := func(h *sim.Host) error { runs++; return h.Poll(h.Now().Add(time.Second)) }
	w.Go(a, once)
	w.At(2*time.Second, func() { w.Go(a, once) })
	w.Go(w.Host("b"), func(h *sim.Host) error { return h.Poll(h.Now().Add(5 * time.Second)) })
	if err := w.Run(); err != nil || runs != 2 {
		t.Errorf("%d runs, %v", runs, err)
	}
}

// TestBoot turns a host on again that an ordinary test polls.
func TestBoot(t *testing.T) {
	n, a, _ := two(t, 1, sim.Config{})
	n.pair()
	a.Crash()
	if err := a.Poll(n.Now().Add(time.Second)); !errors.Is(err, sim.ErrKilled) {
		t.Errorf("Poll after a crash: %v", err)
	}
	a.Boot()
	if err := a.Poll(n.Now().Add(time.Second)); err != nil {
		t.Errorf("Poll after Boot: %v", err)
	}
	listen(t, a, nil)
}

// TestProcesses has two of them on a machine: they share addresses and ports, and
// one may be killed alone.
func TestProcesses(t *testing.T) {
	n, a, b := two(t, 1, sim.Config{})
	p := a.Process("a/2")
	n.hosts = append(n.hosts, p)
	d := listen(t, a, nil)
	if _, err := p.Listen(at("::", port), nil, new(door)); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("the same port: %v", err)
	}
	e := dial(t, p, at("127.0.0.1", port))
	n.until("it is accepted", func() bool { return e.connected && len(d.ends) == 1 })
	spread := map[*door]bool{}
	for _, h := range []*sim.Host{a, p, a, p} {
		d := new(door)
		s, err := h.Listen(at("::", 9), &poller.Options{ReusePort: true}, d)
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		d.on = func(*end) { spread[d] = true }
	}
	for range 50 {
		dial(t, b, at("10.0.0.1", 9))
	}
	n.until("each has accepted some", func() bool { return len(spread) == 4 })
	n.hosts = []*sim.Host{a, b}
	p.Kill()
	n.until("the end", func() bool { return d.ends[0].err != nil })
	if d.ends[0].err != io.EOF {
		t.Errorf("the peer of a killed process saw %v", d.ends[0].err)
	}
}

// TestNoGoroutineIsLeft ends worlds in every way and counts goroutines.
func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, end := range []func(w *sim.World, h *sim.Host) error{
		func(w *sim.World, h *sim.Host) error { return nil },
		func(w *sim.World, h *sim.Host) error { return errors.New("broken") },
		func(w *sim.World, h *sim.Host) error { w.Errorf("wrong"); return h.Poll(poller.Never) },
		func(w *sim.World, h *sim.Host) error { return idle(h) },
		func(w *sim.World, h *sim.Host) error { panic("broken") },
		func(w *sim.World, h *sim.Host) error { h.Crash(); return idle(h) },
	} {
		_, err := sim.Once(1, sim.Config{}, func(w *sim.World) error {
			w.Daemon(w.Host("a"), idle)
			w.Go(w.Host("b"), func(h *sim.Host) error { return h.Poll(h.Now().Add(time.Second)) })
			w.Go(w.Host("c"), func(h *sim.Host) error {
				h.Poll(h.Now().Add(time.Millisecond))
				return end(w, h)
			})
			return w.Run()
		})
		if err != nil && strings.Contains(err.Error(), "goes on polling") {
			t.Error(err)
		}
	}
	if now := runtime.NumGoroutine(); now > before {
		t.Errorf("%d goroutines, and %d before", now, before)
	}
}

func TestDeadlockIsReported(t *testing.T) {
	w := sim.New(42, sim.Config{})
	a, b := w.Host("a"), w.Host("b")
	w.Go(a, func(h *sim.Host) error {
		d := &door{on: func(e *end) { e.s.Stop() }}
		s, err := h.Listen(at("::", port), nil, d)
		if err != nil {
			return err
		}
		s.Start()
		return idle(h)
	})
	w.Go(b, func(h *sim.Host) error {
		e := &end{}
		e.on.connected = func(error) { e.send(pattern(200_000)) }
		var err error
		if e.s, err = h.Dial(at("10.0.0.1", port), nil, e); err != nil {
			return err
		}
		return idle(h)
	})
	err := w.Run()
	var o *sim.Outcome
	if !errors.Is(err, sim.ErrDeadlock) || !errors.As(err, &o) || o.Seed != 42 {
		t.Fatalf("Run: %v", err)
	}
	for _, text := range []string{
		"deadlock at ", "(seed 42)", "a: polls without a deadline",
		"listener [::]:7000: started, 0 waiting to be accepted",
		"stream 10.0.0.1:7000 -> 10.0.0.2:", "stopped, 65536 bytes unread",
		"stream 10.0.0.2:", "Send in flight with 68928 bytes left, 65536 bytes taken and not sent: the peer does not read",
	} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the report does not say %q:\n%v", text, err)
		}
	}
	n, h, _ := two(t, 1, sim.Config{})
	if err := h.Poll(poller.Never); !errors.Is(err, sim.ErrDeadlock) || !errors.Is(n.Err(), sim.ErrDeadlock) {
		t.Errorf("Poll with nothing to come: %v", err)
	}
}

func TestLimits(t *testing.T) {
	tick := func(h *sim.Host) error {
		for {
			if err := h.Poll(h.Now().Add(time.Second)); err != nil {
				return err
			}
		}
	}
	spin := func(h *sim.Host) error {
		for {
			if err := h.Poll(0); err != nil {
				return err
			}
		}
	}
	for name, c := range map[string]struct {
		cfg     sim.Config
		program func(*sim.Host) error
		at      time.Duration
	}{
		"time":          {sim.Config{Limit: time.Minute}, tick, time.Minute},
		"steps":         {sim.Config{Steps: 1000}, tick, 16 * time.Minute},
		"polls at once": {sim.Config{Steps: 100_000}, spin, 100 * time.Millisecond},
	} {
		w := sim.New(1, c.cfg)
		w.Go(w.Host("a"), c.program)
		if err := w.Run(); !errors.Is(err, sim.ErrLimit) || time.Duration(w.Now()) < c.at {
			t.Errorf("%s: at %v: %v", name, time.Duration(w.Now()), err)
		}
	}
}

// TestClockMoves holds that whoever waits for the clock without Poll sees it
// move, and that no deadline is early or, with nothing else to do, late.
func TestClockMoves(t *testing.T) {
	n, a, _ := two(t, 1, sim.Config{})
	for start := a.Now(); a.Now() == start; {
	}
	for _, d := range []time.Duration{time.Microsecond, time.Millisecond, time.Second + 1, time.Minute} {
		deadline := n.Now().Add(d)
		if err := a.Poll(deadline); err != nil || a.Now() != deadline {
			t.Errorf("a Poll until %v returned at %v, %v", deadline, a.Now(), err)
		}
	}
}

// TestKillOfTheLast ends the world with its last program, and leaves what else was to happen alone.
func TestKillOfTheLast(t *testing.T) {
	w := sim.New(1, sim.Config{})
	a := w.Host("a")
	w.Go(a, idle)
	w.At(time.Second, a.Kill)
	w.At(time.Hour/2, func() { t.Error("the world goes on") })
	if err := w.Run(); err != nil {
		t.Error(err)
	}
	within(t, "it took", time.Duration(w.Now()), time.Second, 2*time.Second)
}
