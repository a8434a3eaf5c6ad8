package loop_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/signal"
	"example.com/pike/stream"
	"example.com/pike/tcp"
	"example.com/pike/timer"
	"example.com/pike/udp"
)

// openAll makes one object of each kind that lives on a loop.
func openAll(t *testing.T, lp *loop.Loop) []any {
	hook, err := lp.NewIdle(func() {})
	no(t, err)
	async, err := lp.NewAsync(func() {})
	no(t, err)
	job, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) { return 0, nil }, func(int, error) {})
	no(t, err)
	tm, err := timer.After(lp, time.Hour, func() {})
	no(t, err)
	ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	no(t, err)
	conn, err := tcp.Dial(lp, ln.LocalAddr().String(), nil, func(*tcp.Conn, error) {})
	no(t, err)
	packets, err := udp.Listen(lp, "127.0.0.1:0", nil)
	no(t, err)
	sig, err := signal.Notify(lp, func(os.Signal) {}, os.Interrupt)
	no(t, err)
	return append(watches(t, lp), lp, hook, async, job, tm, ln, conn, packets, sig)
}

// A style is a way of choosing arguments.
type style string

const (
	nothing   style = "with nothing" // the zero of each
	something style = "with something"
	extremes  style = "with extremes"
)

var styles = []style{nothing, something, extremes}

// argument is a value of a type, in a style.
func (s style) argument(of reflect.Type) reflect.Value {
	zero := reflect.Zero(of)
	if s == nothing {
		return zero
	}
	switch of {
	case reflect.TypeFor[context.Context]():
		return reflect.ValueOf(context.Background())
	case reflect.TypeFor[netip.AddrPort]():
		return reflect.ValueOf(netip.MustParseAddrPort("127.0.0.1:9"))
	case reflect.TypeFor[netip.Addr]():
		return reflect.ValueOf(netip.MustParseAddr("224.0.0.251"))
	case reflect.TypeFor[[]byte]():
		return reflect.ValueOf([]byte(strings.Repeat("x", s.size())))
	case reflect.TypeFor[[][]byte]():
		p := []byte(strings.Repeat("x", s.size()))
		return reflect.ValueOf([][]byte{p, nil, p, {}, p[:1]}) // the same memory again and again
	case reflect.TypeFor[[]os.Signal]():
		return reflect.ValueOf([]os.Signal{os.Interrupt})
	}
	switch of.Kind() {
	case reflect.Func:
		return reflect.MakeFunc(of, func([]reflect.Value) []reflect.Value {
			var out []reflect.Value
			for i := range of.NumOut() {
				out = append(out, reflect.Zero(of.Out(i)))
			}
			return out
		})
	case reflect.String:
		return reflect.ValueOf(strings.Repeat("x", s.size()))
	case reflect.Bool:
		return reflect.ValueOf(true)
	case reflect.Int, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Float64:
		v := reflect.New(of).Elem()
		v.Set(reflect.ValueOf(s.number(of.Kind())).Convert(of))
		return v
	}
	return zero
}

func (s style) size() int {
	if s == extremes {
		return 1 << 20
	}
	return 3
}

func (s style) number(k reflect.Kind) any {
	switch {
	case s == something && k == reflect.Int64: // a duration
		return int64(time.Second)
	case s == something:
		return 1
	case k == reflect.Float64:
		return math.Inf(1)
	case k == reflect.Uint8 || k == reflect.Uint16:
		return 255
	}
	return int64(math.MaxInt64)
}

// A method is one of an object, under the name it has in messages.
type method struct {
	name string
	call func(s style) []reflect.Value
}

// exported are the methods of o. Those of an embedded Base go by its name.
func exported(o any) (ms []method) {
	v := reflect.ValueOf(o)
	base := reflect.TypeFor[*loop.Base]()
	for i := range v.NumMethod() {
		of, m := v.Type().Elem(), v.Type().Method(i)
		if _, inherited := base.MethodByName(m.Name); inherited {
			of = base.Elem()
		}
		call := v.Method(i).Call
		if m.Type.IsVariadic() {
			call = v.Method(i).CallSlice
		}
		ms = append(ms, method{of.String() + "." + m.Name, func(s style) []reflect.Value {
			args := make([]reflect.Value, m.Type.NumIn()-1)
			for a := range args {
				args[a] = s.argument(m.Type.In(a + 1))
			}
			out := call(args)
			for _, v := range out { // NetConn gives out a descriptor
				if nc, ok := v.Interface().(net.Conn); ok && nc != nil {
					nc.Close()
				}
			}
			return out
		}})
	}
	return ms
}

// errorOf is the error that a method returned, and whether it returns any.
func errorOf(out []reflect.Value) (err error, has bool) {
	if len(out) == 0 || !out[len(out)-1].Type().Implements(reflect.TypeFor[error]()) {
		return nil, false
	}
	err, _ = out[len(out)-1].Interface().(error)
	return err, true
}

