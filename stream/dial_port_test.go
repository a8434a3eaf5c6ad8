package stream_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
)

// An answer is what every name has.
type answer []netip.Addr

func (a answer) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) { return a, nil }

// A name of several addresses is dialed from one port: each attempt has it in turn,
// however the one before has failed.
func TestDialFromAPort(t *testing.T) {
	for what, first := range map[string]string{"refuses": "127.0.0.1", "is of another family": "::1"} {
		t.Run(what, func(t *testing.T) {
			good, err := net.Listen("tcp", "127.0.0.2:0")
			if err != nil {
				t.Skip("this system has one address: ", err)
			}
			defer good.Close()
			r := newRig(t, loop.Options{Resolver: answer{netip.MustParseAddr(first), netip.MustParseAddr("127.0.0.2")}})
			r.dialFrom(r.ownPort(), good.Addr().(*net.TCPAddr).Port, nil)
		})
	}
	t.Run("does not answer", func(t *testing.T) {
		r := newRig(t)
		deaf := netip.MustParseAddrPort(r.deaf())
		good, err := net.Listen("tcp", net.JoinHostPort("127.0.0.2", strconv.Itoa(int(deaf.Port()))))
		if err != nil {
			t.Skip(err)
		}
		defer good.Close()
		r = newRig(t, loop.Options{Resolver: answer{deaf.Addr(), netip.MustParseAddr("127.0.0.2")}})
		r.dialFrom(r.ownPort(), int(deaf.Port()), &tcp.Options{AttemptDelay: 30 * time.Millisecond})
	})
}

func (r *rig) dialFrom(local netip.AddrPort, port int, o *tcp.Options) {
	r.Helper()
	if o == nil {
		o = new(tcp.Options)
	}
	o.LocalAddr = local
	var got netip.AddrPort
	_, err := tcp.Dial(r.lp, net.JoinHostPort("name.example", strconv.Itoa(port)), o, func(c *tcp.Conn, err error) {
		r.no(err)
		if err == nil {
			got = c.LocalAddr().AddrPort
			c.Abort()
		}
	})
	r.no(err)
	r.run()
	r.equal("LocalAddr", got, local)
}

// In the simulator the first address does not answer at all: it has AttemptDelay, or its
// share of Timeout, or two seconds.
func TestDialFromAPortTakesTurns(t *testing.T) {
	for _, turn := range []struct {
		o    tcp.Options
		want time.Duration
	}{{tcp.Options{}, 2 * second}, {tcp.Options{Timeout: 20 * second}, 10 * second}, {tcp.Options{AttemptDelay: 100 * ms}, 100 * ms}} {
		for seed := range uint64(50) {
			w := sim.New(seed, sim.Config{})
			server, far, client := w.Host("server"), w.Host("far"), w.Host("client")
			w.Cut(client, far)
			w.Daemon(server, func(h *sim.Host) error {
				lp, err := loop.New(loop.Options{Poller: h})
				if err != nil {
					return err
				}
				ln, err := tcp.Listen(lp, ":7000", nil)
				if err != nil {
					return err
				}
				ln.OnAccept = func(*tcp.Conn) {}
				return lp.Run()
			})
			w.Go(client, func(h *sim.Host) error {
				lp, err := loop.New(loop.Options{Poller: h, Resolver: answer{far.Addrs()[0], server.Addrs()[0]}})
				if err != nil {
					return err
				}
				defer lp.Close()
				o, began := turn.o, h.Now()
				o.LocalAddr = netip.AddrPortFrom(netip.IPv4Unspecified(), 5000)
				_, err = tcp.Dial(lp, "name:7000", &o, func(c *tcp.Conn, err error) {
					if took := h.Now().Sub(began); err != nil || took < turn.want || took > turn.want+100*ms {
						w.Errorf("after %v: %v; want a connection after %v", took, err, turn.want)
					}
					if err == nil {
						c.Abort()
					}
				})
				if err != nil {
					return err
				}
				return lp.Run()
			})
			if err := w.Run(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
	}
}

// Control sees each socket before it is bound and connects or listens.
func TestControl(t *testing.T) {
	r := newRig(t)
	type call struct{ network, address string }
	var calls []call
	var kept syscall.RawConn
	o := &tcp.Options{Control: func(network, address string, c syscall.RawConn) error {
		calls = append(calls, call{network, address})
		kept = c
		r.no(c.Control(func(fd uintptr) { r.equal("a descriptor", fd != ^uintptr(0), true) }))
		return nil
	}}
	ln, err := tcp.Listen(r.lp, loopback, o)
	r.no(err)
	r.equal("of Listen", calls[0], call{"tcp4", loopback})
	r.is(kept.Control(func(uintptr) {}), net.ErrClosed)
	got := ""
	ln.OnAccept = func(c *tcp.Conn) { c.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) } }
	c := r.dial(ln, o)
	r.equal("of Dial", calls[1], call{"tcp4", ln.LocalAddr().String()})
	c.WriteString("hello")
	r.until("it is received", func() bool { return got == "hello" })
	r.equal("calls", len(calls), 2)
}

