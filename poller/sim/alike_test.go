package sim_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"example.com/pike/poller/sim"
)

// TestShrinkTellsFailuresApart has smaller worlds fail with what looks much like the failure that was found.
func TestShrinkTellsFailuresApart(t *testing.T) {
	for what, fails := range lookalikes() {
		f := func(w *sim.World) error { return fails(w, w.Param("n")) }
		r := sim.Search(1, 1, sim.Config{Params: []sim.Param{{Name: "n", Value: 40, Min: 1}}}, f)
		small := r.Failure.Shrink(f)
		if got := small.Config.Params[0].Value; got < 7 || got > 8 {
			t.Errorf("%s: the smallest world has n=%d: %v", what, got, small.Err)
		}
	}
}

func running(w *sim.World, name string, f func(h *sim.Host) error) error {
	w.Go(w.Host(name), f)
	return w.Run()
}

// among is a name that depends on how large the world is.
func among(n int, large, small string) string {
	if n >= 7 {
		return large
	}
	return small
}

func lookalikes() map[string]func(w *sim.World, n int) error {
	var none []int
	return map[string]func(w *sim.World, n int) error{
		"a number in the format": func(w *sim.World, n int) error {
			if n >= 7 {
				w.Errorf("check 17 has failed")
			}
			w.Errorf("check 23 has failed")
			return w.Err()
		},
		"names in quotes": func(w *sim.World, n int) error {
			w.Errorf("check %q has failed", among(n, "lost write", "too few to judge"))
			return w.Err()
		},
		"names in quotes of an error": func(w *sim.World, n int) error {
			return fmt.Errorf("check %q has failed", among(n, "lost write", "too few to judge"))
		},
		"the place of a panic": func(w *sim.World, n int) error {
			return running(w, "h", func(h *sim.Host) error {
				if n >= 7 {
					none[n] = 1
				}
				none[n] = 2
				return nil
			})
		},
		"the place of a panic outside of programs": func(w *sim.World, n int) error {
			if n >= 7 {
				panic("wrong")
			}
			panic("wrong")
		},
		"where FailNow was called": func(w *sim.World, n int) error {
			if n >= 7 {
				runtime.Goexit()
			}
			runtime.Goexit()
			return nil
		},
		"where a program called it": func(w *sim.World, n int) error {
			return running(w, "h", func(h *sim.Host) error {
				if n >= 7 {
					runtime.Goexit()
				}
				runtime.Goexit()
				return nil
			})
		},
		"who waits at a deadlock": func(w *sim.World, n int) error {
			return running(w, fmt.Sprint(among(n, "server", "client"), n), idle)
		},
		"who waits at the limit": func(w *sim.World, n int) error {
			return running(w, fmt.Sprint(among(n, "server", "client"), n), func(h *sim.Host) error {
				for h.Poll(h.Now().Add(time.Minute)) == nil {
				}
				return nil
			})
		},
	}
}
