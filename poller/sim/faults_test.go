package sim_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

// always makes a fault strike at every occasion.
func always(f sim.Fault) sim.Config {
	var cfg sim.Config
	cfg.Faults[f] = 1_000_000
	return cfg
}

// eachFault shows what each fault does when it is certain.
var eachFault = [sim.NumFaults]func(t *testing.T, n *testnet){
	sim.ShortSend: func(t *testing.T, n *testnet) {
		a, b := n.pair()
		if k := a.s.TrySend(pattern(1000)); k >= 1000 {
			t.Errorf("TrySend took all %d", k)
		}
		a.send(pattern(1000))
		if !a.sending {
			t.Error("a Send was done at once")
		}
		n.until("it is taken, a part at a time", func() bool { return a.s.Unsent() < 1000 })
		b.s.Reset()
	},
	sim.LateSent: func(t *testing.T, n *testnet) {
		a, b := n.pair()
		a.send([]byte("x"))
		if !a.sending {
			t.Error("a Send was done at once")
		}
		n.until("it is answered", func() bool { return len(a.sent) == 1 && len(b.got) == 1 })
	},
	sim.SplitRead: func(t *testing.T, n *testnet) {
		a, b := n.pair()
		a.send(pattern(10_000))
		n.until("it is received", func() bool { return len(b.got) == 10_000 })
		if b.pieces < 4 {
			t.Errorf("in %d pieces", b.pieces)
		}
	},
	sim.LateClose: func(t *testing.T, n *testnet) {
		a, _ := n.pair()
		a.s.Close()
		n.hosts[1].Poll(n.Now())
		if a.closed {
			t.Error("Closed came at once")
		}
		n.until("it is closed", func() bool { return a.closed })
	},
	sim.SmallBuffer: func(t *testing.T, n *testnet) {
		a, b := n.pair()
		b.s.Stop()
		a.send(pattern(30_000))
		if a.s.Unsent() < 10_000 {
			t.Errorf("the system took all but %d bytes", a.s.Unsent())
		}
	},
	sim.TooManyOpen: func(t *testing.T, n *testnet) {
		d := listen(t, n.hosts[0], nil)
		dial(t, n.hosts[1], at("10.0.0.1", port))
		n.until("it fails", func() bool { return len(d.failed) == 1 })
		if !errors.Is(d.failed[0], syscall.EMFILE) || len(d.ends) > 0 {
			t.Errorf("Failed(%v)", d.failed[0])
		}
	},
	sim.SlowJob: func(t *testing.T, n *testnet) {
		done := false
		n.hosts[0].Submit(func() { done = true })
		start := n.Now()
		n.until("it is done", func() bool { return done })
		within(t, "the job", n.Now().Sub(start), 10*time.Millisecond, 1010*time.Millisecond)
	},
	sim.LookupFail: func(t *testing.T, n *testnet) {
		_, err := n.hosts[0].LookupNetIP(context.Background(), "ip", "b")
		var dns *net.DNSError
		if !errors.As(err, &dns) || !dns.IsTemporary {
			t.Errorf("LookupNetIP: %v", err)
		}
	},
	sim.DropUnread: func(t *testing.T, n *testnet) {
		a, b := n.pair()
		b.s.Stop()
		a.send(pattern(1000))
		a.s.Shutdown() // of which b hears no more, either
		n.turn(time.Second)
		a.s.Reset()
		n.turn(time.Second)
		b.s.Start()
		n.until("it is reset", func() bool { return b.err != nil })
		if !errors.Is(b.err, syscall.ECONNRESET) || len(b.got) > 0 {
			t.Errorf("received %d bytes, then %v", len(b.got), b.err)
		}
	},
	sim.Pause: func(t *testing.T, n *testnet) {
		a, b := n.hosts[0], n.hosts[1]
		p, q := bind(t, a, at("0.0.0.0", 1), nil), bind(t, b, at("0.0.0.0", 2), nil)
		p.send(poller.Message{Data: []byte("x"), Peer: at("10.0.0.2", 2).AddrPort})
		start := n.Now()
		if err := b.Poll(poller.Never); err != nil || len(q.got) != 1 {
			t.Errorf("Poll: %v, %d received", err, len(q.got))
		}
		within(t, "a Poll", n.Now().Sub(start), 10*time.Millisecond, 502*time.Millisecond)
	},
	sim.Stall: func(t *testing.T, n *testnet) {
		a, b := n.pair()
		start := n.Now()
		a.send([]byte("x"))
		n.until("it is received", func() bool { return len(b.got) == 1 })
		within(t, "a segment", n.Now().Sub(start), 200*time.Millisecond, 3200*time.Millisecond)
	},
	sim.LateWindow: func(t *testing.T, n *testnet) {
		a, b := n.pair()
		b.s.Stop()
		a.send(pattern(200_000))
		n.turn(time.Second)
		start := n.Now()
		b.s.Start()
		n.until("all is received", func() bool { return len(b.got) == 200_000 })
		within(t, "that", n.Now().Sub(start), 200*time.Millisecond, 9*time.Second)
	},
	sim.Reset: func(t *testing.T, n *testnet) {
		a, b := n.pair()
		a.send([]byte("x"))
		n.until("both ends are reset", func() bool { return a.err != nil && b.err != nil })
		if !errors.Is(a.err, syscall.ECONNRESET) || !errors.Is(b.err, syscall.ECONNRESET) || len(b.got) > 0 {
			t.Errorf("%v and %v", a.err, b.err)
		}
	},
	sim.Refuse: func(t *testing.T, n *testnet) {
		listen(t, n.hosts[0], nil)
		e := dial(t, n.hosts[1], at("10.0.0.1", port))
		n.until("it is refused", func() bool { return errors.Is(e.dialErr, syscall.ECONNREFUSED) })
	},
	sim.Timeout: func(t *testing.T, n *testnet) {
		listen(t, n.hosts[0], nil)
		e := dial(t, n.hosts[1], at("10.0.0.1", port))
		n.until("it times out", func() bool { return errors.Is(e.dialErr, syscall.ETIMEDOUT) })
		within(t, "the dial", time.Duration(n.Now()), 127*time.Second, 135*time.Second)
	},
	sim.Drop: func(t *testing.T, n *testnet) {
		if q := n.datagrams(20); len(q.got) > 0 {
			t.Errorf("%d of 20 arrived", len(q.got))
		}
	},
	sim.Duplicate: func(t *testing.T, n *testnet) {
		if q := n.datagrams(20); len(q.got) != 40 {
			t.Errorf("%d of 20 arrived", len(q.got))
		}
	},
	sim.Reorder: func(t *testing.T, n *testnet) {
		inOrder := true
		q := n.datagrams(20)
		for i, m := range q.got {
			inOrder = inOrder && int(m.Data[0]) == i
		}
		if inOrder || len(q.got) != 20 {
			t.Errorf("%d of 20 arrived, in order: %v", len(q.got), inOrder)
		}
	},
	sim.Partition: func(t *testing.T, n *testnet) {
		a, b := n.pair()
		start := n.Now()
		a.send([]byte("x"))
		n.turn(50 * time.Millisecond)
		if len(b.got) > 0 {
			t.Errorf("it arrived after %v", n.Now().Sub(start))
		}
	},
	sim.Crash: func(t *testing.T, n *testnet) {
		a := n.hosts[0]
		bind(t, a, at("::", 9), nil)
		p := bind(t, n.hosts[1], at("::", 0), nil)
		a.Restart = time.Second
		p.send(poller.Message{Peer: at("10.0.0.1", 9).AddrPort})
		err := a.Poll(poller.Time(time.Second))
		if !errors.Is(err, sim.ErrKilled) {
			t.Errorf("Poll: %v", err)
		}
	},
}