// An error of Control is that of the call, and of the attempt.
func TestControlRefuses(t *testing.T) {
	r := newRig(t)
	refusal := errors.New("not this one")
	o := &tcp.Options{Control: func(string, string, syscall.RawConn) error { return refusal }}
	_, err := tcp.Listen(r.lp, loopback, o)
	r.is(err, refusal)
	var op *net.OpError
	r.equal("an *net.OpError of listen", errors.As(err, &op) && op.Op == "listen", true)
	var told error
	_, err = tcp.Dial(r.lp, "127.0.0.1:1", o, func(_ *tcp.Conn, err error) { told = err })
	r.no(err)
	r.run()
	r.is(told, refusal)
}

// Whatever Control does to the connection, or the loop, each call ends once.
func TestControlThatEndsTheDial(t *testing.T) {
	for name, act := range map[string]func(r *rig, c *tcp.Conn){
		"Close":      func(_ *rig, c *tcp.Conn) { c.Close() },
		"Abort":      func(_ *rig, c *tcp.Conn) { c.Abort() },
		"panic":      func(*rig, *tcp.Conn) { panic("in Control") },
		"Loop.Close": func(r *rig, _ *tcp.Conn) { r.lp.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			panics := 0
			r := newRig(t, loop.Options{OnPanic: func(loop.Handle, any, []byte) { panics++ }})
			ends, closed := 0, 0
			var c *tcp.Conn
			c, err := tcp.Dial(r.lp, loopback[:len(loopback)-1]+"1", &tcp.Options{Control: func(string, string, syscall.RawConn) error {
				act(r, c)
				return nil
			}}, func(*tcp.Conn, error) { ends++ })
			r.no(err)
			c.OnClose = func(*tcp.Conn, error) { closed++ }
			if name == "Loop.Close" {
				r.lp.Run()
			} else {
				r.run()
			}
			r.equal("told", ends, 1)
			r.equal("closed", closed, 1)
			r.equal("panics", panics, flagOf(name == "panic"))
		})
	}
}

func flagOf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// What is out of range is named, before anything is done.
func TestOptionsOutOfRange(t *testing.T) {
	r := newRig(t)
	for name, o := range map[string]tcp.Options{
		"KeepAlive":                {KeepAlive: 10 * time.Hour},
		"KeepAliveConfig.Idle":     {KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Hour}},
		"KeepAliveConfig.Interval": {KeepAliveConfig: net.KeepAliveConfig{Enable: true, Interval: 10 * time.Hour}},
		"KeepAliveConfig.Count":    {KeepAliveConfig: net.KeepAliveConfig{Enable: true, Count: 200}},
	} {
		_, err := tcp.Listen(r.lp, loopback, &o)
		r.named(err, name)
		_, err = tcp.Dial(r.lp, "127.0.0.1:1", &o, func(*tcp.Conn, error) { t.Error("Dial went on") })
		r.named(err, name)
	}
	r.equal("alive", r.lp.Alive(), false)
}

func (r *rig) named(err error, option string) {
	r.Helper()
	r.is(err, syscall.EINVAL)
	var o *poller.OptionError
	if !errors.As(err, &o) || o.Name != option {
		r.Errorf("error %v, want one of %s", err, option)
	}
}
