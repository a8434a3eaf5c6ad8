package stream_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// A dialRig is a loop on a simulated host. Names stand for what the test says:
// "live" addresses are of this host, on which a server listens; "dead" ones are
// nobody's, and never answer; "shut" ones are of a host where nobody listens.
type dialRig struct {
	*rig
	w    *sim.World
	host *sim.Host
	ln   *tcp.Listener
	log  dialLog
	to   []netip.Addr // dialed, in order
	most int          // sockets that were open at once
}

const dialPort = 7000

var dialAddrs = map[string]string{
	"live4": "10.1.0.1", "live6": "fd01::1",
	"dead4": "10.9.0.1", "dead6": "fd09::1",
	"shut4": "10.2.0.1", "shut6": "fd02::1",
}

func newDialRig(t testing.TB, cfg sim.Config, name ...string) *dialRig {
	t.Helper()
	r := &dialRig{w: sim.New(1, cfg)}
	r.host = r.w.Host("host", dialAddrs["live4"], dialAddrs["live6"])
	r.w.Host("shut", dialAddrs["shut4"], dialAddrs["shut6"])
	r.names(name...)
	r.rig = newRig(t, loop.Options{Poller: dialRecorder{r.host, r}, Resolver: r.host})
	var err error
	r.ln, err = tcp.Listen(r.lp, fmt.Sprint(":", dialPort), nil)
	r.no(err)
	r.ln.OnAccept = func(*tcp.Conn) {}
	return r
}

// names makes "name.test" stand for addresses, by their keys in dialAddrs or as they are.
func (r *dialRig) names(name ...string) {
	addrs := slices.Clone(name)
	for i, key := range name {
		if a, ok := dialAddrs[key]; ok {
			addrs[i] = a
		}
	}
	r.w.Name("name.test", addrs...)
}

// dialName dials and returns how long it took until it was called back.
func (r *dialRig) dialName(o *tcp.Options) time.Duration {
	r.Helper()
	r.log, r.to, r.most = dialLog{}, nil, 0
	began := r.lp.UpdateNow()
	_, err := tcp.Dial(r.lp, fmt.Sprint("name.test:", dialPort), o, r.log.tell)
	r.no(err)
	for r.log.calls == 0 { // bounded by the world's hour
		_, err := r.lp.RunOnce()
		r.no(err)
	}
	return r.lp.UpdateNow().Sub(began)
}

// left checks how many sockets are open in the end, besides the listener.
func (r *dialRig) left(n int) {
	r.Helper()
	r.rest(time.Millisecond)
	r.equal("sockets", r.host.Sockets()-1, n)
	r.equal("callbacks", r.log.calls, 1)
}

// A dialRecorder is a host that notes what is dialed.
type dialRecorder struct {
	*sim.Host
	r *dialRig
}

func (d dialRecorder) Dial(a poller.Addr, o *poller.Options, h poller.StreamHandler) (poller.Stream, error) {
	s, err := d.Host.Dial(a, o, h)
	d.r.to = append(d.r.to, a.Addr())
	d.r.most = max(d.r.most, d.Host.Sockets()-1)
	return s, err
}

func between(t testing.TB, what string, got, least, most time.Duration) {
	t.Helper()
	if got < least || got > most {
		t.Errorf("%s: %v, want %v to %v", what, got, least, most)
	}
}

const ms = time.Millisecond

func TestHappyEyeballs(t *testing.T) {
	for _, c := range []struct {
		what        string
		name        []string
		o           *tcp.Options
		won         string
		least, most time.Duration
		dialed      int
	}{
		{"IPv6 alone", []string{"live6", "live4"}, nil, "live6", 0, 5 * ms, 1},
		{"IPv6 is a black hole", []string{"dead6", "live4"}, nil, "live4", 250 * ms, 255 * ms, 2},
		{"IPv6 refuses", []string{"shut6", "live4"}, nil, "live4", 0, 5 * ms, 2},
		{"IPv4 first, a black hole", []string{"dead4", "live6"}, nil, "live6", 250 * ms, 255 * ms, 2},
		{"another delay", []string{"dead6", "live4"}, &tcp.Options{AttemptDelay: 100 * ms}, "live4", 100 * ms, 105 * ms, 2},
		{"the least delay", []string{"dead6", "live4"}, &tcp.Options{AttemptDelay: -1}, "live4", 10 * ms, 15 * ms, 2},
		{"two families in turn", []string{"dead6", "fd09::2", "live4", "fd09::3"}, nil, "live4", 250 * ms, 255 * ms, 2},
		{"a refusal in between", []string{"dead6", "fd09::2", "shut4", "live4"}, nil, "live4", 500 * ms, 510 * ms, 4},
		{"mapped", []string{"::ffff:10.9.0.1", "live6"}, nil, "live6", 250 * ms, 255 * ms, 2},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := newDialRig(t, sim.Config{}, c.name...)
			took := r.dialName(c.o)
			r.no(r.log.err)
			between(t, "it took", took, c.least, c.most)
			r.equal("RemoteAddr", r.log.conn.RemoteAddr().Addr().String(), dialAddrs[c.won])
			r.equal("attempts", len(r.to), c.dialed)
			r.left(2) // both ends of the one connection
		})
	}
}