// Whatever is asked of what is closed, or of a loop that is, the answer is
// net.ErrClosed where there can be an error, or os.ErrInvalid where the arguments
// cannot be either; and nothing happens.
func TestMethodsOfTheClosed(t *testing.T) {
	ends := map[string]func(lp *loop.Loop, o any){
		"it closes": func(lp *loop.Loop, o any) { closeIt(o) },
		"it is closed": func(lp *loop.Loop, o any) {
			closeIt(o)
			for range 10 {
				lp.RunNoWait()
			}
		},
		"the loop is closed": func(lp *loop.Loop, _ any) { lp.Close() },
	}
	for when, end := range ends {
		for _, s := range styles {
			t.Run(string(s)+" when "+when, func(t *testing.T) {
				lp := newLoop(t, loop.Options{})
				for _, o := range openAll(t, lp) {
					if _, isLoop := o.(*loop.Loop); isLoop != (when == "the loop is closed") && isLoop {
						continue
					}
					end(lp, o)
					for _, m := range exported(o) {
						answersClosed(t, m, s)
					}
				}
			})
		}
	}
}

// closeIt closes a handle, and waits for nobody.
func closeIt(o any) {
	switch o := o.(type) {
	case interface{ CloseNow() error }:
		o.CloseNow()
	case interface{ Abort() error }:
		o.Abort()
	case loop.Handle:
		o.Close()
	case *loop.Job:
		o.Cancel()
	}
}

func answersClosed(t *testing.T, m method, s style) {
	t.Helper()
	defer func() {
		if v := recover(); v != nil {
			t.Errorf("%s panicked: %v", m.name, v)
		}
	}()
	out := m.call(s)
	err, has := errorOf(out)
	switch {
	case !has:
		readsAsEmpty(t, m.name, out)
	case errors.Is(err, net.ErrClosed):
	case s != something && errors.Is(err, os.ErrInvalid):
	default:
		t.Errorf("%s: %v, want net.ErrClosed", m.name, err)
	}
}

// refusals are the methods that callbacks must not call, and are told so.
var refusals = map[string]error{
	"loop.Loop.Run": loop.ErrRunning, "loop.Loop.RunContext": loop.ErrRunning, "loop.Loop.RunOnce": loop.ErrRunning,
	"loop.Loop.RunNoWait": loop.ErrRunning, "loop.Loop.Close": loop.ErrRunning,
}

// Every method can be called inside every callback, of its own handle and of the
// loop: none panics, the loop goes on, and then ends.
func TestMethodsInsideCallbacks(t *testing.T) {
	eachCallback(func(name string, o loop.Options, begin func(*testing.T, *loop.Loop, boom)) {
		t.Run(name, func(t *testing.T) {
			for i := 0; ; i++ {
				if i > 0 && o.Poller != nil { // a simulated one is good for one loop
					o = again(name)
				}
				if !methodInside(t, o, begin, i) {
					return
				}
			}
		})
	})
}

// again is fresh options of a callback.
func again(name string) (o loop.Options) {
	eachCallback(func(n string, options loop.Options, _ func(*testing.T, *loop.Loop, boom)) {
		if n == name {
			o = options
		}
	})
	return o
}

// methodInside calls the method of that number, and reports whether there is one.
func methodInside(t *testing.T, o loop.Options, begin func(*testing.T, *loop.Loop, boom), number int) bool {
	lp := newLoop(t, o)
	asked, exists := false, true
	begin(t, lp, func(h loop.Handle) {
		if asked {
			return
		}
		asked = true
		ms := exported(lp)
		if h != nil {
			ms = append(ms, exported(h)...)
		}
		if exists = number < len(ms)*len(styles); exists {
			callInside(t, ms[number/len(styles)], styles[number%len(styles)])
		}
		lp.Post(lp.Stop)
	})
	done := bound(t, lp)
	no(t, lp.Run())
	done()
	if !asked {
		t.Fatal("the callback was not made")
	}
	no(t, lp.Close())
	return exists
}

func callInside(t *testing.T, m method, s style) {
	t.Helper()
	defer func() {
		if v := recover(); v != nil {
			t.Errorf("%s %s panicked: %v", m.name, s, v)
		}
	}()
	err, _ := errorOf(m.call(s))
	want, refused := refusals[m.name]
	if m.name == "loop.Loop.RunContext" && s == nothing {
		want = os.ErrInvalid
	}
	if refused && !errors.Is(err, want) {
		t.Errorf("%s %s: %v, want %v", m.name, s, err, want)
	}
}

// Before Run, and between turns, everything may be called, twice too; what is left
// of the objects then still ends.
func TestMethodsBeforeRun(t *testing.T) {
	for _, s := range styles {
		t.Run(string(s), func(t *testing.T) {
			first := newLoop(t, loop.Options{})
			for o := range openAll(t, first) {
				for m := 0; ; m++ {
					lp := newLoop(t, loop.Options{})
					ms := exported(openAll(t, lp)[o])
					if m == len(ms) {
						no(t, lp.Close())
						break
					}
					before(t, lp, ms[m], s)
				}
			}
		})
	}
}

