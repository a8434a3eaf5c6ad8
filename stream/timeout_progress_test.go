package stream_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// A peer that vanishes is found out by IdleTimeout and by WriteTimeout, though the
// system takes all that a server of heartbeats goes on to write; one that is there is not.
func TestTimeoutsOfAServerOfHeartbeats(t *testing.T) {
	const bound = 30 * second
	for op, o := range map[string]*tcp.Options{
		"idle": {IdleTimeout: bound}, "write": {WriteTimeout: bound},
		"idle or write": {IdleTimeout: bound, WriteTimeout: bound, ReadTimeout: time.Hour},
	} {
		for _, size := range []int{20, 20_000} { // one goes through the queue, the other does not
			for seed := range uint64(10) {
				what := fmt.Sprintf("%s, %d bytes, seed %d", op, size, seed)
				vanishes := time.Duration(100+seed) * second
				after, reason := heartbeats(t, o, size, seed, vanishes)
				since := after - vanishes
				if since < bound-2*second || since > bound+bound/4+2*second || !errors.Is(reason, os.ErrDeadlineExceeded) {
					t.Errorf("%s: ended %v after the peer had vanished, %v", what, since, reason)
				}
			}
		}
	}
}

// heartbeats has a server write every second to a peer that vanishes, and returns when
// and why the connection has ended.
func heartbeats(t *testing.T, o *tcp.Options, size int, seed uint64, vanishes time.Duration) (after time.Duration, reason error) {
	w := sim.New(seed, sim.Config{SendBuffer: 16 << 20})
	srv, cli := w.Host("srv"), w.Host("cli")
	w.Go(srv, func(h *sim.Host) error {
		return loop.RunOn(h, func(lp *loop.Loop) error {
			ln, err := tcp.Listen(lp, ":7000", o)
			if err != nil {
				return err
			}
			ln.OnAccept = func(c *tcp.Conn) {
				ln.Close()
				beat, _ := timer.Every(lp, second, func() { c.Write(make([]byte, size)) })
				c.OnClose = func(_ *tcp.Conn, err error) {
					after, reason = lp.Now().Sub(0), err
					beat.Close()
				}
			}
			return nil
		})
	})
	w.Daemon(cli, func(h *sim.Host) error {
		return loop.RunOn(h, func(lp *loop.Loop) error {
			_, err := tcp.Dial(lp, srv.Addrs()[0].String()+":7000", nil, func(c *tcp.Conn, err error) {
				c.OnRead = func(*tcp.Conn, []byte) {}
			})
			return err
		})
	})
	w.At(vanishes, func() { w.Cut(srv, cli) })
	if err := w.Run(); err != nil {
		t.Error(err)
	}
	return after, reason
}

// Where nobody tells what was acknowledged, what the system takes counts.
func TestTimeoutsWhereNobodyTellsWhatArrived(t *testing.T) {
	r := newBlindRig(t)
	listens := &tcp.Options{IdleTimeout: 10 * second, WriteTimeout: 10 * second, WriteBuffer: 8 << 10}
	client, server := r.pairOf(listens, &tcp.Options{ReadBuffer: 8 << 10})
	w := r.watch(server)
	for range 12 {
		r.sleep(9 * second)
		server.WriteString("x")
	}
	r.equal("ended", w.ended, false)
	r.no(client.PauseRead())
	began := r.lp.UpdateNow()
	server.Write(make([]byte, 100_000))
	r.forever(func() bool { return w.ended })
	between(t, "it took", r.lp.UpdateNow().Sub(began), 10*second-ms, 13*second)
	r.is(w.reason, os.ErrDeadlineExceeded)
}
