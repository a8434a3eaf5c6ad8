package loop_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

var errBoom = errors.New("boom")

func TestOnPanic(t *testing.T) {
	eachCallback(func(name string, o loop.Options, begin func(*testing.T, *loop.Loop, boom)) {
		t.Run(name, func(t *testing.T) { onPanic(t, o, begin) })
	})
}

func onPanic(t *testing.T, o loop.Options, begin func(*testing.T, *loop.Loop, boom)) {
	var lp *loop.Loop
	var want loop.Handle
	told := 0
	o.OnPanic = func(h loop.Handle, value any, stack []byte) {
		told++
		if h != want || value != errBoom {
			t.Errorf("OnPanic(%T %v, %v), want %T %v", h, h, value, want, want)
		}
		if !strings.Contains(string(stack), "TestOnPanic") && !strings.Contains(string(stack), "onPanic") {
			t.Errorf("the stack does not show the callback:\n%s", stack)
		}
		lp.Stop()
	}
	lp = newLoop(t, o)
	begin(t, lp, func(h loop.Handle) {
		want = h
		panic(errBoom)
	})
	run(t, lp)
	equal(t, "times told", told, 1)
	if want != nil && !want.Closing() {
		t.Errorf("the %T is not closed", want)
	}
	for lp.ShuttingDown() { // which would end the timer too
		run(t, lp)
	}
	fired := 0
	_, err := timer.After(lp, time.Millisecond, func() { fired++; lp.Stop() })
	no(t, err)
	run(t, lp)
	equal(t, "timers fired afterwards", fired, 1)
	if o.Poller == nil { // the simulated one refuses connections
		echoes(t, lp)
	}
	equal(t, "times told", told, 1)
	no(t, lp.Close())
}

// echoes has a new connection carry something there and back.
func echoes(t *testing.T, lp *loop.Loop) {
	t.Helper()
	got := ""
	pair(t, lp, func(c *tcp.Conn) { c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) } }, func(c *tcp.Conn) {
		c.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p); lp.Stop() }
		c.WriteString("still here")
	})
	run(t, lp)
	equal(t, "echo", got, "still here")
}

// A resolver that panics, which is off the loop, fails the dial that asked it.
func TestResolverPanics(t *testing.T) {
	told := 0
	lp := newLoop(t, loop.Options{
		Resolver: panickingResolver{},
		OnPanic:  func(h loop.Handle, value any, _ []byte) { told++; equal(t, "value", value, any(errBoom)) },
	})
	var failed error
	_, err := tcp.Dial(lp, "name.example:1", nil, func(_ *tcp.Conn, err error) { failed = err })
	no(t, err)
	run(t, lp)
	is(t, failed, errBoom)
	var panicked *loop.PanicError
	equal(t, "is a PanicError", errors.As(failed, &panicked), true)
	equal(t, "times told", told, 1)
}

type panickingResolver struct{}

func (panickingResolver) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	panic(errBoom)
}

// deadly are callbacks that panic where nobody handles that.
var deadly = map[string]func(t *testing.T, lp *loop.Loop, boom boom){
	"post":   callbacks["loop.Loop.Post"],
	"timer":  callbacks["timer.After"],
	"close":  callbacks["loop.Hook.OnClose"],
	"OnRead": socketCallbacks["stream.Conn.OnRead"],
	"job": func(t *testing.T, lp *loop.Loop, boom boom) {
		_, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) { boom(nil); return 0, nil },
			func(int, error) { t.Error("the result of a job that panicked") })
		no(t, err)
	},
}

func TestPanicEndsTheProgram(t *testing.T) {
	for name, begin := range deadly {
		t.Run(name, func(t *testing.T) {
			stderr := dies(t, func() {
				lp, err := loop.New(loop.Options{})
				no(t, err)
				begin(t, lp, func(loop.Handle) { panicInACallback() })
				lp.Run()
			})
			for _, want := range []string{"panic: boom", "panicInACallback("} {
				if !strings.Contains(stderr, want) {
					t.Errorf("no %q in what it wrote:\n%s", want, stderr)
				}
			}
		})
	}
}

//go:noinline
func panicInACallback() { panic("boom") }

// A program that goes on after a panic that nothing handles has lost none of the rest of
// what was to be done.
func TestPanicLeavesTheRestForLater(t *testing.T) {
	const n = 5
	for name, begin := range map[string]func(c *tcp.Conn, told func()){
		"what was written is flushed": func(c *tcp.Conn, told func()) {
			c.OnWrite = func(*tcp.Conn) { told() }
			c.WriteString("hello")
		},
		"what has closed is told so": func(c *tcp.Conn, told func()) {
			c.OnClose = func(*tcp.Conn, error) { told() }
			c.Abort()
		},
	} {
		t.Run(name, func(t *testing.T) {
			lp := newLoop(t, loop.Options{})
			var conns []*tcp.Conn
			for range n {
				pair(t, lp, ignore, func(c *tcp.Conn) {
					if conns = append(conns, c); len(conns) == n {
						lp.Stop()
					}
				})
			}
			run(t, lp)
			told := 0
			for _, c := range conns {
				begin(c, func() {
					told++
					panic(errBoom)
				})
			}
			for deadline := time.Now().Add(patience); told < n; {
				if time.Now().After(deadline) {
					t.Fatalf("%d of %d were told in %v", told, n, patience)
				}
				func() {
					defer func() { recover() }()
					lp.RunNoWait()
				}()
			}
			for _, c := range conns {
				c.OnWrite = nil
			}
		})
	}
}

// The handle whose own callback has panicked out of Run is for the program to abort, which works.
func TestAbortAfterAPanic(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	var server *tcp.Conn
	var reason error
	pair(t, lp, func(c *tcp.Conn) {
		server = c
		c.OnRead = func(c *tcp.Conn, p []byte) {
			c.Write(p)
			panic(errBoom)
		}
		c.OnClose = func(_ *tcp.Conn, err error) { reason = err }
	}, func(c *tcp.Conn) {
		c.WriteString("hello")
		c.OnClose = func(*tcp.Conn, error) { lp.Stop() }
	})
	panicked := any(nil)
	func() {
		defer func() { panicked = recover() }()
		lp.Run()
	}()
	equal(t, "what Run panicked with", panicked, any(errBoom))
	no(t, server.Abort())
	run(t, lp)
	is(t, reason, stream.ErrAborted)
}