func before(t *testing.T, lp *loop.Loop, m method, s style) {
	t.Helper()
	if strings.HasPrefix(m.name, "loop.Loop.Run") {
		no(t, lp.Close())
		return
	}
	defer func() {
		if v := recover(); v != nil {
			t.Errorf("%s panicked: %v", m.name, v)
		}
	}()
	m.call(s)
	m.call(s)
	for range 3 {
		lp.RunNoWait()
	}
	if err := lp.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Errorf("%s: then closing the loop is %v", m.name, err)
	}
}

// What makes objects answers os.ErrInvalid for nothing at all, net.ErrClosed on a
// loop that is closed.
func TestMakersMisused(t *testing.T) {
	type maker = func(lp *loop.Loop) error
	open := map[string]maker{
		"tcp.Listen": func(lp *loop.Loop) error { _, err := tcp.Listen(lp, "127.0.0.1:0", nil); return err },
		"tcp.Dial": func(lp *loop.Loop) error {
			_, err := tcp.Dial(lp, "127.0.0.1:1", nil, func(*tcp.Conn, error) {})
			return err
		},
		"udp.Listen":  func(lp *loop.Loop) error { _, err := udp.Listen(lp, "127.0.0.1:0", nil); return err },
		"udp.Dial":    func(lp *loop.Loop) error { _, err := udp.Dial(lp, "127.0.0.1:9", nil); return err },
		"timer.After": func(lp *loop.Loop) error { _, err := timer.After(lp, 0, func() {}); return err },
		"timer.Every": func(lp *loop.Loop) error { _, err := timer.Every(lp, 1, func() {}); return err },
		"signal.Notify": func(lp *loop.Loop) error {
			_, err := signal.Notify(lp, func(os.Signal) {}, os.Interrupt)
			return err
		},
		"signal.Once": func(lp *loop.Loop) error {
			_, err := signal.Once(lp, func(os.Signal) {}, os.Interrupt)
			return err
		},
		"loop.Work": func(lp *loop.Loop) error {
			_, err := loop.Work(context.Background(), lp, func(context.Context) (int, error) { return 0, nil }, func(int, error) {})
			return err
		},
	}
	noArguments := map[string]maker{
		"tcp.Dial":         func(lp *loop.Loop) error { _, err := tcp.Dial(lp, "127.0.0.1:1", nil, nil); return err },
		"tcp.DialContext":  func(lp *loop.Loop) error { return dialWithoutContext(lp) },
		"stream.AdoptConn": func(lp *loop.Loop) error { _, err := stream.AdoptConn(lp, nil); return err },
		"stream.AdoptConn, nil inside": func(lp *loop.Loop) error {
			_, err := stream.AdoptConn(lp, (*net.TCPConn)(nil))
			return err
		},
		"stream.AdoptListener": func(lp *loop.Loop) error { _, err := stream.AdoptListener(lp, nil); return err },
		"udp.AdoptConn":        func(lp *loop.Loop) error { _, err := udp.AdoptConn(lp, nil); return err },
		"timer.New":            func(lp *loop.Loop) error { _, err := timer.New(lp, nil); return err },
		"timer.After":          func(lp *loop.Loop) error { _, err := timer.After(lp, 0, nil); return err },
		"timer.Every":          func(lp *loop.Loop) error { _, err := timer.Every(lp, 1, nil); return err },
		"timer.Every, no time": func(lp *loop.Loop) error { _, err := timer.Every(lp, 0, func() {}); return err },
		"signal.Notify":        func(lp *loop.Loop) error { _, err := signal.Notify(lp, nil); return err },
		"signal.Once":          func(lp *loop.Loop) error { _, err := signal.Once(lp, nil); return err },
		"signal, nil":          func(lp *loop.Loop) error { _, err := signal.Notify(lp, func(os.Signal) {}, nil); return err },
		"loop.RunOn":           func(*loop.Loop) error { return loop.RunOn(nil, nil) },
		"loop.Work":            func(lp *loop.Loop) error { _, err := loop.Work[int](context.Background(), lp, nil, nil); return err },
	}
	for name, make := range open {
		lp := newLoop(t, loop.Options{})
		no(t, lp.Close())
		if err := made(make, lp); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s on a closed loop: %v", name, err)
		}
		if err := made(make, nil); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%s on no loop: %v", name, err)
		}
	}
	for name, make := range noArguments {
		lp := newLoop(t, loop.Options{})
		if err := made(make, lp); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%s with nothing: %v", name, err)
		}
		equal(t, name+": alive", lp.Alive(), false)
	}
}

func dialWithoutContext(lp *loop.Loop) error {
	var none context.Context
	_, err := tcp.DialContext(none, lp, "127.0.0.1:1", nil, func(*tcp.Conn, error) {})
	return err
}

// made is the error of make, or what it panicked with.
func made(make func(*loop.Loop) error, lp *loop.Loop) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panicked: %v", v)
		}
	}()
	return make(lp)
}
