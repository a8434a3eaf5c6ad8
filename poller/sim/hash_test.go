package sim_test

import (
	"net/netip"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
	"example.com/pike/udp"
)

// hashOf is the hash of a world with a server that reads nothing, beside a program.
func hashOf(t *testing.T, cfg sim.Config, program func(h *sim.Host, lp *loop.Loop) error) uint64 {
	t.Helper()
	w, err := sim.Once(1, cfg, func(w *sim.World) error {
		w.Daemon(w.Host("srv"), func(h *sim.Host) error {
			return loop.RunOn(h, func(lp *loop.Loop) error {
				ln, err := tcp.Listen(lp, ":8", nil)
				if err == nil {
					ln.OnAccept = func(c *tcp.Conn) { c.PauseRead() }
				}
				return err
			})
		})
		w.Go(w.Host("cli"), func(h *sim.Host) error {
			return loop.RunOn(h, func(lp *loop.Loop) error { return program(h, lp) })
		})
		return w.Run()
	})
	if err != nil {
		t.Fatal(err)
	}
	return w.Hash()
}

// An act is what a program does; the acts of one kind differ in one thing.
type act func(h *sim.Host, lp *loop.Loop) error

func datagram(to, data string) act {
	return func(h *sim.Host, lp *loop.Loop) error {
		c, err := udp.Listen(lp, "0.0.0.0:0", nil)
		if err == nil {
			c.WriteTo([]byte(data), netip.MustParseAddrPort(to))
			timer.After(lp, time.Second, func() { c.Close() })
		}
		return err
	}
}

func streamOf(talk func(c *tcp.Conn)) act {
	return func(h *sim.Host, lp *loop.Loop) error {
		_, err := tcp.Dial(lp, "srv:8", nil, func(c *tcp.Conn, err error) {
			talk(c)
			timer.After(lp, time.Second, func() { c.Abort() })
		})
		return err
	}
}

// raw is an act on the poller itself, whose errors do not matter.
func raw(do func(h *sim.Host)) act {
	return func(h *sim.Host, lp *loop.Loop) error { do(h); return nil }
}

func bound(do func(p poller.Packet)) act {
	return raw(func(h *sim.Host) {
		if p, err := h.Bind(at("0.0.0.0", 9), nil, new(box)); err == nil {
			do(p)
			p.Close()
		}
	})
}

func groupAct(g, source string, ifindex int) act {
	return bound(func(p poller.Packet) {
		m := poller.Membership{Group: netip.MustParseAddr(g), Interface: ifindex}
		if source != "" {
			m.Source = netip.MustParseAddr(source)
		}
		p.Join(m)
	})
}

func dialFromAct(to, local string) act {
	return raw(func(h *sim.Host) {
		o := new(poller.Options)
		if local != "" {
			o.Local = at(local, 0)
		}
		if s, err := h.Dial(at(to, 9), o, new(end)); err == nil {
			s.Reset()
		}
	})
}

func bindAct(o poller.Options) act {
	return raw(func(h *sim.Host) {
		if p, err := h.Bind(at("0.0.0.0", 9), &o, new(box)); err == nil {
			p.Close()
		}
	})
}

func listenAct(ip string, o poller.Options) act {
	return raw(func(h *sim.Host) {
		if l, err := h.Listen(at(ip, 9), &o, new(door)); err == nil {
			l.Close()
		}
	})
}

