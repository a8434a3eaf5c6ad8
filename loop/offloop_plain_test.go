//go:build !race && !pikedebug

package loop_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// While the loop waits every method that can answer says that it was called off the
// loop, by name; what cannot answer reads as empty; and none of them does anything.
func TestOffLoopCallsWhileTheLoopWaits(t *testing.T) {
	for _, s := range styles {
		t.Run(string(s), func(t *testing.T) {
			lp := newLoop(t, loop.Options{})
			objects := openAll(t, lp)
			for range 100 { // until the job has ended and the connection is made
				_, err := lp.RunNoWait()
				no(t, err)
				time.Sleep(time.Millisecond)
			}
			before := states(objects)
			ended := make(chan error)
			go func() { ended <- lp.Run() }()
			for start := time.Now(); lp.Maker().Check("") == nil; time.Sleep(time.Millisecond) {
				if time.Since(start) > patience {
					t.Fatal("the loop does not wait")
				}
			}
			tried := 0
			for _, o := range objects {
				for _, m := range exported(o) {
					if anywhere[m.name] {
						continue
					}
					tried++
					refusedOffLoop(t, m.name, m.call(s))
				}
			}
			for name, call := range functions(lp) {
				err := call()
				refusedOffLoop(t, name, []reflect.Value{reflect.ValueOf(&err).Elem()})
			}
			lp.Stop()
			no(t, <-ended)
			equal(t, "the states of all objects", states(objects), before)
			if tried < 100 {
				t.Errorf("only %d methods were tried", tried)
			}
		})
	}
}

// states is what can be seen of handles from anywhere.
func states(objects []any) (all string) {
	for _, o := range objects {
		if h, ok := o.(loop.Handle); ok {
			all += fmt.Sprintf("%T active %v closing %v ref %v\n", h, h.Active(), h.Closing(), h.HasRef())
		}
	}
	return all
}

func refusedOffLoop(t *testing.T, name string, out []reflect.Value) {
	t.Helper()
	err, has := errorOf(out)
	if other, ok := named[name]; ok {
		name = other
	}
	if has && (!errors.Is(err, loop.ErrOffLoop) || !strings.HasPrefix(err.Error(), name+": ")) {
		t.Errorf("%s: %v, want its name and loop.ErrOffLoop", name, err)
	}
	for _, v := range out {
		if !has && !v.IsZero() {
			t.Errorf("%s: %v, want nothing", name, v)
		}
	}
}

// The mistake of whoever comes from package net: what was written from elsewhere while the
// loop waits was taken, and not sent.
func TestWriteOffLoopIsNoSilence(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	conns := make(chan *tcp.Conn, 1)
	ln := pair(t, lp, func(c *tcp.Conn) { conns <- c }, ignore)
	ended := make(chan error)
	go func() { ended <- lp.Run() }()
	c := <-conns
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		// A nil buffer is nothing to write, so that the trials before it waits are nothing.
		n, err := c.Write(nil)
		if errors.Is(err, loop.ErrOffLoop) {
			equal(t, "bytes taken", n, 0)
			break
		}
		if time.Since(start) > patience {
			t.Fatalf("Write: %d, %v, want loop.ErrOffLoop", n, err)
		}
	}
	no(t, lp.Post(func() {
		equal(t, "bytes queued", c.Buffered(), 0)
		_, err := c.WriteString("from the loop")
		no(t, err)
		no(t, ln.Close())
		lp.Stop()
	}))
	no(t, <-ended)
}

// A simulated host waits as a real one does while the rest of its world runs: its jobs, and
// the programs of other hosts. What it is called back from is its own.
func TestOffLoopCallsInTheSimulator(t *testing.T) {
	sim.Test(t, sim.Config{}, func(w *sim.World) error {
		inJob, inTimer := error(nil), errors.New("not called")
		w.Go(w.Host("host"), func(h *sim.Host) error {
			return loop.RunOn(h, func(lp *loop.Loop) error {
				tm, err := timer.After(lp, time.Second, func() {
					_, inTimer = timer.After(lp, 0, func() {})
				})
				if err != nil {
					return err
				}
				_, err = loop.Work(context.Background(), lp, func(context.Context) (int, error) {
					return 0, tm.Reset(time.Hour)
				}, func(_ int, err error) { inJob = err })
				return err
			})
		})
		if err := w.Run(); err != nil {
			return err
		}
		if !errors.Is(inJob, loop.ErrOffLoop) || inTimer != nil {
			return fmt.Errorf("in a job: %v, want loop.ErrOffLoop; in a callback: %v", inJob, inTimer)
		}
		return nil
	})
}
