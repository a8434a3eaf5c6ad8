package system_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/system"
)

// TestWakeFromAnotherGoroutine wakes a Poll that is blocked, or about to be.
func TestWakeFromAnotherGoroutine(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		turn := make(chan struct{})
		go func() {
			for range turn {
				if err := p.Wake(); err != nil {
					t.Error("Wake: ", err)
				}
			}
		}()
		defer close(turn)
		for range 1000 {
			turn <- struct{}{}
			if err := p.Poll(poller.Never); err != nil {
				t.Fatal("Poll: ", err)
			}
		}
	})
}

// TestNoWakeIsLost has goroutines count and wake; the last count must be seen
// though most Wakes find another on its way.
func TestNoWakeIsLost(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		const goroutines, wakes = 4, 20_000
		var count atomic.Int64
		for range goroutines {
			go func() {
				for range wakes {
					count.Add(1)
					if err := p.Wake(); err != nil {
						t.Error("Wake: ", err)
					}
				}
			}()
		}
		polls := 0
		for last := int64(0); last < goroutines*wakes; polls++ {
			start := p.Now()
			if err := p.Poll(start.Add(10 * time.Second)); err != nil {
				t.Fatal("Poll: ", err)
			}
			if p.Now().Sub(start) > 5*time.Second {
				t.Fatalf("woken too late: %d counted, %d seen before", count.Load(), last)
			}
			last = count.Load()
		}
		t.Logf("%d Wakes, %d Polls", goroutines*wakes, polls)
	})
}

// TestWakeWhileClosing closes a poller that is being woken. The race detector
// watches, and each Wake must find a poller or do nothing.
func TestWakeWhileClosing(t *testing.T) {
	for _, name := range system.Backends() {
		t.Run(name, func(t *testing.T) {
			for range 50 {
				p := opened(t)(system.Open(name))
				var group sync.WaitGroup
				for range 3 {
					group.Go(func() {
						for range 100 {
							if err := p.Wake(); err != nil {
								t.Error("Wake: ", err)
							}
						}
					})
				}
				p.Poll(poller.Never)
				if err := p.Close(); err != nil {
					t.Error("Close: ", err)
				}
				group.Wait()
			}
		})
	}
}

// TestWakeAfterAPanic has a handler panic out of Poll while a wake-up is in the
// same batch: later ones must not be taken for this one.
func TestWakeAfterAPanic(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		b.received = func([]byte, error) { panic("of the handler") }
		for range 5 {
			a.TrySend([]byte("x"))
			pause(t, p, time.Millisecond)
			b.Start()
			p.Wake()
			func() {
				defer func() {
					if recover() == nil {
						t.Error("nothing was received")
					}
				}()
				until(t, p, "the handler panics", func() bool { return false })
			}()
			b.Stop()
			pause(t, p, time.Millisecond)
			p.Wake()
			start := p.Now()
			p.Poll(start.Add(10 * time.Second))
			if d := p.Now().Sub(start); d > 5*time.Second {
				t.Fatalf("a Wake after the panic took %v", d)
			}
		}
	})
}