// Both get through; the first to do so is it, and the other is closed, although it
// was tried before.
func TestTheFirstToAnswerWins(t *testing.T) {
	r := newDialRig(t, sim.Config{}, "fd03::1", "live4")
	far := r.w.Host("far", "fd03::1")
	r.w.Link(r.host, far, sim.Link{Latency: 150 * ms})
	lp, err := loop.New(loop.Options{Poller: far}) // its system answers without it
	r.no(err)
	_, err = tcp.Listen(lp, fmt.Sprint(":", dialPort), nil)
	r.no(err)
	between(t, "it took", r.dialName(nil), 250*ms, 255*ms)
	r.equal("RemoteAddr", r.log.conn.RemoteAddr().Addr().String(), dialAddrs["live4"])
	r.rest(time.Second)
	r.left(2)
}

// With many addresses, few descriptors are open at once, and the last is reached.
func TestManyAddresses(t *testing.T) {
	var name []string
	for i := range 20 {
		name = append(name, fmt.Sprintf("fd09::%d", i+1))
	}
	r := newDialRig(t, sim.Config{}, append(name, "fd01::1")...)
	between(t, "it took", r.dialName(nil), 20*250*ms, 20*250*ms+10*ms)
	r.no(r.log.err)
	r.equal("attempts", len(r.to), 21)
	r.equal("at once, one of them closing", r.most, 9)
	r.left(2)
}

// Families take turns, beginning with the resolver's first; within each its order
// stays (RFC 8305, 4).
func TestOrderOfAddresses(t *testing.T) {
	for _, c := range []struct{ from, want string }{
		{"fd02::1 fd09::2 fd09::3 10.2.0.1 10.9.0.2", "fd02::1 10.2.0.1 fd09::2 10.9.0.2 fd09::3"},
		{"10.2.0.1 10.9.0.2 fd02::1", "10.2.0.1 fd02::1 10.9.0.2"},
		{"10.2.0.1 10.9.0.2", "10.2.0.1 10.9.0.2"},
	} {
		r := newDialRig(t, sim.Config{}, strings.Fields(c.from)...)
		r.dialName(&tcp.Options{Timeout: 10 * time.Second})
		r.equal("order", strings.Trim(fmt.Sprint(r.to), "[]"), c.want)
		r.left(0)
	}
}

func TestNoAddressAnswers(t *testing.T) {
	t.Run("a timeout", func(t *testing.T) {
		r := newDialRig(t, sim.Config{}, "dead6", "shut4", "dead4")
		between(t, "it took", r.dialName(&tcp.Options{Timeout: 3 * time.Second}), 3*time.Second, 3*time.Second+5*ms)
		r.is(r.log.err, os.ErrDeadlineExceeded)
		r.is(r.log.err, syscall.ECONNREFUSED)
		var op *net.OpError
		r.equal("Timeout", errors.As(r.log.err, &op) && op.Timeout(), true)
		r.left(0)
		r.log.failed(r.rig, os.ErrDeadlineExceeded)
	})
	t.Run("the system's patience", func(t *testing.T) {
		r := newDialRig(t, sim.Config{}, "dead6", "dead4")
		// Linux tries for 127 s (tcp(7), tcp_syn_retries), and the second began 250 ms later.
		between(t, "it took", r.dialName(nil), 127*time.Second+250*ms, 128*time.Second)
		r.is(r.log.err, syscall.ETIMEDOUT)
		r.left(0)
	})
	t.Run("refusals", func(t *testing.T) {
		r := newDialRig(t, sim.Config{}, "shut6", "shut4", "fd02::1", "10.2.0.1", "fd02::1", "10.2.0.1")
		between(t, "it took", r.dialName(nil), 0, 10*ms)
		want := "dial tcp name.test:7000: [fd02::1]:7000: connect: connection refused; 10.2.0.1:7000: connect: connection refused; "
		if text := r.log.err.Error(); !strings.HasPrefix(text, want) || !strings.HasSuffix(text, "; and 2 more") {
			t.Errorf("the error is %q", text)
		}
		r.left(0)
	})
}

// A dial that is given up, at any time and in any way, leaves nothing behind.
func TestDialGivenUpAtEachStage(t *testing.T) {
	ways := map[string]func(*dialRig, *tcp.Conn){
		"Close":    func(r *dialRig, c *tcp.Conn) { r.no(c.Close()) },
		"CloseNow": func(r *dialRig, c *tcp.Conn) { r.no(c.CloseNow()) },
		"Abort":    func(r *dialRig, c *tcp.Conn) { r.no(c.Abort()) },
		"Shutdown": func(r *dialRig, c *tcp.Conn) { r.shutdown(0) },
	}
	for name, way := range ways {
		for stage, after := range map[string]time.Duration{
			"before anything": -1, "resolving": 0, "the first attempt": 100 * ms, "two attempts": 300 * ms, "three": 600 * ms,
		} {
			t.Run(name+" "+stage, func(t *testing.T) {
				r := newDialRig(t, sim.Config{}, "dead6", "dead4", "fd09::2")
				c, err := tcp.Dial(r.lp, fmt.Sprint("name.test:", dialPort), nil, r.log.tell)
				r.no(err)
				if after < 0 {
					way(r, c)
				} else {
					r.after(after, func() { way(r, c) })
				}
				r.until("it is closed", func() bool { return r.log.closed > 0 })
				r.is(r.log.err, net.ErrClosed)
				r.ln.Close() // a Shutdown has
				r.run()      // nothing holds the loop
				r.equal("sockets", r.host.Sockets(), 0)
				r.equal("callbacks", r.log.calls, 1)
				r.equal("OnClose", r.log.closed, 1)
			})
		}
	}
}

