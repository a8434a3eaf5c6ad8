package loop_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/signal"
	"example.com/pike/stream"
	"example.com/pike/stream/layer"
	"example.com/pike/tcp"
	"example.com/pike/timer"
	"example.com/pike/udp"
)

// A boom is what a case calls inside the callback it is about: with the handle
// that the callback belongs to, or nil.
type boom func(h loop.Handle)

// callbacks are those of a loop, by who has them or takes them; those of sockets, of
// descriptors, and those that only a simulator brings about, are below.
var callbacks = map[string]func(t *testing.T, lp *loop.Loop, boom boom){
	"loop.Loop.Post": func(t *testing.T, lp *loop.Loop, boom boom) {
		no(t, lp.Post(func() { boom(nil) }))
	},
	"loop.Loop.NewIdle":    inHook((*loop.Loop).NewIdle),
	"loop.Loop.NewPrepare": inHook((*loop.Loop).NewPrepare),
	"loop.Loop.NewCheck":   inHook((*loop.Loop).NewCheck),
	"loop.Hook.OnClose": func(t *testing.T, lp *loop.Loop, boom boom) {
		h, err := lp.NewIdle(func() {})
		no(t, err)
		h.OnClose = func() { boom(h) }
		no(t, h.Close())
	},
	"loop.Loop.NewAsync": func(t *testing.T, lp *loop.Loop, boom boom) {
		var a *loop.Async
		a, err := lp.NewAsync(func() { boom(a) })
		no(t, err)
		no(t, a.Send())
	},
	"loop.Async.OnClose": func(t *testing.T, lp *loop.Loop, boom boom) {
		a, err := lp.NewAsync(func() {})
		no(t, err)
		a.OnClose = func() { boom(a) }
		no(t, a.Close())
	},
	"loop.Work": func(t *testing.T, lp *loop.Loop, boom boom) {
		_, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) { return 0, nil },
			func(int, error) { boom(nil) })
		no(t, err)
	},
	"loop.ReadFile": func(t *testing.T, lp *loop.Loop, boom boom) {
		no(t, loop.ReadFile(lp, fileOf(t, []byte("boom")), make([]byte, 4), 0, func(int, error) { boom(nil) }))
	},
	"loop.Loop.Shutdown": func(t *testing.T, lp *loop.Loop, boom boom) {
		no(t, lp.Shutdown(t.Context(), 0, func(loop.ShutdownReport) { boom(nil) }))
	},
	"timer.New": func(t *testing.T, lp *loop.Loop, boom boom) {
		var tm *timer.Timer
		tm, err := timer.New(lp, func() { boom(tm) })
		no(t, err)
		no(t, tm.Start(0, 0))
	},
	"timer.After": func(t *testing.T, lp *loop.Loop, boom boom) {
		var tm *timer.Timer
		tm, err := timer.After(lp, 0, func() { boom(tm) })
		no(t, err)
	},
	"timer.Every": func(t *testing.T, lp *loop.Loop, boom boom) {
		var tm *timer.Timer
		tm, err := timer.Every(lp, time.Millisecond, func() { boom(tm) })
		no(t, err)
	},
	"timer.Timer.OnClose": func(t *testing.T, lp *loop.Loop, boom boom) {
		tm, err := timer.New(lp, func() {})
		no(t, err)
		tm.OnClose = func() { boom(tm) }
		no(t, tm.Close())
	},
}

func inHook(make func(*loop.Loop, func()) (*loop.Hook, error)) func(*testing.T, *loop.Loop, boom) {
	return func(t *testing.T, lp *loop.Loop, boom boom) {
		var h *loop.Hook
		h, err := make(lp, func() { boom(h) })
		no(t, err)
		no(t, h.Start())
		no(t, lp.Post(func() {})) // so that the poll does not wait
	}
}

// pair begins a connection on lp: accepted and dialed are called with its ends.
func pair(t *testing.T, lp *loop.Loop, accepted, dialed func(*tcp.Conn)) *tcp.Listener {
	t.Helper()
	ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	no(t, err)
	ln.OnAccept = accepted
	_, err = tcp.Dial(lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		if errors.Is(err, net.ErrClosed) {
			return // the other end was accepted first, and what was called there has closed the loop's handles
		}
		no(t, err)
		dialed(c)
	})
	no(t, err)
	return ln
}

func ignore(*tcp.Conn) {}