// actsThatDiffer are acts by kind, each of which differs from its fellows.
func actsThatDiffer() map[string][]act {
	big := make([]byte, 1<<20) // more than anybody takes
	other := make([]byte, 1<<20)
	other[len(other)-1] = 1
	return map[string][]act{
		"datagram": {
			datagram("10.0.0.1:100", "a"), datagram("10.0.0.1:200", "a"), datagram("10.0.0.1:100", "b"),
			datagram("10.0.0.1:100", "aa"), datagram("10.0.0.99:100", "a"), datagram("10.0.0.98:100", "a"),
		},
		"bytes": {
			streamOf(func(c *tcp.Conn) { c.WriteString("a") }),
			streamOf(func(c *tcp.Conn) { c.WriteString("b") }),
			streamOf(func(c *tcp.Conn) { c.WriteString("aa") }),
		},
		"bytes that are not even taken": {
			streamOf(func(c *tcp.Conn) { c.WriteBuffers([][]byte{big}, nil) }),
			streamOf(func(c *tcp.Conn) { c.WriteBuffers([][]byte{other}, nil) }),
		},
		"an end that has to wait": {
			raw(func(h *sim.Host) { h.Dial(at("10.0.0.98", 9), nil, new(end)) }),
			raw(func(h *sim.Host) { s, _ := h.Dial(at("10.0.0.98", 9), nil, new(end)); s.Shutdown() }),
			raw(func(h *sim.Host) { s, _ := h.Dial(at("10.0.0.98", 9), nil, new(end)); s.Send([][]byte{big}) }),
			raw(func(h *sim.Host) { s, _ := h.Dial(at("10.0.0.98", 9), nil, new(end)); s.Send([][]byte{other}) }),
		},
		"end": {
			streamOf(func(c *tcp.Conn) {}),
			streamOf(func(c *tcp.Conn) { c.CloseWrite() }),
			streamOf(func(c *tcp.Conn) { c.Close() }),
			streamOf(func(c *tcp.Conn) { c.Abort() }),
			streamOf(func(c *tcp.Conn) { c.SetNoDelay(false) }),
		},
		"dial": {
			dialFromAct("10.0.0.98", ""), dialFromAct("10.0.0.99", ""), dialFromAct("10.0.0.98", "127.0.0.1"),
			dialFromAct("fd00::98", ""),
		},
		"group": {
			groupAct("224.0.0.200", "", 0), groupAct("224.0.0.201", "", 0), groupAct("224.0.0.200", "10.0.0.1", 0),
			groupAct("224.0.0.200", "10.0.0.3", 0), groupAct("224.0.0.200", "", 1),
		},
		"bind": {
			bindAct(poller.Options{}), bindAct(poller.Options{Broadcast: true}), bindAct(poller.Options{RecvBuffer: 9000}),
			bindAct(poller.Options{ReuseAddr: true}), bindAct(poller.Options{ReusePort: true}), bindAct(poller.Options{V6Only: true}),
		},
		"connect": {
			bound(func(p poller.Packet) { p.Connect(at("10.0.0.1", 1)) }),
			bound(func(p poller.Packet) { p.Connect(at("10.0.0.1", 2)) }),
			bound(func(p poller.Packet) { p.Connect(at("10.0.0.3", 1)) }),
			bound(func(p poller.Packet) { p.Connect(poller.Addr{}) }),
			bound(func(p poller.Packet) { p.SetOption(poller.TTL, 3) }),
			bound(func(p poller.Packet) { p.SetOption(poller.TTL, 4) }),
		},
		"listen": {
			listenAct("0.0.0.0", poller.Options{}), listenAct("10.0.0.2", poller.Options{}), listenAct("127.0.0.1", poller.Options{}),
			listenAct("0.0.0.0", poller.Options{Backlog: 3}), listenAct("0.0.0.0", poller.Options{KeepAlive: time.Minute}),
			listenAct("192.0.2.1", poller.Options{}), listenAct("192.0.2.2", poller.Options{}), // which it has not
		},
		"path": {
			raw(func(h *sim.Host) { h.Dial(poller.Addr{Path: "/a"}, nil, new(end)) }),
			raw(func(h *sim.Host) { h.Dial(poller.Addr{Path: "/b"}, nil, new(end)) }),
			raw(func(h *sim.Host) { h.Unlink("/a") }),
			raw(func(h *sim.Host) { h.Unlink("/b") }),
			fileAct(poller.SocketFile{}), fileAct(poller.SocketFile{Mode: 0o600}), fileAct(poller.SocketFile{Mode: 0o660}),
			fileAct(poller.SocketFile{Keep: true}), fileAct(poller.SocketFile{NoTakeover: true}),
		},
	}
}

func fileAct(f poller.SocketFile) act {
	return raw(func(h *sim.Host) { h.Listen(poller.Addr{Path: "/a"}, &poller.Options{File: f}, new(door)) })
}

// TestHashCoversWhatNobodyHears has worlds differ in what a program does to its sockets,
// with no difference to anybody else.
func TestHashCoversWhatNobodyHears(t *testing.T) {
	for kind, acts := range actsThatDiffer() {
		seen := map[uint64]int{}
		for i, a := range acts {
			hash := hashOf(t, sim.Config{}, a)
			if j, same := seen[hash]; same {
				t.Errorf("%s: acts %d and %d have the same hash", kind, j, i)
			}
			seen[hash] = i
		}
	}
}

// TestHashWithoutPayloads leaves the bytes out, and nothing else.
func TestHashWithoutPayloads(t *testing.T) {
	opaque := sim.Config{OpaqueData: true, Faults: sim.Light()}
	line := func(s string) act { return streamOf(func(c *tcp.Conn) { c.WriteString(s) }) }
	for _, c := range []struct {
		what string
		a, b act
		same bool
	}{
		{"bytes of a stream", line("a"), line("b"), true},
		{"how many", line("a"), line("aa"), false},
		{"bytes at once", line(string(pattern(1 << 14))), line(string(make([]byte, 1<<14))), true},
		{"a datagram", datagram("10.0.0.1:100", "a"), datagram("10.0.0.1:100", "b"), true},
		{"its size", datagram("10.0.0.1:100", "a"), datagram("10.0.0.1:100", "aa"), false},
		{"its destination", datagram("10.0.0.1:100", "a"), datagram("10.0.0.1:101", "a"), false},
	} {
		if a, b := hashOf(t, opaque, c.a), hashOf(t, opaque, c.b); (a == b) != c.same {
			t.Errorf("%s: hashes %x and %x", c.what, a, b)
		}
	}
}