func TestEachFault(t *testing.T) {
	for f, test := range eachFault {
		fault := sim.Fault(f)
		t.Run(fault.String(), func(t *testing.T) {
			cfg := always(fault)
			if fault == sim.Partition { // not while it connects
				cfg = sim.Config{Rules: []sim.Rule{{Fault: fault, Nth: 2}}}
			}
			n, _, _ := two(t, 1, cfg)
			test(t, n)
			if n.Hits()[f] == 0 || !strings.Contains(n.Hits().String(), fault.String()) {
				t.Errorf("hits: %v", n.Hits())
			}
			for other, hits := range n.Hits() {
				if hits > 0 && other != f {
					t.Errorf("%v struck, too", sim.Fault(other))
				}
			}
		})
	}
}

// datagrams has a send k to b, numbered, and waits for what arrives.
func (n *testnet) datagrams(k int) (received *box) {
	n.TB.Helper()
	p, q := bind(n.TB, n.hosts[0], at("0.0.0.0", 1), nil), bind(n.TB, n.hosts[1], at("0.0.0.0", 2), nil)
	var ms []poller.Message
	for i := range k {
		ms = append(ms, poller.Message{Data: []byte{byte(i)}, Peer: at("10.0.0.2", 2).AddrPort})
	}
	p.send(ms...)
	n.turn(100 * time.Millisecond)
	return q
}