// socketCallbacks are those of tcp and udp.
var socketCallbacks = map[string]func(t *testing.T, lp *loop.Loop, boom boom){
	"stream.Conn.MoveTo": func(t *testing.T, lp *loop.Loop, boom boom) {
		pair(t, lp, ignore, func(c *tcp.Conn) {
			no(t, c.MoveTo(lp, func(c *tcp.Conn, err error) { boom(c) }))
		})
	},
	"stream.Conn.StartLayer": func(t *testing.T, lp *loop.Loop, boom boom) {
		pair(t, lp, ignore, func(c *tcp.Conn) {
			no(t, c.StartLayer(layer.Identity{}, func(c *tcp.Conn, err error) { boom(c) }))
		})
	},
	"stream.Listener.OnAccept": func(t *testing.T, lp *loop.Loop, boom boom) {
		pair(t, lp, func(c *tcp.Conn) { boom(c) }, ignore)
	},
	"tcp.Dial": func(t *testing.T, lp *loop.Loop, boom boom) {
		pair(t, lp, ignore, func(c *tcp.Conn) { boom(c) })
	},
	"tcp.DialContext": func(t *testing.T, lp *loop.Loop, boom boom) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := tcp.DialContext(ctx, lp, "127.0.0.1:1", nil, func(c *tcp.Conn, err error) { boom(c) })
		no(t, err)
	},
	"stream.Options.Control": func(t *testing.T, lp *loop.Loop, boom boom) { // Dial's; Listen's is called from inside
		var c *tcp.Conn
		o := &tcp.Options{Control: func(string, string, syscall.RawConn) error {
			boom(c)
			return nil
		}}
		var err error
		c, err = tcp.Dial(lp, "127.0.0.1:1", o, func(*tcp.Conn, error) {})
		no(t, err)
	},
	"stream.Conn.OnRead": func(t *testing.T, lp *loop.Loop, boom boom) {
		pair(t, lp, func(c *tcp.Conn) { c.OnRead = func(c *tcp.Conn, _ []byte) { boom(c) } },
			func(c *tcp.Conn) { c.WriteString("boom") })
	},
	"stream.Conn.OnEOF": func(t *testing.T, lp *loop.Loop, boom boom) {
		pair(t, lp, func(c *tcp.Conn) { c.OnEOF = func(c *tcp.Conn) { boom(c) } },
			func(c *tcp.Conn) { no(t, c.CloseWrite()) })
	},
	"stream.Conn.OnWrite": func(t *testing.T, lp *loop.Loop, boom boom) {
		pair(t, lp, ignore, func(c *tcp.Conn) {
			c.OnWrite = func(c *tcp.Conn) { boom(c) }
			c.WriteString("boom")
		})
	},
	"stream.Conn.WriteBuffers": func(t *testing.T, lp *loop.Loop, boom boom) {
		pair(t, lp, ignore, func(c *tcp.Conn) {
			no(t, c.WriteBuffers([][]byte{{1}}, func(error) { boom(c) }))
		})
	},
	"stream.Conn.SendFile": func(t *testing.T, lp *loop.Loop, boom boom) {
		f := fileOf(t, []byte("boom"))
		pair(t, lp, ignore, func(c *tcp.Conn) {
			no(t, c.SendFile(f, 0, -1, func(error) { boom(c) }))
		})
	},
	"stream.Conn.Post": func(t *testing.T, lp *loop.Loop, boom boom) {
		pair(t, lp, ignore, func(c *tcp.Conn) { no(t, c.Post(func(c *tcp.Conn) { boom(c) })) })
	},
	"stream.Conn.OnClose": func(t *testing.T, lp *loop.Loop, boom boom) {
		pair(t, lp, ignore, func(c *tcp.Conn) {
			c.OnClose = func(c *tcp.Conn, _ error) { boom(c) }
			no(t, c.Close())
		})
	},
	"stream.Watermarks.OnHigh": inQueue(func(c *tcp.Conn, boom boom) error {
		return c.SetWatermarks(&stream.Watermarks{High: 2, Low: 1, OnHigh: func(c *tcp.Conn) { boom(c) }})
	}),
	"stream.Watermarks.OnLow": inQueue(func(c *tcp.Conn, boom boom) error {
		return c.SetWatermarks(&stream.Watermarks{High: 2, Low: 1, OnLow: func(c *tcp.Conn) { boom(c) }})
	}),
	"stream.QueueLimit.OnExceeded": inQueue(func(c *tcp.Conn, boom boom) error {
		return c.SetQueueLimit(&stream.QueueLimit{Bytes: 1, Policy: stream.Notify, OnExceeded: func(c *tcp.Conn) { boom(c) }})
	}),
	"stream.Join": func(t *testing.T, lp *loop.Loop, boom boom) {
		var a *tcp.Conn
		pair(t, lp, func(c *tcp.Conn) { a = c }, func(b *tcp.Conn) {
			var join func()
			join = func() { // when both ends are known; which comes first is the system's affair
				if a == nil {
					no(t, lp.Post(join))
					return
				}
				no(t, stream.Join(a, b, func(stream.Joined) { boom(b) }))
				no(t, a.Close())
			}
			no(t, lp.Post(join))
		})
	},
	"stream.Listener.OnShutdown": func(t *testing.T, lp *loop.Loop, boom boom) {
		ln := pair(t, lp, func(*tcp.Conn) { no(t, lp.Shutdown(t.Context(), time.Hour, nil)) }, ignore)
		ln.OnShutdown = func(c *tcp.Conn) { boom(c) }
	},
	"stream.Listener.OnClose": func(t *testing.T, lp *loop.Loop, boom boom) {
		ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
		no(t, err)
		ln.OnClose = func() { boom(ln) }
		no(t, ln.Close())
	},
	"udp.Conn.OnRead": inUDP(func(c *udp.Conn, boom boom) {
		c.OnRead = func(c *udp.Conn, _ []byte, _ netip.AddrPort) { boom(c) }
	}),
	"udp.Conn.OnReadBatch": inUDP(func(c *udp.Conn, boom boom) {
		c.OnReadBatch = func(c *udp.Conn, _ []udp.Message) { boom(c) }
	}),
	"udp.Conn.OnWrite": inUDP(func(c *udp.Conn, boom boom) {
		c.OnWrite = func(c *udp.Conn) { boom(c) }
	}),
	"udp.Conn.WriteBuffer": inUDP(func(c *udp.Conn, boom boom) {
		c.WriteBuffer([]byte("boom"), c.LocalAddr(), func(error) { boom(c) })
	}),
	"udp.Conn.WriteBuffers": inUDP(func(c *udp.Conn, boom boom) {
		c.WriteBuffers([]udp.Message{{Data: []byte("boom"), Peer: c.LocalAddr()}}, func(error) { boom(c) })
	}),
	"udp.Conn.OnError": inUDP(func(c *udp.Conn, boom boom) {
		c.OnError = func(c *udp.Conn, _ error) { boom(c) }
		c.WriteTo(make([]byte, 1<<16), c.LocalAddr())
	}),
	"udp.Conn.OnClose": inUDP(func(c *udp.Conn, boom boom) {
		c.OnClose = func(c *udp.Conn) { boom(c) }
		c.Close()
	}),
}

