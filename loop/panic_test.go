package loop_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/tcp"
	"example.com/pike/timer"
	"example.com/pike/udp"
)

var errBoom = errors.New("boom")

// A boom is what a case calls inside the callback it is about: with the handle
// that the callback belongs to, or nil.
type boom func(h loop.Handle)

// panics are the callbacks of a loop; the packages with sockets have their own.
var panics = map[string]func(t *testing.T, lp *loop.Loop, boom boom){
	"post": func(t *testing.T, lp *loop.Loop, boom boom) {
		no(t, lp.Post(func() { boom(nil) }))
	},
	"idle":    hookPanics((*loop.Loop).NewIdle),
	"prepare": hookPanics((*loop.Loop).NewPrepare),
	"check":   hookPanics((*loop.Loop).NewCheck),
	"hook OnClose": func(t *testing.T, lp *loop.Loop, boom boom) {
		h, err := lp.NewIdle(func() {})
		no(t, err)
		h.OnClose = func() { boom(h) }
		no(t, h.Close())
	},
	"async": func(t *testing.T, lp *loop.Loop, boom boom) {
		var a *loop.Async
		a, err := lp.NewAsync(func() { boom(a) })
		no(t, err)
		no(t, a.Send())
	},
	"async OnClose": func(t *testing.T, lp *loop.Loop, boom boom) {
		a, err := lp.NewAsync(func() {})
		no(t, err)
		a.OnClose = func() { boom(a) }
		no(t, a.Close())
	},
	"work": func(t *testing.T, lp *loop.Loop, boom boom) {
		_, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) { return 0, nil },
			func(int, error) { boom(nil) })
		no(t, err)
	},
	"timer": func(t *testing.T, lp *loop.Loop, boom boom) {
		var tm *timer.Timer
		tm, err := timer.After(lp, 0, func() { boom(tm) })
		no(t, err)
	},
	"repeating timer": func(t *testing.T, lp *loop.Loop, boom boom) {
		var tm *timer.Timer
		tm, err := timer.Every(lp, time.Millisecond, func() { boom(tm) })
		no(t, err)
	},
	"timer OnClose": func(t *testing.T, lp *loop.Loop, boom boom) {
		tm, err := timer.New(lp, func() {})
		no(t, err)
		tm.OnClose = func() { boom(tm) }
		no(t, tm.Close())
	},
}

func hookPanics(make func(*loop.Loop, func()) (*loop.Hook, error)) func(*testing.T, *loop.Loop, boom) {
	return func(t *testing.T, lp *loop.Loop, boom boom) {
		var h *loop.Hook
		h, err := make(lp, func() { boom(h) })
		no(t, err)
		no(t, h.Start())
		no(t, lp.Post(func() {})) // so that the poll does not wait
	}
}

func TestOnPanic(t *testing.T) {
	for _, cases := range []map[string]func(*testing.T, *loop.Loop, boom){panics, socketPanics} {
		for name, begin := range cases {
			t.Run(name, func(t *testing.T) { onPanic(t, begin) })
		}
	}
}

func onPanic(t *testing.T, begin func(*testing.T, *loop.Loop, boom)) {
	var lp *loop.Loop
	var want loop.Handle
	told := 0
	lp = newLoop(t, loop.Options{OnPanic: func(h loop.Handle, value any, stack []byte) {
		told++
		if h != want || value != errBoom {
			t.Errorf("OnPanic(%T %v, %v), want %T %v", h, h, value, want, want)
		}
		if !strings.Contains(string(stack), "TestOnPanic") && !strings.Contains(string(stack), "onPanic") {
			t.Errorf("the stack does not show the callback:\n%s", stack)
		}
		lp.Stop()
	}})
	begin(t, lp, func(h loop.Handle) {
		want = h
		panic(errBoom)
	})
	run(t, lp)
	equal(t, "times told", told, 1)
	if want != nil && !want.Closing() {
		t.Errorf("the %T is not closed", want)
	}
	fired := 0
	_, err := timer.After(lp, time.Millisecond, func() { fired++; lp.Stop() })
	no(t, err)
	run(t, lp)
	equal(t, "timers fired afterwards", fired, 1)
	equal(t, "times told", told, 1)
	no(t, lp.Close())
}

// pair begins a connection on lp: accepted and dialed are called with its ends.
func pair(t *testing.T, lp *loop.Loop, accepted, dialed func(*tcp.Conn)) *tcp.Listener {
	t.Helper()
	ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	no(t, err)
	ln.OnAccept = accepted
	_, err = tcp.Dial(lp, ln.Addr().String(), nil, func(c *tcp.Conn, err error) {
		no(t, err)
		dialed(c)
	})
	no(t, err)
	return ln
}

