//go:build unix

package conformance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	ossignal "os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/signal"
	"example.com/pike/timer"
)

func raise(sig syscall.Signal) error { return syscall.Kill(syscall.Getpid(), sig) }

var _ = add(
	line{id: "G1", name: "we get signal", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		got := 0
		w, err := signal.Notify(lp, func(s os.Signal) {
			e.equal("signal", s, os.Signal(syscall.SIGUSR1))
			got++
		}, syscall.SIGUSR1)
		e.no(err)
		raiseTen(e, lp, func(raised int) bool { return got == raised }, syscall.SIGUSR1)
		e.equal("callbacks", got, 10)

		// Somebody else's channel tells when a signal has come all the same.
		other := make(chan os.Signal, 16)
		ossignal.Notify(other, syscall.SIGUSR1)
		defer ossignal.Stop(other)
		e.no(w.Stop())
		raiseTen(e, lp, func(raised int) bool { return len(other) == raised }, syscall.SIGUSR1)
		e.equal("callbacks after Stop", got, 10)
		e.no(w.Start())
		raiseTen(e, lp, func(raised int) bool { return got == 10+raised }, syscall.SIGUSR1)
		e.equal("callbacks after Start", got, 20)
		e.no(w.Close())
		e.run(lp)
	}},

	line{id: "G2", name: "we get signals", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		var got [4]int
		var ws [4]*signal.Watcher
		for i, sig := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGUSR1, syscall.SIGUSR2} {
			var err error
			ws[i], err = signal.Notify(lp, func(s os.Signal) {
				e.equal("signal", s, os.Signal(sig))
				got[i]++
			}, sig)
			e.no(err)
		}
		raiseTen(e, lp, func(raised int) bool {
			return got == [4]int{raised, raised, raised, raised}
		}, syscall.SIGUSR1, syscall.SIGUSR2)
		e.equal("callbacks", got, [4]int{10, 10, 10, 10})
		for _, w := range ws {
			e.no(w.Close())
		}
		e.run(lp)
	}},

	line{id: "G4", name: "multiple loops", needs: realSystem, run: signalLoops},

	line{id: "G5", name: "pending on close", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		// The one who sees that the signal was raised.
		raised := make(chan os.Signal, 1)
		ossignal.Notify(raised, syscall.SIGPIPE)
		defer ossignal.Stop(raised)

		w, err := signal.Notify(lp, func(os.Signal) { e.Error("the callback of a closed watcher") }, syscall.SIGPIPE)
		e.no(err)
		closed := 0
		w.OnClose = func() { closed++ }
		var p [2]int
		e.no(syscall.Pipe(p[:]))
		defer syscall.Close(p[1])
		e.no(syscall.SetNonblock(p[1], true))
		e.no(syscall.Close(p[0]))
		pipe, err := lp.Watch(uintptr(p[1]), loop.Writable, func(pipe *loop.Watch, _ loop.Events) {
			_, err := syscall.Write(p[1], make([]byte, 16<<20))
			e.is(err, syscall.EPIPE)
			<-raised // it is on its way to the watcher too, perhaps posted
			e.no(pipe.Close())
			e.no(w.Close())
		})
		e.no(err)
		pipe.OnClose = func(*loop.Watch) { closed++ }
		e.run(lp)
		e.equal("close callbacks", closed, 2)
	}},
)

// raiseTen raises the signals ten times, 5 ms apart and never before the last
// time was heard: the system and os/signal merge those of a kind that wait.
func raiseTen(e *env, lp *loop.Loop, heard func(raised int) bool, sigs ...syscall.Signal) {
	raised := 0
	var tick *timer.Timer
	tick, err := timer.Every(lp, 5*time.Millisecond, func() {
		switch {
		case !heard(raised):
		case raised == 10:
			tick.Close()
			lp.Stop()
		default:
			raised++
			for _, sig := range sigs {
				e.no(raise(sig))
			}
		}
	})
	e.no(err)
	e.run(lp)
	e.equal("raised", raised, 10)
}

// A signalLoop is a loop of its own goroutine whose watchers stop in their
// callbacks, so that it ends when each has had one.
type signalLoop struct {
	lp       *loop.Loop
	watchers []*signal.Watcher
	counts   map[os.Signal]int
}

func (s *signalLoop) watch(e *env, sig os.Signal) {
	var w *signal.Watcher
	w, err := signal.Notify(s.lp, func(got os.Signal) {
		s.counts[got]++
		w.Stop()
	}, sig)
	e.no(err)
	s.watchers = append(s.watchers, w)
}

func signalLoops(e *env) {
	kinds := [][]os.Signal{
		{syscall.SIGUSR1, syscall.SIGUSR1},
		{syscall.SIGUSR2},
		{syscall.SIGUSR1, syscall.SIGUSR1, syscall.SIGUSR2},
	}
	var loops []*signalLoop
	for i := range 24 {
		s := &signalLoop{lp: e.loop(), counts: map[os.Signal]int{}}
		for _, sig := range kinds[i/8] {
			s.watch(e, sig)
		}
		loops = append(loops, s)
	}

	churned := signalChurn(e)
	signalRound(e, loops)
	for _, s := range loops {
		for _, w := range s.watchers {
			e.no(w.Start())
		}
	}
	signalRound(e, loops)
	churned()

	total := map[os.Signal]int{}
	for _, s := range loops {
		for sig, n := range s.counts {
			total[sig] += n
		}
	}
	e.equal("SIGUSR1", total[syscall.SIGUSR1], 64)
	e.equal("SIGUSR2", total[syscall.SIGUSR2], 32)
}

// signalRound runs every loop until its watchers have had their signal.
func signalRound(e *env, loops []*signalLoop) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, errors.New("a watcher waits in vain"))
	defer cancel()
	ends := make(chan error, len(loops))
	for _, s := range loops {
		go func() { ends <- s.lp.RunContext(ctx) }()
	}
	e.no(raise(syscall.SIGUSR1))
	e.no(raise(syscall.SIGUSR2))
	for range loops {
		if err := <-ends; err != nil {
			e.Error(err)
		}
	}
}

// signalChurn makes and ends loops with watchers on ten goroutines until the
// function it returns is called.
func signalChurn(e *env) (stop func()) {
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 10 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := signalLoopOnce(e.T, e.backend); err != nil {
					e.Error(err)
					return
				}
			}
		})
	}
	return func() {
		close(done)
		wg.Wait()
	}
}

func signalLoopOnce(t *testing.T, b backend) error {
	lp, err := loop.New(loop.Options{Backend: b.name})
	if err != nil {
		return err
	}
	w, err := signal.Notify(lp, func(os.Signal) { t.Error("SIGTERM") }, syscall.SIGTERM)
	if err != nil {
		return err
	}
	closed := 0
	w.OnClose = func() { closed++ }
	if err := w.Close(); err != nil {
		return err
	}
	if err := lp.Run(); err != nil {
		return err
	}
	if err := w.Start(); closed != 1 || !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("closed %d times, then Start: %v", closed, err)
	}
	return lp.Close()
}
