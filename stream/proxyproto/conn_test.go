package proxyproto_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/stream/layer"
	"example.com/pike/stream/proxyproto"
	"example.com/pike/tcp"
)

// proxies is the network of the simulated hosts.
var proxies = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}

// A stage is a world with a server behind a layer, and what that was told.
type stage struct {
	testing.TB
	w      *sim.World
	cli    *sim.Host
	failed []error // what OnError was told
}

// newStage has accept serve each connection on srv:7000 that the layer lets through.
func newStage(t testing.TB, seed uint64, faults sim.Faults, o *tcp.Options, accept func(c *tcp.Conn)) *stage {
	s := &stage{TB: t, w: sim.New(seed, sim.Config{Faults: faults})}
	srv := s.w.Host("srv")
	s.cli = s.w.Host("cli")
	s.w.Daemon(srv, func(h *sim.Host) error {
		return loop.RunOn(h, func(lp *loop.Loop) error {
			ln, err := tcp.Listen(lp, ":7000", o)
			if err != nil {
				return err
			}
			ln.OnAccept = accept
			ln.OnError = func(err error) { s.failed = append(s.failed, err) }
			return nil
		})
	})
	return s
}

// run runs a program on the client's host to its end.
func (s *stage) run(program func(lp *loop.Loop) error) {
	s.Helper()
	s.w.Go(s.cli, func(h *sim.Host) error { return loop.RunOn(h, program) })
	if err := s.w.Run(); err != nil {
		s.Fatal(err)
	}
}

// TestConn has connections of package tcp on both ends: what the layer of one sends the
// layer of the other reads.
func TestConn(t *testing.T) {
	for version := 1; version <= 2; version++ {
		header := proxyproto.NewHeader(version, ip("10.0.0.1:12345"), ip("10.0.0.2:443"))
		if version == 2 {
			header.TLVs = []proxyproto.TLV{{Type: proxyproto.TypeAuthority, Value: []byte("host.example")}}
		}
		var seen []string
		var answer []byte
		o := &tcp.Options{Layer: layer.Stack{
			layer.Identity{}, proxyproto.Server(&proxyproto.Options{Trusted: proxies, Destination: true}), layer.Identity{},
		}}
		s := newStage(t, 1, sim.Faults{}, o, func(c *tcp.Conn) {
			h, ok := proxyproto.Of(c)
			if !ok {
				t.Error("the header is not found")
				return
			}
			seen = append(seen, fmt.Sprint(c.RemoteAddr(), c.LocalAddr(), h.Version, h.Authority()))
			c.WriteString("welcome ")
			c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(bytes.ToUpper(p)) }
		})
		s.run(func(lp *loop.Loop) error {
			_, err := tcp.Dial(lp, "srv:7000", &tcp.Options{Layer: proxyproto.Client(header)}, func(c *tcp.Conn, err error) {
				if err != nil {
					t.Error(err)
					return
				}
				c.WriteString("hello")
				c.OnRead = func(c *tcp.Conn, p []byte) {
					if answer = append(answer, p...); len(answer) == len("welcome HELLO") {
						c.Close()
					}
				}
			})
			return err
		})
		want := fmt.Sprint(ip("10.0.0.1:12345"), ip("10.0.0.2:443"), version, header.Authority())
		if len(seen) != 1 || seen[0] != want || string(answer) != "welcome HELLO" || len(s.failed) > 0 {
			t.Errorf("version %d: %q, want %q; %q; %v", version, seen, want, answer, s.failed)
		}
	}
}

// send dials without a layer, sends text, and stays until the server ends it.
func send(lp *loop.Loop, text string, ended func(error)) error {
	_, err := tcp.Dial(lp, "srv:7000", nil, func(c *tcp.Conn, err error) {
		if err != nil {
			ended(err)
			return
		}
		c.WriteString(text)
		c.OnRead = stream.Discard
		c.OnClose = func(c *tcp.Conn, err error) { ended(err) }
	})
	return err
}