// inQueue has a connection write more than its peer takes for a moment.
func inQueue(begin func(*tcp.Conn, boom) error) func(*testing.T, *loop.Loop, boom) {
	return func(t *testing.T, lp *loop.Loop, boom boom) {
		pair(t, lp, func(c *tcp.Conn) {
			c.OnRead = stream.Discard
			c.PauseRead()
			_, err := timer.After(lp, 2*time.Millisecond, func() { c.ResumeRead() })
			no(t, err)
		}, func(c *tcp.Conn) {
			no(t, begin(c, boom))
			no(t, c.SetWriteBuffer(32<<10))
			_, err := c.Write(make([]byte, 512<<10))
			no(t, err)
		})
	}
}

func inUDP(begin func(*udp.Conn, boom)) func(*testing.T, *loop.Loop, boom) {
	return func(t *testing.T, lp *loop.Loop, boom boom) {
		c, err := udp.Listen(lp, "127.0.0.1:0", nil)
		no(t, err)
		_, err = c.WriteTo([]byte("boom"), c.LocalAddr())
		no(t, err)
		begin(c, boom)
	}
}

// simCallbacks are those that only a simulator brings about at will, on every
// system.
var simCallbacks = map[string]func(t *testing.T, lp *loop.Loop, boom boom){
	"stream.Listener.OnError": func(t *testing.T, lp *loop.Loop, boom boom) {
		ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
		no(t, err)
		ln.OnAccept = ignore
		ln.OnError = func(error) { boom(ln) }
		_, err = tcp.Dial(lp, ln.LocalAddr().String(), nil, func(*tcp.Conn, error) {})
		no(t, err)
	},
	"signal.Notify": func(t *testing.T, lp *loop.Loop, boom boom) {
		var w *signal.Watcher
		w, err := signal.Notify(lp, func(os.Signal) { boom(w) }, os.Interrupt)
		no(t, err)
		lp.Maker().Poller().(*sim.Host).Signal(os.Interrupt)
	},
	"signal.Once": func(t *testing.T, lp *loop.Loop, boom boom) {
		var w *signal.Watcher
		w, err := signal.Once(lp, func(os.Signal) { boom(w) }, os.Interrupt)
		no(t, err)
		lp.Maker().Poller().(*sim.Host).Signal(os.Interrupt)
	},
	"signal.Watcher.OnClose": func(t *testing.T, lp *loop.Loop, boom boom) {
		w, err := signal.Notify(lp, func(os.Signal) {}, os.Interrupt)
		no(t, err)
		w.OnClose = func() { boom(w) }
		no(t, w.Close())
	},
}

