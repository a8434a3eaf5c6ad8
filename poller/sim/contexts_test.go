package sim_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// TestCancelIsOfTheSeed ends contexts in callbacks: what follows must not depend on a
// goroutine that is faster or slower than the loop.
func TestCancelIsOfTheSeed(t *testing.T) {
	for what, begin := range map[string]func(ctx context.Context, lp *loop.Loop, told func()){
		"Work": func(ctx context.Context, lp *loop.Loop, told func()) {
			for range 5 {
				loop.Work(ctx, lp, func(context.Context) (int, error) { return 1, nil }, func(int, error) { told() })
			}
		},
		"Dial": func(ctx context.Context, lp *loop.Loop, told func()) {
			tcp.DialContext(ctx, lp, "10.0.0.99:1", nil, func(*tcp.Conn, error) { told() })
		},
		"Shutdown": func(ctx context.Context, lp *loop.Loop, told func()) {
			tcp.Dial(lp, "10.0.0.99:1", nil, func(*tcp.Conn, error) {})
			lp.Shutdown(ctx, time.Hour, func(loop.ShutdownReport) { told() })
		},
	} {
		t.Run(what, func(t *testing.T) {
			for seed := range uint64(200) {
				run := func() uint64 {
					n := 0
					w, err := sim.Once(seed, sim.Config{Workers: 1}, func(w *sim.World) error {
						w.Go(w.Host("h"), func(h *sim.Host) error {
							return loop.RunOn(h, func(lp *loop.Loop) error {
								ctx, cancel := context.WithCancel(context.Background())
								timer.Every(lp, 100*time.Microsecond, func() {
									if lp.Now() > 4e6 {
										lp.Stop()
									}
								})
								timer.After(lp, 2*time.Millisecond, cancel)
								begin(ctx, lp, func() {
									n++
									timer.After(lp, time.Microsecond, func() {})
								})
								return nil
							})
						})
						return w.Run()
					})
					if err != nil || n == 0 {
						t.Fatalf("seed %d: told %d times; %v", seed, n, err)
					}
					return w.Hash()
				}
				if a, b := run(), run(); a != b {
					t.Fatalf("seed %d: hashes %x and %x", seed, a, b)
				}
			}
		})
	}
}

// TestRunContextInAWorld is ended by another host.
func TestRunContextInAWorld(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	enough := errors.New("enough")
	_, err := sim.Once(1, sim.Config{}, func(w *sim.World) error {
		w.Go(w.Host("a"), func(h *sim.Host) error {
			lp, err := loop.New(loop.Options{Poller: h})
			if err != nil {
				return err
			}
			timer.Every(lp, time.Hour, func() {})
			if err := lp.RunContext(ctx); !errors.Is(err, enough) || lp.Now() > 2e9 {
				w.Errorf("RunContext: %v at %v", err, time.Duration(lp.Now()))
			}
			return lp.Close()
		})
		w.Go(w.Host("b"), func(h *sim.Host) error {
			return loop.RunOn(h, func(lp *loop.Loop) error {
				_, err := timer.After(lp, time.Second, func() { cancel(enough) })
				return err
			})
		})
		return w.Run()
	})
	if err != nil {
		t.Error(err)
	}
}
