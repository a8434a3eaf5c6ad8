package stream_test

import (
	"fmt"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// A panic that leaves Run out of OnAccept, or out of the OnWrite that follows it, leaves
// a connection like any other: Abort has OnClose called, its place is free again, and Run
// ends by itself.
func TestPanicOutOfOnAccept(t *testing.T) {
	for name, guilty := range map[string]func(c *tcp.Conn){
		"OnAccept": func(*tcp.Conn) { panic("guilty") },
		"OnWrite": func(c *tcp.Conn) {
			c.OnWrite = func(*tcp.Conn) { panic("guilty") }
			c.WriteString("hello")
		},
	} {
		t.Run(name, func(t *testing.T) {
			panicInAccept(newRig(t), guilty)
		})
		for seed := range uint64(20) {
			t.Run(fmt.Sprint(name, " in world ", seed), func(t *testing.T) {
				host := sim.New(seed, sim.Config{Faults: sim.Light().Without(sim.Refuse, sim.Reset, sim.Timeout)}).Host("host")
				panicInAccept(newRig(t, loop.Options{Poller: host}), guilty)
			})
		}
	}
}

func panicInAccept(r *rig, guilty func(*tcp.Conn)) {
	var c *tcp.Conn
	closed := 0
	ln := r.listen(&tcp.Options{MaxConns: 1}, func(a *tcp.Conn) {
		c = a
		c.OnClose = func(*tcp.Conn, error) { closed++ }
		guilty(c)
	})
	dial := func() {
		_, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(d *tcp.Conn, err error) {
			if err == nil {
				d.OnRead = stream.Discard
			}
		})
		r.no(err)
	}
	dial()
	func() {
		defer func() { recover() }()
		r.run()
	}()
	if c == nil {
		r.Fatal("nothing was accepted")
	}
	r.no(c.Abort())
	r.until("OnClose", func() bool { return closed == 1 })
	r.equal("Open", ln.Metrics().Open, 0)

	ln.OnAccept = func(a *tcp.Conn) { a.Close(); ln.Close() }
	dial()
	r.run()
	start := time.Now()
	r.no(r.lp.Close())
	if d := time.Since(start); d > patience/2 {
		r.Errorf("Close took %v", d)
	}
}