// eachCallback calls fn with each callback there is: how to have it made, and the
// options of the loop for that.
func eachCallback(fn func(name string, o loop.Options, begin func(*testing.T, *loop.Loop, boom))) {
	for _, cases := range []map[string]func(*testing.T, *loop.Loop, boom){callbacks, socketCallbacks, watchCallbacks, childCallbacks} {
		for name, begin := range cases {
			fn(name, loop.Options{}, begin)
		}
	}
	for name, begin := range simCallbacks {
		w := sim.New(1, sim.Config{Faults: sim.Faults{sim.TooManyOpen: 1_000_000}}) // of a million: always
		fn(name, loop.Options{Poller: w.Host("host")}, begin)
	}
}

// Every field of a handle that is a function has its case above, and so has every
// function that takes one.
func TestEveryCallbackHasACase(t *testing.T) {
	needSource(t)
	have := map[string]bool{}
	eachCallback(func(name string, _ loop.Options, _ func(*testing.T, *loop.Loop, boom)) { have[name] = true })
	var want []string
	for _, pkg := range []string{"loop", "stream", "tcp", "pipe", "udp", "timer", "signal"} {
		want = append(want, callbacksOf(t, pkg)...)
	}
	if len(want) < 30 {
		t.Errorf("only %d were found: %q", len(want), want)
	}
	for _, name := range want {
		if !have[name] && notCallbacks[name] == "" {
			t.Errorf("%s has no case", name)
		}
	}
}

// notCallbacks are functions that are called from inside the call, or off the
// loop.
var notCallbacks = map[string]string{
	"loop.Loop.Walk":                  "called from inside",
	"loop.Maker.Local":                "called from inside",
	"loop.Maker.Call":                 "called from inside",
	"loop.Maker.Post":                 "what stream.Conn.Post calls",
	"stream.Dial":                     "what tcp.Dial calls",
	"pipe.Dial":                       "calls what tcp.Dial calls",
	"stream.Open":                     "called from inside",
	"stream.Target.Find":              "called off the loop",
	"loop.RunOn":                      "called from inside, before the loop runs",
	"loop.Group.Run":                  "called from inside, before the loops run",
	"loop.Group.Each":                 "what Loop.Post calls",
	"loop.Group.Shutdown":             "called by Run, when no loop is left",
	"signal.NotifyGroup":              "calls what signal.Notify calls",
	"stream.Broadcast":                "called on each loop by a posted function; TestBroadcast is about it",
	"stream.GroupListener.OnAccept":   "what stream.Listener.OnAccept is on each loop",
	"stream.GroupListener.OnError":    "what stream.Listener.OnError is on each loop",
	"stream.GroupListener.OnShutdown": "what stream.Listener.OnShutdown is on each loop",
	"stream.GroupListener.OnClose":    "called by stream.Listener.OnClose of the last loop",
	"loop.Options.OnPanic":            "TestOnPanic is about it",
	"loop.Options.OnSlow":             "called off the loop",
	"loop.Options.OnKind":             "called from inside, before a callback",
	"udp.Options.Control":             "called from inside",
}

// callbacksOf reads the source of a package, of whatever system, for exported
// fields that are functions and exported functions that take some.
func callbacksOf(t *testing.T, pkg string) (names []string) {
	files, err := filepath.Glob(filepath.Join("..", pkg, "*.go"))
	no(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		no(t, err)
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if ts, ok := spec.(*ast.TypeSpec); ok && ts.Name.IsExported() {
						names = append(names, fieldCallbacks(pkg+"."+ts.Name.Name, ts.Type)...)
					}
				}
			case *ast.FuncDecl:
				if of, ok := receiverOf(d); ok && d.Name.IsExported() && takesFunction(d.Type.Params) {
					names = append(names, pkg+"."+of+d.Name.Name)
				}
			}
		}
	}
	return names
}

func fieldCallbacks(of string, e ast.Expr) (names []string) {
	st, ok := e.(*ast.StructType)
	if !ok {
		return nil
	}
	for _, field := range st.Fields.List {
		if _, ok := field.Type.(*ast.FuncType); !ok {
			continue
		}
		for _, name := range field.Names {
			if name.IsExported() {
				names = append(names, of+"."+name.Name)
			}
		}
	}
	return names
}

func takesFunction(params *ast.FieldList) bool {
	return slices.ContainsFunc(params.List, func(f *ast.Field) bool {
		_, ok := f.Type.(*ast.FuncType)
		return ok
	})
}

// receiverOf is the type that a method belongs to and a dot, or nothing for a
// function; not ok where users cannot name the type.
func receiverOf(d *ast.FuncDecl) (dotted string, ok bool) {
	if d.Recv == nil {
		return "", true
	}
	e := d.Recv.List[0].Type
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	name, ok := e.(*ast.Ident)
	if !ok || !name.IsExported() {
		return "", false
	}
	return name.Name + ".", true
}
