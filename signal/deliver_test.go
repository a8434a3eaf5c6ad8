//go:build unix

package signal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	ossignal "os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/signal"
	"example.com/pike/timer"
)

func raise(t *testing.T, sig syscall.Signal) {
	t.Helper()
	no(t, syscall.Kill(syscall.Getpid(), sig))
}

// A witness sees signals as every user of os/signal does.
type witness chan os.Signal

func newWitness(t *testing.T, sigs ...os.Signal) witness {
	w := make(witness, 64)
	ossignal.Notify(w, sigs...)
	t.Cleanup(func() { ossignal.Stop(w) })
	return w
}

func (w witness) wait(t *testing.T) {
	t.Helper()
	select {
	case <-w:
	case <-time.After(patience):
		t.Fatal("a signal that was raised did not come")
	}
}

// soon calls fn late enough for a signal that was raised to have been delivered.
func soon(t *testing.T, lp *loop.Loop, fn func()) {
	t.Helper()
	_, err := timer.After(lp, 20*time.Millisecond, fn)
	no(t, err)
}

func TestNotify(t *testing.T) {
	lp := newLoop(t)
	got := 0
	var w *signal.Watcher
	w, err := signal.Notify(lp, func(s os.Signal) {
		equal(t, "signal", s, os.Signal(syscall.SIGUSR1))
		if got++; got == 5 {
			no(t, w.Close())
			return
		}
		raise(t, syscall.SIGUSR1)
	}, syscall.SIGUSR1)
	no(t, err)
	raise(t, syscall.SIGUSR1)
	run(t, lp)
	equal(t, "signals", got, 5)
}

func TestNotifySeveralSignals(t *testing.T) {
	lp := newLoop(t)
	sigs := []os.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGHUP}
	var got []os.Signal
	w, err := signal.Notify(lp, func(s os.Signal) {
		if got = append(got, s); len(got) == len(sigs) {
			lp.Stop()
			return
		}
		raise(t, sigs[len(got)].(syscall.Signal))
	}, sigs...)
	no(t, err)
	raise(t, syscall.SIGUSR1)
	run(t, lp)
	equal(t, "signals", fmt.Sprint(got), fmt.Sprint(sigs))
	no(t, w.Close())
}

// The slice that Notify was given is the caller's again.
func TestNotifyCopiesItsArguments(t *testing.T) {
	newWitness(t, syscall.SIGUSR1)
	lp := newLoop(t)
	sigs := []os.Signal{syscall.SIGUSR2}
	got := 0
	var w *signal.Watcher
	w, err := signal.Notify(lp, func(os.Signal) { got++; w.Close() }, sigs...)
	no(t, err)
	sigs[0] = syscall.SIGUSR1
	no(t, w.Stop())
	no(t, w.Start())
	raise(t, syscall.SIGUSR2)
	run(t, lp)
	equal(t, "signals", got, 1)
}

// Without a list it is all signals, among which the Go runtime's own SIGURG.
func TestNotifyAll(t *testing.T) {
	lp := newLoop(t)
	var got []string
	var w *signal.Watcher
	w, err := signal.Notify(lp, func(s os.Signal) {
		switch s {
		case syscall.SIGUSR1:
			raise(t, syscall.SIGWINCH)
		case syscall.SIGWINCH:
			raise(t, syscall.SIGTERM)
		case syscall.SIGTERM:
			no(t, w.Close())
		default:
			return
		}
		got = append(got, s.String())
	})
	no(t, err)
	raise(t, syscall.SIGUSR1)
	run(t, lp)
	want := []string{syscall.SIGUSR1.String(), syscall.SIGWINCH.String(), syscall.SIGTERM.String()} // systems word them differently
	equal(t, "signals", strings.Join(got, ", "), strings.Join(want, ", "))
}

func TestOnce(t *testing.T) {
	seen := newWitness(t, syscall.SIGUSR1, syscall.SIGUSR2)
	lp := newLoop(t)
	got := 0
	var w *signal.Watcher
	w, err := signal.Once(lp, func(os.Signal) {
		got++
		equal(t, "active in the callback", w.Active(), false)
		for _, sig := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2} {
			raise(t, sig)
			seen.wait(t)
		}
	}, syscall.SIGUSR1, syscall.SIGUSR2)
	no(t, err)
	raise(t, syscall.SIGUSR1)
	seen.wait(t)
	run(t, lp) // ends, as the watcher was the only one
	soon(t, lp, func() {})
	run(t, lp)
	equal(t, "signals", got, 1)

	no(t, w.Start()) // once more
	raise(t, syscall.SIGUSR2)
	seen.wait(t)
	run(t, lp)
	equal(t, "signals after Start", got, 2)
}