// TestConnFails has OnError, and not OnAccept, hear of connections without a right header, and
// the peer see an end.
func TestConnFails(t *testing.T) {
	for _, c := range []struct {
		name, text string
		trusted    []netip.Prefix
		want       string // in the error
		is         error
	}{
		{"HTTP", "GET / HTTP/1.1\r\nHost: host.example\r\n\r\n", proxies, `signature: the connection begins with "GET / HTTP/1.1`, nil},
		{"untrusted", line, nil, "no trusted proxy", proxyproto.ErrUntrusted},
		{"incomplete", line[:30], proxies, "timeout", os.ErrDeadlineExceeded},
		{"nothing", "", proxies, "timeout", os.ErrDeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &tcp.Options{Layer: proxyproto.Server(&proxyproto.Options{Trusted: c.trusted}), LayerTimeout: 3 * time.Second}
			s := newStage(t, 1, sim.Faults{}, o, func(*tcp.Conn) { t.Error("it was accepted") })
			ends := 0
			began, took := s.w.Now(), time.Duration(0)
			s.run(func(lp *loop.Loop) error {
				return send(lp, c.text, func(error) { ends++; took = s.w.Now().Sub(began) })
			})
			if len(s.failed) != 1 || ends != 1 {
				t.Fatalf("%v; and the client ended %d times", s.failed, ends)
			}
			if err := s.failed[0]; !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
				t.Error(err)
			}
			if late := c.is == os.ErrDeadlineExceeded; late != (took >= 3*time.Second) || took > 4*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestConnProxied has a proxy between: it reads a header, and sends one on. The server hears of the client.
func TestConnProxied(t *testing.T) {
	client := ip("192.0.2.1:4711")
	trusting := proxyproto.Server(&proxyproto.Options{Trusted: proxies})
	var seen []poller.Addr
	s := newStage(t, 1, sim.Faults{}, &tcp.Options{Layer: trusting}, func(c *tcp.Conn) {
		seen = append(seen, c.RemoteAddr())
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(bytes.ToUpper(p)) }
	})
	s.w.Daemon(s.w.Host("mid"), func(h *sim.Host) error {
		return loop.RunOn(h, func(lp *loop.Loop) error {
			ln, err := tcp.Listen(lp, ":7001", &tcp.Options{Layer: trusting})
			if err != nil {
				return err
			}
			ln.OnAccept = func(c *tcp.Conn) {
				c.PauseRead()
				h := proxyproto.NewHeader(2, c.RemoteAddr(), c.LocalAddr())
				_, err := tcp.Dial(lp, "srv:7000", &tcp.Options{Layer: proxyproto.Client(h)}, func(back *tcp.Conn, err error) {
					if err == nil {
						err = stream.Join(c, back, nil)
					}
					if err != nil {
						t.Error(err)
						c.Close()
					}
				})
				if err != nil {
					t.Error(err)
				}
			}
			return nil
		})
	})
	var answer []byte
	text := strings.Repeat("from one end to the other. ", 10_000)
	s.run(func(lp *loop.Loop) error {
		h := proxyproto.NewHeader(1, client, ip("192.0.2.2:80"))
		_, err := tcp.Dial(lp, "mid:7001", &tcp.Options{Layer: proxyproto.Client(h)}, func(c *tcp.Conn, err error) {
			if err != nil {
				t.Error(err)
				return
			}
			c.WriteString(text)
			c.OnRead = func(c *tcp.Conn, p []byte) {
				if answer = append(answer, p...); len(answer) == len(text) {
					c.Close()
				}
			}
		})
		return err
	})
	if len(seen) != 1 || seen[0] != client || string(answer) != strings.ToUpper(text) {
		t.Errorf("the server saw %v, and %d of %d bytes came back", seen, len(answer), len(text))
	}
}

// TestConnUnderFaults has many connections on a hard network. Each that is accepted has the
// client's address, and what arrives is what that client has sent. PIKE_SEEDS chooses the worlds.
func TestConnUnderFaults(t *testing.T) {
	worlds := 150
	if testing.Short() {
		worlds = 30
	}
	first, n := sim.Seeds(t, worlds)
	whole, cut := 0, 0
	var hits sim.Hits
	for i := range uint64(n) {
		t.Run(strconv.FormatUint(first+i, 10), func(t *testing.T) {
			w, c, h := connsUnderFaults(t, first+i)
			whole, cut = whole+w, cut+c
			hits.Add(h)
		})
	}
	t.Logf("%d connections came to their end, %d did not; %v", whole, cut, hits)
	if n >= 30 && (whole < 4*n || cut == 0 || hits[sim.SplitRead] == 0) {
		t.Error("these worlds show too little")
	}
}

// connsUnderFaults runs one world, and returns how many connections the server heard the end of after
// every byte, and how many others there were.
func connsUnderFaults(t *testing.T, seed uint64) (whole, cut int, hits sim.Hits) {
	const conns = 10
	texts := make(map[poller.Addr]string, conns)
	o := &tcp.Options{Layer: proxyproto.Server(&proxyproto.Options{Trusted: proxies}), LayerTimeout: 20 * time.Second}
	s := newStage(t, seed, sim.Heavy(), o, func(c *tcp.Conn) {
		text, ok := texts[c.RemoteAddr()]
		if !ok {
			t.Errorf("accepted for %v", c.RemoteAddr())
		}
		got := 0
		c.OnRead = func(c *tcp.Conn, p []byte) {
			if got+len(p) > len(text) || text[got:got+len(p)] != string(p) {
				t.Errorf("%v: %d bytes after %d are not what was sent", c.RemoteAddr(), len(p), got)
			}
			got += len(p)
		}
		c.OnEOF = func(c *tcp.Conn) {
			if got == len(text) {
				whole++
			}
			c.Close()
		}
	})
	s.run(func(lp *loop.Loop) error {
		rng := s.w.Rand()
		for i := range conns {
			source := ip("10.0.0.1:" + strconv.Itoa(1+i))
			h := proxyproto.NewHeader(1+rng.IntN(2), source, ip("10.0.0.2:443"))
			if h.Version == 2 {
				h.TLVs = []proxyproto.TLV{{Type: proxyproto.TypeNoop, Value: make([]byte, rng.IntN(3000))}, {Type: proxyproto.TypeCRC32C}}
			}
			text := bytes.Repeat([]byte(strconv.Itoa(i)+","), rng.IntN(10_000))
			texts[source] = string(text)
			o := &tcp.Options{Layer: proxyproto.Client(h), Timeout: time.Minute}
			_, err := tcp.Dial(lp, "srv:7000", o, func(c *tcp.Conn, err error) {
				if err != nil {
					return // the network
				}
				c.Write(text)
				c.CloseWrite()
				c.OnRead = stream.Discard
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return whole, conns - whole, s.w.Hits()
}

// TestConnCostsNothing echoes through the layer of each end, which allocates nothing for it.
func TestConnCostsNothing(t *testing.T) {
	const measured = 1000
	plain := allocations(t, measured, nil, nil)
	layered := allocations(t, measured, proxyproto.Server(&proxyproto.Options{Trusted: loopback}), proxyproto.Client(nil))
	if layered > plain+measured/10 {
		t.Errorf("%d echoes made %d allocations, and %d without the layers", measured, layered, plain)
	}
}

// allocations is how many n echoes make, some being made before.
func allocations(t *testing.T, n int, server, client poller.Layer) uint64 {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer lp.Close()
	ln, err := tcp.Listen(lp, "127.0.0.1:0", &tcp.Options{Layer: server})
	if err != nil {
		t.Fatal(err)
	}
	ln.OnAccept = func(c *tcp.Conn) { c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) } }
	const warm = 100
	var before, after runtime.MemStats
	echoes := 0
	_, err = tcp.Dial(lp, ln.LocalAddr().String(), &tcp.Options{Layer: client}, func(c *tcp.Conn, err error) {
		if err != nil {
			t.Error(err)
			lp.Stop()
			return
		}
		c.WriteString("ping")
		c.OnRead = func(c *tcp.Conn, p []byte) {
			switch echoes++; echoes {
			case warm:
				runtime.ReadMemStats(&before)
			case warm + n:
				runtime.ReadMemStats(&after)
				lp.Stop()
				return
			}
			c.Write(p)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := lp.Run(); err != nil {
		t.Fatal(err)
	}
	if echoes != warm+n {
		t.Fatalf("%d echoes of %d", echoes, warm+n)
	}
	return after.Mallocs - before.Mallocs
}

// TestConnNetConn hands a connection over to package net: when what came with the header was read.
func TestConnNetConn(t *testing.T) {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer lp.Close()
	ln, err := tcp.Listen(lp, "127.0.0.1:0", &tcp.Options{Layer: proxyproto.Server(&proxyproto.Options{Trusted: loopback})})
	if err != nil {
		t.Fatal(err)
	}
	var nc net.Conn
	var early error
	ln.OnAccept = func(c *tcp.Conn) {
		_, early = c.NetConn()
		c.OnRead = func(c *tcp.Conn, p []byte) {
			if string(p) != "hello" {
				t.Errorf("%q came with the header", p)
			}
			if nc, err = c.NetConn(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
				t.Error(err)
			}
			lp.Stop()
		}
	}
	peer, err := net.Dial("tcp", ln.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	io.WriteString(peer, line+"hello")
	if err := lp.Run(); err != nil {
		t.Fatal(err)
	}
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("connections are not handed over here")
	}
	if !errors.Is(early, syscall.EBUSY) {
		t.Errorf("with something unread: %v", early)
	}
	if nc == nil {
		t.Fatal("it was not handed over")
	}
	defer nc.Close()
	io.WriteString(nc, "handed over")
	b := make([]byte, 11)
	peer.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(peer, b); err != nil || string(b) != "handed over" {
		t.Errorf("%q, %v", b, err)
	}
}
