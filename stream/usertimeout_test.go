package stream_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// The system gives up a peer that has vanished when the user timeout is over, be
// something on its way to it or not, and one that takes nothing.
func TestUserTimeout(t *testing.T) {
	const limit = 20 * second
	for what, c := range map[string]struct {
		beat, drop bool          // the server goes on writing, the network is cut
		least      time.Duration // after the network is cut, or the peer is full
		most       time.Duration
	}{
		"vanished, and written to": {true, true, limit - second, limit + 2*second},
		"vanished, and silent":     {false, true, limit, 31 * second}, // the second probe
		"full":                     {true, false, limit - second, limit + 2*second},
	} {
		for seed := range uint64(20) {
			w := sim.New(seed, sim.Config{SendBuffer: 1 << 20, RecvBuffer: 64 << 10})
			srv, cli := w.Host("srv"), w.Host("cli")
			const cut = 100 * second
			var full, ended time.Duration
			var reason error
			w.Go(srv, func(h *sim.Host) error {
				return loop.RunOn(h, func(lp *loop.Loop) error {
					ln, err := tcp.Listen(lp, ":7000", &tcp.Options{UserTimeout: limit})
					if err != nil {
						return err
					}
					ln.OnAccept = func(tc *tcp.Conn) {
						ln.Close()
						size := 20
						if !c.drop {
							size = 30_000
						}
						beat, _ := timer.Every(lp, second, func() {
							if c.beat {
								tc.Write(make([]byte, size))
							}
						})
						tc.OnClose = func(_ *tcp.Conn, err error) {
							ended, reason = lp.Now().Sub(0), err
							beat.Close()
						}
					}
					return nil
				})
			})
			w.Daemon(cli, func(h *sim.Host) error {
				return loop.RunOn(h, func(lp *loop.Loop) error {
					_, err := tcp.Dial(lp, srv.Addrs()[0].String()+":7000", nil, func(tc *tcp.Conn, err error) {
						tc.OnRead = func(tc *tcp.Conn, p []byte) {
							if !c.drop && full == 0 {
								full = lp.UpdateNow().Sub(0) + 2*second // its buffer has room for as much
								tc.PauseRead()
							}
						}
					})
					return err
				})
			})
			from := &full
			if c.drop {
				w.At(cut, func() { full = cut; w.Cut(srv, cli) })
			}
			if err := w.Run(); err != nil {
				t.Errorf("%s, seed %d: %v", what, seed, err)
			}
			if since := ended - *from; since < c.least || since > c.most || !errors.Is(reason, syscall.ETIMEDOUT) {
				t.Errorf("%s, seed %d: ended after %v: %v", what, seed, since, reason)
			}
		}
	}
}

func TestUserTimeoutOption(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		_, c := r.pair()
		err := c.SetUserTimeout(1500 * ms)
		if runtime.GOOS == "linux" {
			r.no(err)
			_, server := r.pairOf(&tcp.Options{UserTimeout: time.Minute}, &tcp.Options{UserTimeout: time.Hour})
			r.no(server.SetUserTimeout(0))
		} else if err != nil {
			r.is(err, errors.ErrUnsupported)
		}
		for _, d := range []time.Duration{-1, 25 * 24 * time.Hour} {
			o := &tcp.Options{UserTimeout: d}
			_, listen := tcp.Listen(r.lp, loopback, o)
			_, dial := tcp.Dial(r.lp, "127.0.0.1:1", o, func(*tcp.Conn, error) {})
			for _, err := range []error{listen, dial, c.SetUserTimeout(d)} {
				if !errors.Is(err, os.ErrInvalid) || !strings.Contains(err.Error(), fmt.Sprint("UserTimeout of ", d)) {
					t.Errorf("of %v: %v", d, err)
				}
			}
		}
	})
}
