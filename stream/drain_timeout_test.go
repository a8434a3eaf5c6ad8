package stream_test

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// Each byte the peer takes starts the timeout afresh. The clock is a simulated
// one, which nothing else on the machine can make late.
func TestDrainTimeoutIsOfStandingStill(t *testing.T) {
	r := newRig(t, loop.Options{Poller: sim.New(1, sim.Config{}).Host("host")})
	small := &tcp.Options{DrainTimeout: 100 * time.Millisecond, WriteBuffer: 16 << 10, ReadBuffer: 16 << 10}
	client, server := r.pairOf(small, small)
	const total = 2 * mebibyte
	read, rests := 0, 0
	client.OnRead = func(c *tcp.Conn, p []byte) {
		if read += len(p); read > (rests+1)*100_000 {
			rests++
			r.no(c.PauseRead())
			r.after(90*time.Millisecond, func() { c.ResumeRead() })
		}
	}
	server.OnClose = func(_ *tcp.Conn, err error) { r.no(err) }
	server.Write(make([]byte, total))
	began := r.lp.UpdateNow()
	r.no(server.Close())
	r.run()
	r.equal("bytes", read, total)
	if took := r.lp.Now().Sub(began); rests < 10 || took < time.Second {
		t.Errorf("%d rests, %v in all, show nothing", rests, took)
	}
}

// A reader that goes on reading is not cut off, be it so slow that the system takes
// nothing more for longer than DrainTimeout: what it acknowledges counts.
func TestDrainTimeoutOfASlowReader(t *testing.T) {
	for seed := range uint64(10) {
		w := sim.New(seed, sim.Config{SendBuffer: 4 << 20, RecvBuffer: 32 << 10, Limit: 24 * time.Hour})
		r := newRig(t, loop.Options{Poller: w.Host("host")})
		client, server := r.pairOf(&tcp.Options{DrainTimeout: second}, nil)
		const total = 6 * mebibyte
		got := 0
		client.OnRead = func(c *tcp.Conn, p []byte) { // 200 KB/s
			got += len(p)
			r.no(c.PauseRead())
			r.after(time.Duration(len(p))*20*ms/4096, func() { c.ResumeRead() })
		}
		ended := r.watch(server)
		server.Write(make([]byte, total))
		r.no(server.Close())
		r.forever(func() bool { return ended.ended })
		r.no(ended.reason)
		r.equal(fmt.Sprintf("seed %d: bytes", seed), got, total)
	}
}

// One that stops is, a DrainTimeout and a quarter after it has.
func TestDrainTimeoutOfAReaderThatStops(t *testing.T) {
	w := sim.New(1, sim.Config{SendBuffer: 4 << 20, RecvBuffer: 32 << 10})
	r := newRig(t, loop.Options{Poller: w.Host("host")})
	client, server := r.pairOf(&tcp.Options{DrainTimeout: 10 * second}, nil)
	got := 0
	stopped := r.lp.Now()
	client.OnRead = func(c *tcp.Conn, p []byte) {
		got += len(p)
		r.no(c.PauseRead())
		stopped = r.lp.UpdateNow()
		if got < 2*mebibyte {
			r.after(second/4, func() { c.ResumeRead() })
		}
	}
	ended := r.watch(server)
	server.Write(make([]byte, 6*mebibyte))
	r.no(server.Close())
	r.forever(func() bool { return ended.ended })
	between(t, "it ended", r.lp.UpdateNow().Sub(stopped), 10*second-ms, 13*second)
	var loss *stream.LossError
	if r.is(ended.reason, os.ErrDeadlineExceeded); !errors.As(ended.reason, &loss) || loss.Unacked == 0 || loss.Unsent == 0 {
		t.Errorf("%v does not say what was lost", ended.reason)
	}
}

func TestDrainTimeout(t *testing.T) {
	for name, o := range map[string]*tcp.Options{"option": {DrainTimeout: 30 * time.Millisecond}, "set": nil} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			client, server := r.pairOf(o, nil)
			if o == nil {
				r.no(server.SetDrainTimeout(30 * time.Millisecond))
			}
			r.no(client.PauseRead())
			var reason, lost error
			server.OnClose = func(_ *tcp.Conn, err error) { reason = err }
			r.no(server.WriteBuffers([][]byte{make([]byte, 64*mebibyte)}, func(err error) { lost = err }))
			began := time.Now()
			r.no(server.Close())
			r.until("the server gives up", func() bool { return reason != nil })
			r.is(reason, os.ErrDeadlineExceeded)
			r.is(lost, os.ErrDeadlineExceeded)
			if took := time.Since(began); took < 30*time.Millisecond {
				t.Errorf("gave up after %v", took)
			}
			// What the peer sees is a reset, not an end: the output was cut short.
			if !forgetsResets() {
				client.OnClose = func(_ *tcp.Conn, err error) { r.is(err, syscall.ECONNRESET) }
			}
			r.no(client.ResumeRead())
			r.run()
		})
	}
}