func TestOnceMayStartItselfAgain(t *testing.T) {
	lp := newLoop(t)
	got := 0
	var w *signal.Watcher
	w, err := signal.Once(lp, func(os.Signal) {
		if got++; got < 3 {
			no(t, w.Start())
			raise(t, syscall.SIGUSR1)
		}
	}, syscall.SIGUSR1)
	no(t, err)
	raise(t, syscall.SIGUSR1)
	run(t, lp)
	equal(t, "signals", got, 3)
}

func TestEveryWatcherOfTheLoopIsTold(t *testing.T) {
	seen := newWitness(t, syscall.SIGUSR1, syscall.SIGUSR2)
	lp := newLoop(t)
	var got []string
	for i, sigs := range [][]os.Signal{{syscall.SIGUSR1}, {syscall.SIGUSR2}, {syscall.SIGUSR1, syscall.SIGUSR2}} {
		_, err := signal.Notify(lp, func(s os.Signal) {
			if got = append(got, fmt.Sprint(i)); len(got) == 4 {
				lp.Stop()
			}
		}, sigs...)
		no(t, err)
	}
	raise(t, syscall.SIGUSR1)
	seen.wait(t)
	raise(t, syscall.SIGUSR2)
	run(t, lp)
	var counts [3]int
	for _, s := range got {
		counts[s[0]-'0']++
	}
	equal(t, "signals by watcher", counts, [3]int{1, 1, 2})
}

func TestLoopsOfSeveralGoroutines(t *testing.T) {
	const loops = 4
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, errors.New("no signal came"))
	defer cancel()
	ends := make(chan error, loops)
	for range loops {
		lp := newLoop(t)
		_, err := signal.Once(lp, func(os.Signal) {}, syscall.SIGUSR1)
		no(t, err)
		go func() { ends <- lp.RunContext(ctx) }()
	}
	raise(t, syscall.SIGUSR1)
	for range loops {
		no(t, <-ends)
	}
}

// Signals that were posted to the loop already when the watcher was stopped, or
// closed, are not delivered.
func TestNothingComesAfterStop(t *testing.T) {
	for name, end := range map[string]func(*signal.Watcher) error{
		"Stop":  (*signal.Watcher).Stop,
		"Close": (*signal.Watcher).Close,
		"Stop and Start": func(w *signal.Watcher) error {
			return errors.Join(w.Stop(), w.Start())
		},
	} {
		t.Run(name, func(t *testing.T) {
			seen := newWitness(t, syscall.SIGUSR1)
			lp := newLoop(t)
			w, err := signal.Notify(lp, never(t), syscall.SIGUSR1)
			no(t, err)
			lp.Post(func() {
				raise(t, syscall.SIGUSR1)
				seen.wait(t)
				time.Sleep(5 * time.Millisecond) // it is posted behind this function
				no(t, end(w))
				w.Unref()
			})
			soon(t, lp, func() {})
			run(t, lp)
		})
	}
}

func TestStopAnotherInTheCallback(t *testing.T) {
	lp := newLoop(t)
	var ws [2]*signal.Watcher
	got := 0
	for i := range ws {
		var err error
		ws[i], err = signal.Notify(lp, func(os.Signal) {
			got++
			no(t, ws[0].Stop())
			no(t, ws[1].Close())
		}, syscall.SIGUSR1)
		no(t, err)
	}
	newWitness(t, syscall.SIGUSR1)
	raise(t, syscall.SIGUSR1)
	run(t, lp)
	equal(t, "callbacks", got, 1)
}

func TestPanicClosesTheWatcher(t *testing.T) {
	newWitness(t, syscall.SIGUSR1)
	var told []any
	lp := newLoop(t, loop.Options{OnPanic: func(_ loop.Handle, v any, _ []byte) { told = append(told, v) }})
	w, err := signal.Notify(lp, func(os.Signal) { panic("in the callback") }, syscall.SIGUSR1)
	no(t, err)
	w.OnClose = func() { panic("in OnClose") }
	raise(t, syscall.SIGUSR1)
	run(t, lp)
	equal(t, "panics", fmt.Sprint(told), "[in the callback in OnClose]")
}

// A signal wakes a loop that waits for nothing else.
func TestSignalWakesTheLoop(t *testing.T) {
	lp := newLoop(t)
	var w *signal.Watcher
	w, err := signal.Notify(lp, func(os.Signal) { w.Close() }, syscall.SIGUSR1)
	no(t, err)
	go func() {
		time.Sleep(10 * time.Millisecond)
		syscall.Kill(syscall.Getpid(), syscall.SIGUSR1)
	}()
	run(t, lp)
}
