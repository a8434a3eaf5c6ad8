//go:build race || pikedebug

package loop_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/signal"
	"example.com/pike/tcp"
	"example.com/pike/timer"
	"example.com/pike/udp"
)

// anywhere are the methods that are not found out off the loop, by what they
// may be called with all the same.
var anywhere = map[string]bool{
	// Made for other goroutines.
	"loop.Loop.Post": true, "loop.Loop.Stop": true, "loop.Async.Send": true,

	// What they read is settled when the object is made.
	"loop.Loop.Poller": true, "loop.Loop.Resolver": true, "loop.Loop.Logger": true, "loop.Loop.Fd": true,
	"loop.Loop.Guarded": true, "loop.Base.Loop": true, "tcp.Listener.Addr": true,

	// They read a word that the race detector watches.
	"loop.Base.Active": true, "loop.Base.Closing": true, "loop.Base.HasRef": true,
	"tcp.Conn.Readable": true, "tcp.Conn.Writable": true, "timer.Timer.Period": true,

	// ErrRunning is their answer.
	"loop.Loop.Run": true, "loop.Loop.RunContext": true, "loop.Loop.RunOnce": true, "loop.Loop.RunNoWait": true,

	// Plumbing, behind methods that have been checked.
	"loop.Loop.Check": true, "loop.Loop.Recover": true,
}

// named are methods that are another one, by whose name they go.
var named = map[string]string{
	"tcp.Conn.WriteString": "tcp.Conn.Write",
}

func TestOffLoopCallsAreFoundOut(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	objects := openAll(t, lp)
	calls := functions(lp)
	for _, o := range objects {
		for _, m := range exported(o) {
			calls[m.name] = func() { m.call(nothing) }
		}
	}
	ran := false
	no(t, lp.Post(func() {
		ran = true
		done := make(chan struct{})
		go func() {
			defer close(done)
			for name, call := range calls {
				foundOut(t, name, call)
			}
		}()
		<-done
		lp.Stop()
	}))
	run(t, lp)
	equal(t, "ran", ran, true)
	if len(calls) < 100 {
		t.Errorf("only %d functions and methods were tried", len(calls))
	}
}

// functions are those that make the objects.
func functions(lp *loop.Loop) map[string]func() {
	return map[string]func(){
		"loop.Work": func() {
			loop.Work(context.Background(), lp, func(context.Context) (int, error) { return 0, nil }, func(int, error) {})
		},
		"timer.New":         func() { timer.New(lp, func() {}) },
		"timer.After":       func() { timer.After(lp, 0, func() {}) },
		"timer.Every":       func() { timer.Every(lp, time.Hour, func() {}) },
		"tcp.Listen":        func() { tcp.Listen(lp, "127.0.0.1:0", nil) },
		"tcp.Dial":          func() { tcp.Dial(lp, "127.0.0.1:1", nil, func(*tcp.Conn, error) {}) },
		"tcp.AdoptConn":     func() { tcp.AdoptConn(lp, nil) },
		"tcp.AdoptListener": func() { tcp.AdoptListener(lp, nil) },
		"udp.Listen":        func() { udp.Listen(lp, "127.0.0.1:0", nil) },
		"udp.Dial":          func() { udp.Dial(lp, "127.0.0.1:1", nil) },
		"udp.AdoptConn":     func() { udp.AdoptConn(lp, nil) },
		"signal.Notify":     func() { signal.Notify(lp, func(os.Signal) {}) },
		"signal.Once":       func() { signal.Once(lp, func(os.Signal) {}) },
	}
}

func foundOut(t *testing.T, name string, call func()) {
	if anywhere[name] {
		return
	}
	if other, ok := named[name]; ok {
		name = other
	}
	defer func() {
		want := fmt.Sprintf("pike: %s called off the loop's goroutine", name)
		if v := recover(); v == nil || !strings.HasPrefix(fmt.Sprint(v), want) {
			t.Errorf("%s panicked with %v, want %q", name, v, want)
		}
	}()
	call()
}

// The loop's goroutine itself, and anyone while the loop does not run, may.
func TestCallsThatAreNotOffLoop(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	done := make(chan *udp.Conn)
	go func() {
		c, err := udp.Listen(lp, "127.0.0.1:0", nil)
		if err != nil {
			t.Error(err)
		}
		done <- c
	}()
	c := <-done
	c.OnRead = func(c *udp.Conn, _ []byte, _ netip.AddrPort) { no(t, c.Close()) }
	_, err := c.WriteTo(nil, c.LocalAddr())
	no(t, err)
	run(t, lp)
}
