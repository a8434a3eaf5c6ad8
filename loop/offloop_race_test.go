//go:build race || pikedebug

package loop_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/udp"
)

func TestOffLoopCallsAreFoundOut(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	objects := openAll(t, lp)
	calls := map[string]func(){}
	for name, call := range functions(lp) {
		calls[name] = func() { call() }
	}
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
