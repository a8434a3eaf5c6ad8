package sim_test

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

func message(to string, n int) poller.Message {
	return poller.Message{Data: pattern(n), Peer: netip.MustParseAddrPort(to)}
}

// three is a world of three hosts with a datagram socket each.
func three(t testing.TB, cfg sim.Config) (n *testnet, boxes []*box) {
	n, _, _ = two(t, 1, cfg)
	n.hosts = append(n.hosts, n.Host("c"))
	for _, h := range n.hosts {
		boxes = append(boxes, bind(t, h, at("0.0.0.0", 9), nil))
	}
	return n, boxes
}

func (n *testnet) counts(what string, boxes []*box, want ...int) {
	n.TB.Helper()
	n.turn(10 * time.Millisecond)
	for i, b := range boxes {
		if len(b.got) != want[i] {
			n.TB.Errorf("%s: host %d received %d datagrams, want %d", what, i, len(b.got), want[i])
		}
		b.got = nil
	}
}

func TestMulticastReachesThoseWhoJoined(t *testing.T) {
	n, boxes := three(t, sim.Config{})
	group := poller.Membership{Group: netip.MustParseAddr("239.1.2.3")}
	to := message("239.1.2.3:9", 50)
	boxes[0].send(to)
	n.counts("nobody has joined", boxes, 0, 0, 0)
	for _, b := range boxes[:2] {
		if err := b.s.Join(group); err != nil {
			t.Fatal(err)
		}
	}
	boxes[0].send(to)
	n.counts("two have joined", boxes, 1, 1, 0)
	if err := boxes[0].s.SetOption(poller.MulticastLoop, 0); err != nil {
		t.Fatal(err)
	}
	boxes[0].send(to)
	n.counts("no loop", boxes, 0, 1, 0)
	if err := boxes[0].s.SetOption(poller.MulticastTTL, 0); err != nil {
		t.Fatal(err)
	}
	boxes[0].send(to)
	n.counts("no hops", boxes, 0, 0, 0)
	if err := boxes[1].s.Leave(group); err != nil {
		t.Fatal(err)
	}
	group.Source = netip.MustParseAddr("10.0.0.3")
	if err := boxes[1].s.Join(group); err != nil {
		t.Fatal(err)
	}
	boxes[2].send(to)
	n.counts("from the source", boxes, 1, 1, 0)
	boxes[1].send(to)
	n.counts("from another", boxes, 1, 0, 0)
}

func TestMulticastErrors(t *testing.T) {
	_, boxes := three(t, sim.Config{})
	s := boxes[0].s
	group := netip.MustParseAddr("239.1.2.3")
	source := netip.MustParseAddr("10.0.0.2")
	for _, c := range []struct {
		what string
		err  error
		want error
	}{
		{"no group", s.Join(poller.Membership{Group: source}), syscall.EINVAL},
		{"the other family", s.Join(poller.Membership{Group: netip.MustParseAddr("ff02::1")}), syscall.EINVAL},
		{"no interface", s.Join(poller.Membership{Group: group, Interface: 9}), syscall.ENODEV},
		{"leaving nothing", s.Leave(poller.Membership{Group: group}), syscall.EADDRNOTAVAIL},
		{"a source", s.Join(poller.Membership{Group: group, Source: source}), nil},
		{"again", s.Join(poller.Membership{Group: group, Source: source}), syscall.EADDRINUSE},
		{"everybody, too", s.Join(poller.Membership{Group: group}), syscall.EINVAL},
		{"leaving all sources", s.Leave(poller.Membership{Group: group}), nil},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, c.err, c.want)
		}
	}
}

func TestBroadcast(t *testing.T) {
	n, boxes := three(t, sim.Config{})
	elsewhere := bind(t, n.Host("elsewhere", "10.0.1.1"), at("0.0.0.0", 9), nil)
	boxes[0].send(message("255.255.255.255:9", 50))
	n.until("it fails", func() bool { return len(boxes[0].sent) == 1 })
	if !errors.Is(boxes[0].sent[0], syscall.EACCES) {
		t.Errorf("without the option: %v", boxes[0].sent[0])
	}
	if err := boxes[0].s.SetOption(poller.Broadcast, 1); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"255.255.255.255:9", "10.0.0.255:9"} {
		boxes[0].send(message(to, 50))
		n.counts(to, boxes, 1, 1, 1)
	}
	if len(elsewhere.got) > 0 {
		t.Error("it got into another network")
	}
}