func TestRuleResetsTheThirdConnectionAfterAKilobyte(t *testing.T) {
	rule := sim.Rule{Fault: sim.Reset, From: "b", To: "a", Port: port, Nth: 3, After: 1 << 10}
	n, a, b := two(t, 1, sim.Config{Rules: []sim.Rule{rule, {Fault: sim.Reset, From: "a"}}})
	d := listen(t, a, nil)
	var ends []*end
	for i := range 5 {
		e := dial(t, b, at("10.0.0.1", port))
		n.until("it is accepted", func() bool { return len(d.ends) == i+1 && e.connected })
		e.send(pattern(3000))
		ends = append(ends, e)
	}
	n.turn(time.Second)
	for i, e := range ends {
		got, err := len(d.ends[i].got), d.ends[i].err
		if i == 2 {
			if got != 1<<10 || !errors.Is(err, syscall.ECONNRESET) || !errors.Is(e.err, syscall.ECONNRESET) {
				t.Errorf("the third: received %d bytes, then %v; the other end %v", got, err, e.err)
			}
		} else if got != 3000 || err != nil || e.err != nil {
			t.Errorf("connection %d: received %d bytes, then %v", i+1, got, err)
		}
	}
	if hits := n.RuleHits(); hits[0] != 1 || hits[1] != 0 {
		t.Errorf("the rules struck %d times", hits)
	}
	want := `sim.Rule{Fault: sim.Reset, From: "b", To: "a", Port: 7000, Nth: 3, After: 1024}`
	if rule.String() != want {
		t.Errorf("it prints as %v, want %s", rule, want)
	}
}

func TestRulesByOccasionAndTime(t *testing.T) {
	n, _, _ := two(t, 1, sim.Config{Rules: []sim.Rule{
		{Fault: sim.Drop, To: "b", Nth: 3},
		{Fault: sim.Drop, To: "b", Nth: 5},
		{Fault: sim.Drop, To: "a"},
		{Fault: sim.Partition, From: "a", To: "b", At: time.Second, For: time.Minute},
	}})
	q := n.datagrams(6)
	if len(q.got) != 4 || q.got[2].Data[0] != 3 || q.got[3].Data[0] != 5 {
		t.Errorf("%d arrived", len(q.got))
	}
	x, y := n.pair()
	n.turn(time.Second)
	start := n.Now()
	x.send([]byte("x"))
	n.until("it arrives", func() bool { return len(y.got) == 1 })
	within(t, "it", n.Now().Sub(start), 59*time.Second, 120*time.Second)
	if n.Hits()[sim.Drop] != 2 || n.Hits()[sim.Partition] != 1 {
		t.Errorf("hits: %v", n.Hits())
	}
}

// TestFaultsDrawApart holds that leaving one fault out leaves the draws of
// another as they were, which Shrink builds on.
func TestFaultsDrawApart(t *testing.T) {
	dropped := func(f sim.Faults) string {
		n, _, _ := two(t, 7, sim.Config{Faults: f})
		var got []byte
		for _, m := range n.datagrams(200).got {
			got = append(got, m.Data[0])
		}
		return string(got)
	}
	both := dropped(sim.Faults{sim.Drop: 300_000, sim.LateSent: 500_000})
	alone := dropped(sim.Faults{sim.Drop: 300_000})
	if both != alone || len(alone) < 100 || len(alone) > 180 {
		t.Errorf("%d arrived, and %d without another fault", len(both), len(alone))
	}
}

func TestPresets(t *testing.T) {
	for name, want := range map[string]sim.Faults{"none": sim.None(), "light": sim.Light(), "heavy": sim.Heavy()} {
		if got, err := sim.Preset(name); got != want || err != nil {
			t.Errorf("Preset(%q): %v, %v", name, got, err)
		}
	}
	if _, err := sim.Preset("some"); err == nil {
		t.Error("Preset took any name")
	}
	for f := range sim.Fault(sim.NumFaults) {
		if sim.Heavy()[f] == 0 || sim.Light()[f] > sim.Heavy()[f] || f.String() == "" {
			t.Errorf("%v: light %d, heavy %d", f, sim.Light()[f], sim.Heavy()[f])
		}
	}
	for _, f := range []sim.Fault{sim.DropUnread, sim.Reset, sim.Refuse, sim.Timeout, sim.TooManyOpen, sim.Partition, sim.Crash} {
		if sim.Light()[f] != 0 {
			t.Errorf("light has %v, which TCP does not hide", f)
		}
	}
	if sim.Heavy().Without(sim.Drop, sim.Reset)[sim.Drop] != 0 {
		t.Error("Without leaves it in")
	}
	if (sim.Hits{}).String() != "none" {
		t.Errorf("no hits print as %q", sim.Hits{})
	}
}
