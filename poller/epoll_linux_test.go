//go:build !kqfake

package poller_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

func init() { variants["epoll without epoll_pwait2"] = poller.NewCoarse }

// TestIdleSleeps holds that an idle poller wakes up for nothing: the kernel counts
// how often its thread gave up the processor.
func TestIdleSleeps(t *testing.T) {
	for name, open := range map[string]func() (poller.Poller, error){"epoll": poller.NewEpoll, "coarse": poller.NewCoarse} {
		t.Run(name, func(t *testing.T) {
			p := opened(t)(open())
			defer p.Close()
			a, b := pair(t, p, local)
			a.Start()
			b.Start()
			bind(t, p, local, nil)
			pause(t, p, 10*time.Millisecond)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			events, switches := p.(poller.Meter).Events(), voluntarySwitches(t)
			polls := pause(t, p, 300*time.Millisecond)
			events, switches = p.(poller.Meter).Events()-events, voluntarySwitches(t)-switches
			if polls > 1 || events > 0 || switches > 5 {
				t.Errorf("300 ms of nothing: %d Polls, %d events, the thread slept %d times", polls, events, switches)
			}
		})
	}
}

func voluntarySwitches(t *testing.T) (n int) {
	t.Helper()
	b, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		t.Skip("no /proc: ", err)
	}
	for line := range strings.Lines(string(b)) {
		fmt.Sscanf(line, "voluntary_ctxt_switches: %d", &n)
	}
	return n
}

// TestInterruptedWait interrupts a wait with signals: it goes on until its
// deadline.
func TestInterruptedWait(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		stop := make(chan struct{})
		done := make(chan struct{})
		pid := os.Getpid()
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		tid := unix.Gettid()
		go func() {
			defer close(done)
			for {
				select {
				case <-stop:
					return
				default:
					unix.Tgkill(pid, tid, unix.SIGURG) // which the Go runtime ignores
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
		outer := opened(t)(poller.NewEpoll())
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

// TestResetIsNeverAnEnd has the reset arrive in every order with what else goes on;
// the suite allows for systems that forget it, Linux does not.
func TestResetIsNeverAnEnd(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		for name, before := range map[string]func(a *stream){
			"stopped":           func(*stream) {},
			"after a TrySend":   func(a *stream) { a.TrySend([]byte("x")); a.TrySend([]byte("x")) },
			"after a Send":      func(a *stream) { a.Send([][]byte{[]byte("x")}) },
			"after many Writes": func(a *stream) { a.TrySend([]byte("x")); a.Send([][]byte{make([]byte, 1<<20)}) },
		} {
			a, b := pair(t, p, local)
			var got bytes.Buffer
			var end error
			a.received = func(p []byte, err error) { got.Write(p); end = err }
			b.Send([][]byte{[]byte("last words")})
			pause(t, p, time.Millisecond)
			b.Reset()
			pause(t, p, time.Millisecond)
			before(a)
			pause(t, p, time.Millisecond)
			a.Start()
			until(t, p, name+": receiving ends", func() bool { return end != nil })
			if got.String() != "last words" || !errors.Is(end, syscall.ECONNRESET) {
				t.Errorf("%s: received %q, then %v", name, got.String(), end)
			}
			a.Close()
		}
	})
}

// TestCloseWithUnreadDataIsNoReset closes an end that has not read all: the system
// would answer with a reset, and what was sent before might be lost with it
// (RFC 1122, 4.2.2.13).
func TestCloseWithUnreadDataIsNoReset(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		a.TrySend(make([]byte, 100_000))
		pause(t, p, time.Millisecond)
		b.TrySend([]byte("last words"))
		b.Close()
		pause(t, p, time.Millisecond)
		var got bytes.Buffer
		var end error
		a.received = func(p []byte, err error) { got.Write(p); end = err }
		a.Start()
		until(t, p, "receiving ends", func() bool { return end != nil })
		if got.String() != "last words" || end != io.EOF {
			t.Errorf("received %q, then %v", got.String(), end)
		}
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