// TestUnreachable has ICMP refuse what is sent to a port that nobody has: only a
// connected socket is told, or one with RecvError.
func TestUnreachable(t *testing.T) {
	n, a, b := two(t, 1, sim.Config{})
	plain := bind(t, a, at("0.0.0.0", 0), nil)
	curious := bind(t, a, at("0.0.0.0", 0), &poller.Options{RecvError: true})
	connected := bind(t, a, at("0.0.0.0", 0), nil)
	if err := connected.s.Connect(at("10.0.0.2", 99)); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*box{plain, curious, connected} {
		p.send(message("10.0.0.2:99", 10))
	}
	n.turn(10 * time.Millisecond)
	for i, p := range []*box{plain, curious, connected} {
		if i == 0 && len(p.errs) > 0 || i > 0 && (len(p.errs) != 1 || !errors.Is(p.errs[0], syscall.ECONNREFUSED)) {
			t.Errorf("socket %d: %v", i, p.errs)
		}
	}
	n.Cut(a, b)
	connected.send(message("10.0.0.2:99", 10))
	n.turn(10 * time.Millisecond)
	if len(connected.errs) != 1 {
		t.Errorf("through a partition: %v", connected.errs)
	}
}

// TestRefusalTakesNoSend has the next Send go out, of a socket that is stopped, and the
// refusal told when it starts.
func TestRefusalTakesNoSend(t *testing.T) {
	n, a, b := two(t, 1, sim.Config{})
	p := bind(t, a, at("0.0.0.0", 0), nil)
	p.s.Stop()
	if err := p.s.Connect(at("10.0.0.2", 99)); err != nil {
		t.Fatal(err)
	}
	p.send(message("10.0.0.2:99", 10))
	n.turn(10 * time.Millisecond)
	q := bind(t, b, at("10.0.0.2", 99), nil)
	p.send(message("10.0.0.2:99", 10))
	n.turn(10 * time.Millisecond)
	if len(q.got) != 1 || len(p.sent) > 0 {
		t.Errorf("the peer that is there now got %d datagrams; Sent%v", len(q.got), p.sent)
	}
	p.s.Start()
	n.turn(10 * time.Millisecond)
	if len(p.errs) != 1 || !errors.Is(p.errs[0], syscall.ECONNREFUSED) {
		t.Errorf("told: %v", p.errs)
	}
}

func TestDatagramSizes(t *testing.T) {
	n, a, b := two(t, 1, sim.Config{Faults: sim.Faults{sim.Drop: 100_000}})
	p, q := bind(t, a, at("0.0.0.0", 1), nil), bind(t, b, at("0.0.0.0", 2), nil)
	p.send(message("10.0.0.2:2", 65508))
	n.until("it fails", func() bool { return len(p.sent) == 1 })
	if !errors.Is(p.sent[0], syscall.EMSGSIZE) {
		t.Errorf("Sent(%v)", p.sent[0])
	}
	// Of 44 fragments one in ten is lost, and any of them is enough.
	for range 50 {
		p.send(message("10.0.0.2:2", 65507))
		n.turn(2 * time.Millisecond)
	}
	if len(q.got) > 10 {
		t.Errorf("%d of 50 large datagrams arrived", len(q.got))
	}
	q.got = nil
	for range 50 {
		p.send(message("10.0.0.2:2", 1000))
		n.turn(2 * time.Millisecond)
	}
	if len(q.got) < 30 || len(q.got) == 50 {
		t.Errorf("%d of 50 small datagrams arrived", len(q.got))
	}
}

// TestLinkLoses gives one link what the others do not have.
func TestLinkLoses(t *testing.T) {
	n, boxes := three(t, sim.Config{})
	n.Link(n.hosts[0], n.hosts[1], sim.Link{Loss: 1_000_000})
	n.Link(n.hosts[0], n.hosts[2], sim.Link{Duplicate: 1_000_000})
	boxes[0].send(message("10.0.0.2:9", 10), message("10.0.0.3:9", 10))
	n.turn(50 * time.Millisecond)
	n.counts("a bad link", boxes, 0, 0, 2)
	if h := n.Hits(); h[sim.Drop] != 1 || h[sim.Duplicate] != 1 {
		t.Errorf("hits: %v", h)
	}
}

// TestOverflow has the system drop what a socket does not read.
func TestOverflow(t *testing.T) {
	n, boxes := three(t, sim.Config{})
	boxes[1].s.Stop()
	for range 500 {
		boxes[0].send(message("10.0.0.2:9", 1000))
	}
	n.turn(time.Second)
	boxes[1].s.Start()
	n.turn(time.Second)
	if k := len(boxes[1].got); k < 100 || k > 300 {
		t.Errorf("%d of 500 arrived", k)
	}
}

// TestReusePort spreads datagrams by their sender.
func TestReusePort(t *testing.T) {
	n, a, b := two(t, 1, sim.Config{})
	o := &poller.Options{ReusePort: true}
	var sharing []*box
	for range 3 {
		sharing = append(sharing, bind(t, a, at("0.0.0.0", 9), o))
	}
	for range 30 {
		p := bind(t, b, at("0.0.0.0", 0), nil)
		p.send(message("10.0.0.1:9", 10), message("10.0.0.1:9", 10))
	}
	n.turn(20 * time.Millisecond)
	total := 0
	for i, p := range sharing {
		if len(p.got) == 0 || len(p.got)%2 != 0 {
			t.Errorf("socket %d received %d", i, len(p.got))
		}
		total += len(p.got)
	}
	if total != 60 {
		t.Errorf("%d arrived", total)
	}
}