// The loop is closed while a dial is under way: it is called back once, and every
// attempt's socket is closed.
func TestDialGivenUpByLoopClose(t *testing.T) {
	for stage, after := range map[string]time.Duration{"resolving": 0, "the first attempt": 100 * ms, "three": 600 * ms} {
		t.Run(stage, func(t *testing.T) {
			r := newDialRig(t, sim.Config{}, "dead6", "dead4", "fd09::2")
			_, err := tcp.Dial(r.lp, fmt.Sprint("name.test:", dialPort), nil, r.log.tell)
			r.no(err)
			if after > 0 {
				r.rest(after)
			}
			r.no(r.lp.Close())
			r.is(r.log.err, net.ErrClosed)
			r.equal("callbacks", r.log.calls, 1)
			r.equal("sockets", r.host.Sockets(), 0)
		})
	}
}

// Whatever the network does, and whenever it is given up, a dial is called back
// once and leaves nothing open.
func TestDialsUnderFaults(t *testing.T) {
	cfg := sim.Config{Faults: sim.Heavy().Without(sim.Crash)}
	keys := []string{"live4", "live6", "dead4", "dead6", "shut4", "shut6"}
	sim.Explore(t, 150, cfg, func(w *sim.World) error {
		host := w.Host("host")
		for _, name := range []string{"live", "shut"} {
			h := w.Host(name, dialAddrs[name+"4"], dialAddrs[name+"6"])
			if name == "live" {
				w.Daemon(h, func(h *sim.Host) error { return listenAndIdle(h) })
			}
		}
		w.Go(host, func(h *sim.Host) error {
			lp, err := loop.New(loop.Options{Poller: h})
			if err != nil {
				return err
			}
			calls, closed := 0, 0
			const dials = 10
			for i := range dials {
				name := fmt.Sprint("name", i)
				var addrs []string
				for range 1 + w.Rand().IntN(6) {
					addrs = append(addrs, dialAddrs[keys[w.Rand().IntN(len(keys))]])
				}
				w.Name(name, addrs...)
				o := &tcp.Options{Timeout: 20 * time.Second}
				c, err := tcp.Dial(lp, fmt.Sprint(name, ":", dialPort), o, func(c *tcp.Conn, err error) {
					if calls++; err == nil {
						c.Close()
					}
				})
				if err != nil {
					return err
				}
				c.OnClose = func(*tcp.Conn, error) { closed++ }
				if w.Rand().IntN(3) == 0 {
					if _, err := timer.After(lp, time.Duration(w.Rand().IntN(1500))*ms, func() { c.Close() }); err != nil {
						return err
					}
				}
			}
			if err := lp.Run(); err != nil {
				return err
			}
			if calls != dials || closed != dials || h.Sockets() != 0 {
				return fmt.Errorf("%d dials: %d callbacks, %d closed, %d sockets are left", dials, calls, closed, h.Sockets())
			}
			return nil
		})
		return w.Run()
	})
}

func listenAndIdle(h *sim.Host) error {
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	ln, err := tcp.Listen(lp, fmt.Sprint(":", dialPort), nil)
	if err != nil {
		return err
	}
	ln.OnAccept = func(*tcp.Conn) {}
	return lp.Run()
}

type twoAddresses struct{ first, second netip.Addr }

func (a twoAddresses) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{a.first, a.second}, nil
}

// An address that does not answer leaves time for the next one.
func TestDialGoesOnFromASilentAddress(t *testing.T) {
	silent, live := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	r := newRig(t, loop.Options{Resolver: twoAddresses{silent, live}})
	_, port, err := net.SplitHostPort(r.deaf())
	r.no(err)
	ln, err := tcp.Listen(r.lp, net.JoinHostPort(live.String(), port), nil)
	if err != nil {
		t.Skip("this system's loopback has one address: ", err)
	}
	ln.OnAccept = func(*tcp.Conn) {}
	var d dialLog
	began := r.lp.UpdateNow()
	_, err = tcp.Dial(r.lp, "two.example:"+port, &tcp.Options{Timeout: 3 * time.Second}, d.tell)
	r.no(err)
	r.until("dialed", func() bool { return d.calls > 0 })
	r.no(d.err)
	if took := r.lp.UpdateNow().Sub(began); took < 250*time.Millisecond {
		t.Errorf("the first address had %v, want 250 ms", took)
	}
}
