//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package system_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/system"
)

// TestInterruptedWait interrupts a wait with signals: it goes on until its
// deadline.
func TestInterruptedWait(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		stop := make(chan struct{})
		done := make(chan struct{})
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		interrupt := interrupter() // of this thread
		go func() {
			defer close(done)
			for {
				select {
				case <-stop:
					return
				default:
					interrupt()
					time.Sleep(100 * time.Microsecond)
				}
			}
		}()
		if n := pause(t, p, 30*time.Millisecond); n > 1 {
			t.Errorf("signals ended %d Polls early", n-1)
		}
		close(stop)
		<-done
	})
}

// TestDescriptorAndPending waits as a loop does that is embedded in another: the
// queue's descriptor is readable, or Pending says that the next Poll has something
// to tell that was put off.
func TestDescriptorAndPending(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		run := func(what string, done func() bool) {
			t.Helper()
			for !done() {
				fds := []unix.PollFd{{Fd: int32(p.(poller.Descriptor).Fd()), Events: unix.POLLIN}}
				if !p.(poller.Pender).Pending() {
					if n, _ := unix.Poll(fds, 5000); n == 0 {
						t.Fatalf("waiting until %s: nothing tells that there is something to do", what)
					}
				}
				if err := p.Poll(0); err != nil {
					t.Fatal("Poll: ", err)
				}
			}
		}
		closed := false
		l := listen(t, p, local)
		l.closed = func() { closed = true }
		l.Close()
		run("a listener is closed", func() bool { return closed })

		var sent error
		s := bind(t, p, local, nil)
		s.sent = func(_ int, err error) { sent = err }
		s.Send([]poller.Message{{Data: make([]byte, 100_000), Peer: nobody.AddrPort}})
		run("an error is told", func() bool { return sent != nil })

		// What the last upcalls of a Poll put off.
		n := 0
		var next func()
		next = func() {
			if n++; n < 10 {
				l := listen(t, p, local)
				l.closed = next
				l.Close()
			}
		}
		next()
		run("a chain has ended", func() bool { return n == 10 })
		if p.(poller.Pender).Pending() {
			t.Error("something is pending, and nothing was put off")
		}
	})
}

// TestMeasureWaits holds that upcalls do not count as waiting.
func TestMeasureWaits(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		b.Start()
		var waited time.Duration
		p.(poller.Waiter).MeasureWaits(&waited)
		const busy = 20 * time.Millisecond
		b.received = func([]byte, error) { time.Sleep(busy) }
		start := p.Now()
		a.TrySend([]byte("x"))
		pause(t, p, busy)
		pause(t, p, time.Millisecond)
		if total := p.Now().Sub(start); waited <= 0 || waited > total-busy {
			t.Errorf("waited %v of %v, of which at least %v were an upcall", waited, total, busy)
		}
	})
}

// TestEmbedded has one poller watch another's descriptor.
func TestEmbedded(t *testing.T) {
	each(t, func(t *testing.T, inner poller.Poller) {
		outer := opened(t)(system.Open(""))
		defer outer.Close()
		w := new(watch)
		w.ready = func(poller.Events) {
			if err := inner.Poll(0); err != nil {
				t.Error("Poll: ", err)
			}
		}
		var err error
		if w.Watch, err = outer.Watch(inner.(poller.Descriptor).Fd(), poller.Readable, w); err != nil {
			t.Fatal("Watch: ", err)
		}
		a, b := pair(t, inner, local)
		var got bytes.Buffer
		b.received = func(p []byte, _ error) { got.Write(p) }
		b.Start()
		a.Send([][]byte{[]byte("hello")})
		until(t, outer, "it arrives through both", func() bool { return got.String() == "hello" })
		go inner.Wake()
		until(t, outer, "a Wake does", func() bool { return true })
		w.Close()
		closed := false
		w.closed = func() { closed = true }
		until(t, outer, "the watch is closed", func() bool { return closed })
	})
}

// TestSecondSendPanics: it is a bug of the caller, who would lose data.
func TestSecondSendPanics(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		panics := func(what string, f func()) {
			t.Helper()
			defer func() {
				if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "Send before Sent") {
					t.Errorf("%s: recovered %v", what, v)
				}
			}()
			f()
		}
		a, _ := pair(t, p, local)
		big := [][]byte{make([]byte, 64<<20)}
		if a.Send(big) {
			t.Fatal("the system took 64 MiB that nobody reads")
		}
		panics("a stream", func() { a.Send(big) })
		s := bind(t, p, local, nil)
		huge := []poller.Message{{Data: make([]byte, 100_000), Peer: nobody.AddrPort}}
		s.Send(huge)
		panics("a packet socket", func() { s.Send(huge) })
	})
}

// TestErrorsNameTheCall: os.SyscallError is what the packages above wrap.
func TestErrorsNameTheCall(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		l := listen(t, p, local)
		_, err := p.Listen(l.Addr(), nil, new(listener))
		var call *os.SyscallError
		if !errors.As(err, &call) || call.Syscall != "bind" && call.Syscall != "listen" {
			t.Errorf("Listen: %v", err)
		}
		_, err = p.Listen(poller.AddrOf(l.Addr().AddrPort), &poller.Options{V6Only: true}, new(listener))
		if !errors.As(err, &call) || !errors.Is(err, syscall.EINVAL) {
			t.Errorf("Listen with V6Only on IPv4: %v", err)
		}
		s := dial(t, p, nobody)
		s.connected = func(e error) { err = e }
		until(t, p, "the dial has failed", func() bool { return errors.As(err, &call) && call.Syscall == "connect" })
		if !errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, net.ErrClosed) {
			t.Errorf("Connected(%v)", err)
		}
	})
}