func ignore(*tcp.Conn) {}

// socketPanics are the callbacks of tcp and udp.
var socketPanics = map[string]func(t *testing.T, lp *loop.Loop, boom boom){
	"tcp accept": func(t *testing.T, lp *loop.Loop, boom boom) {
		pair(t, lp, func(c *tcp.Conn) { boom(c) }, ignore)
	},
	"tcp dial": func(t *testing.T, lp *loop.Loop, boom boom) {
		pair(t, lp, ignore, func(c *tcp.Conn) { boom(c) })
	},
	"tcp dial failed": func(t *testing.T, lp *loop.Loop, boom boom) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := tcp.DialContext(ctx, lp, "127.0.0.1:1", nil, func(c *tcp.Conn, err error) { boom(c) })
		no(t, err)
	},
	"tcp OnRead": func(t *testing.T, lp *loop.Loop, boom boom) {
		pair(t, lp, func(c *tcp.Conn) { c.OnRead = func(c *tcp.Conn, _ []byte) { boom(c) } },
			func(c *tcp.Conn) { c.WriteString("boom") })
	},
	"tcp OnEOF": func(t *testing.T, lp *loop.Loop, boom boom) {
		pair(t, lp, func(c *tcp.Conn) { c.OnEOF = func(c *tcp.Conn) { boom(c) } },
			func(c *tcp.Conn) { no(t, c.CloseWrite()) })
	},
	"tcp OnWrite": func(t *testing.T, lp *loop.Loop, boom boom) {
		pair(t, lp, ignore, func(c *tcp.Conn) {
			c.OnWrite = func(c *tcp.Conn) { boom(c) }
			c.WriteString("boom")
		})
	},
	"tcp WriteBuffers": func(t *testing.T, lp *loop.Loop, boom boom) {
		pair(t, lp, ignore, func(c *tcp.Conn) {
			no(t, c.WriteBuffers([][]byte{{1}}, func(error) { boom(c) }))
		})
	},
	"tcp OnClose": func(t *testing.T, lp *loop.Loop, boom boom) {
		pair(t, lp, ignore, func(c *tcp.Conn) {
			c.OnClose = func(c *tcp.Conn, _ error) { boom(c) }
			no(t, c.Close())
		})
	},
	"tcp listener OnClose": func(t *testing.T, lp *loop.Loop, boom boom) {
		ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
		no(t, err)
		ln.OnClose = func() { boom(ln) }
		no(t, ln.Close())
	},
	"udp OnRead": udpPanics(func(c *udp.Conn, boom boom) {
		c.OnRead = func(c *udp.Conn, _ []byte, _ netip.AddrPort) { boom(c) }
	}),
	"udp OnReadBatch": udpPanics(func(c *udp.Conn, boom boom) {
		c.OnReadBatch = func(c *udp.Conn, _ []udp.Message) { boom(c) }
	}),
	"udp OnWrite": udpPanics(func(c *udp.Conn, boom boom) {
		c.OnWrite = func(c *udp.Conn) { boom(c) }
	}),
	"udp WriteBuffer": udpPanics(func(c *udp.Conn, boom boom) {
		c.WriteBuffer([]byte("boom"), c.LocalAddr(), func(error) { boom(c) })
	}),
	"udp OnError": udpPanics(func(c *udp.Conn, boom boom) {
		c.OnError = func(c *udp.Conn, _ error) { boom(c) }
		c.WriteTo(make([]byte, 1<<16), c.LocalAddr())
	}),
	"udp OnClose": udpPanics(func(c *udp.Conn, boom boom) {
		c.OnClose = func(c *udp.Conn) { boom(c) }
		c.Close()
	}),
}

func udpPanics(begin func(*udp.Conn, boom)) func(*testing.T, *loop.Loop, boom) {
	return func(t *testing.T, lp *loop.Loop, boom boom) {
		c, err := udp.Listen(lp, "127.0.0.1:0", nil)
		no(t, err)
		_, err = c.WriteTo([]byte("boom"), c.LocalAddr())
		no(t, err)
		begin(c, boom)
	}
}

// deadly are callbacks that panic where nobody handles that.
var deadly = map[string]func(t *testing.T, lp *loop.Loop, boom boom){
	"post":   panics["post"],
	"timer":  panics["timer"],
	"close":  panics["hook OnClose"],
	"OnRead": socketPanics["tcp OnRead"],
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
