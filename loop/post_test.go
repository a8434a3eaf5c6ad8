package loop_test

import (
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/timer"
)

func TestPostOrder(t *testing.T) {
	const senders, each = 8, 5000
	lp := newLoop(t, loop.Options{})
	keep, err := lp.NewAsync(func() {})
	no(t, err)
	var next [senders]int
	got := 0
	for s := range senders {
		go func() {
			for i := range each {
				err := lp.Post(func() {
					if next[s] != i {
						t.Errorf("sender %d: post %d came when %d was next", s, i, next[s])
					}
					next[s]++
					if got++; got == senders*each {
						no(t, keep.Close())
					}
				})
				if err != nil {
					t.Error(err)
				}
			}
		}()
	}
	run(t, lp)
	equal(t, "calls", got, senders*each)
}

// What a post posts comes after what was posted before.
func TestPostFromPost(t *testing.T) {
	lp, _ := newFake(t)
	order := ""
	no(t, lp.Post(func() {
		order += "1"
		no(t, lp.Post(func() { order += "3" }))
	}))
	no(t, lp.Post(func() { order += "2" }))
	run(t, lp)
	equal(t, "order", order, "123")
}

// What a posted function posts runs in the next turn, after I/O has had its
// share: a function that goes on by posting itself does not stop the rest.
func TestPostFromPostWaitsForTheNextTurn(t *testing.T) {
	lp, _ := newFake(t)
	calls := 0
	var again func()
	again = func() {
		calls++
		no(t, lp.Post(again))
	}
	no(t, lp.Post(again))
	for turn := 1; turn <= 3; turn++ {
		_, err := lp.RunNoWait()
		no(t, err)
		equal(t, "calls", calls, turn)
	}
}

// A running loop looks at its mail anyway.
func TestPostFromCallbacksWakesNobody(t *testing.T) {
	lp, p := newFake(t)
	calls := 0
	post := func() {
		no(t, lp.Post(func() { calls++ }))
	}
	_, err := timer.After(lp, 0, post)
	no(t, err)
	_, err = timer.After(lp, time.Second, post) // after a wait
	no(t, err)
	var check *loop.Hook
	check, err = lp.NewCheck(func() {
		post()
		no(t, check.Stop())
	})
	no(t, err)
	no(t, check.Start())
	run(t, lp)
	equal(t, "calls", calls, 3)
	equal(t, "wake-ups", p.wakes.Load(), 0)
}

func TestPostWakesASleeperOnce(t *testing.T) {
	lp, p := newFake(t)
	keep, err := lp.NewAsync(func() {})
	no(t, err)
	calls := 0
	p.onPoll = func() { // the loop sleeps
		for range 100 {
			no(t, lp.Post(func() { calls++ }))
		}
		p.onPoll = nil
		no(t, lp.Post(func() { no(t, keep.Close()) }))
	}
	run(t, lp)
	equal(t, "calls", calls, 100)
	equal(t, "wake-ups", p.wakes.Load(), 1)
}

// Whoever embeds a loop sleeps on its descriptor between turns.
func TestPostBetweenTurns(t *testing.T) {
	lp, p := newFake(t)
	for range 3 {
		no(t, lp.Post(func() {}))
		no(t, lp.Post(func() {}))
		equal(t, "timeout", lp.Timeout(), 0)
		_, err := lp.RunNoWait()
		no(t, err)
	}
	equal(t, "wake-ups", p.wakes.Load(), 3)

	p.wakes.Store(0)
	p.onPoll = func() { no(t, lp.Post(func() {})) } // too late for this turn
	_, err := lp.RunNoWait()
	no(t, err)
	equal(t, "wake-ups for the next turn", p.wakes.Load(), 1)
}

// Each post is made at another moment while the loop goes to sleep. One that
// was neither seen nor woke the loop would be the last.
func TestPostRacesWithSleep(t *testing.T) {
	const posts = 10_000
	lp := newLoop(t, loop.Options{})
	answer := make(chan struct{}, 1)
	keep, err := lp.NewAsync(func() {})
	no(t, err)
	go func() {
		for i := range posts {
			lp.Post(func() { answer <- struct{}{} })
			<-answer
			for range i % 1000 {
				lp.Maker().Poller() // which takes no more than a nanosecond
			}
		}
		lp.Post(func() { keep.Close() })
	}()
	run(t, lp)
}

func TestPostAfterClose(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	var posters sync.WaitGroup
	for range 4 {
		posters.Go(func() {
			for lp.Post(func() { t.Error("a post was called though the loop was not run") }) == nil {
				runtime.Gosched()
			}
		})
	}
	time.Sleep(time.Millisecond)
	no(t, lp.Close())
	posters.Wait()
	is(t, lp.Post(func() {}), net.ErrClosed)
}

// What is about a handle is posted until the handle begins to close, and no more of it than may wait.
func TestPostAboutAHandle(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	h, err := lp.NewCheck(func() {})
	no(t, err)
	m, calls := lp.Maker(), 0
	count := func() { calls++ }
	no(t, m.Post(h, count, 1<<30)) // there is no bound
	m.LimitPosts(10)
	_, err = lp.RunNoWait()
	no(t, err)
	for range 5 {
		no(t, m.Post(h, count, 2))
	}
	is(t, m.Post(h, count, 1), syscall.ENOBUFS)
	no(t, m.Post(h, count, 0))
	no(t, lp.Post(count))
	_, err = lp.RunNoWait()
	no(t, err)
	equal(t, "calls", calls, 8)
	is(t, m.Post(h, count, 11), syscall.ENOBUFS)
	no(t, m.Post(h, count, 10))
	no(t, h.Close())
	is(t, m.Post(h, count, 11), net.ErrClosed)
	run(t, lp)
	equal(t, "calls", calls, 9)
	m.LimitPosts(0)
	other, err := lp.NewCheck(func() {})
	no(t, err)
	no(t, m.Post(other, count, 1<<30))
	no(t, lp.Close())
	is(t, m.Post(other, count, 0), net.ErrClosed)
	is(t, m.Post(h, count, 0), net.ErrClosed)
	equal(t, "calls", calls, 9)
}
