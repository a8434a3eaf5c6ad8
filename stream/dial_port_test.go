package stream_test

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"example.com/pike/loop"
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
