package netconn

import (
	"runtime"
	"sync"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
)

// A bridge is where the goroutines of all connections of a loop leave word for it.
type bridge struct {
	lp   *loop.Loop
	gate poller.Gate // of a simulated world, or nil
	run  func()      // serve

	mu    sync.Mutex
	asked []*Conn // that serve is to look at
	awake bool    // serve is to come: nobody has to see to it

	// The loop's.
	spare   []*Conn
	yields  bool // Flush is to come
	slow    bool // the last yield was
	crowded poller.Time
}

const (
	// A yield that takes longer than yieldMost says that others keep the processors busy; two in a row, that it is
	// better not to yield for crowdedFor. Package loop has the same figures, and the reasons.
	yieldMost  = time.Millisecond
	crowdedFor = 640 * time.Millisecond

	keptMost = 1024 // conns that a queue has room for when it is empty
)

// bridgeKey is of loop.Maker.Local.
type bridgeKey struct{}

func bridgeOf(lp *loop.Loop) *bridge {
	return lp.Maker().Local(bridgeKey{}, func() any {
		b := &bridge{lp: lp}
		b.gate, _ = lp.Maker().Poller().(poller.Gate)
		b.run = b.serve
		return b
	}).(*bridge)
}

// enter is poller.Gate's, where there is one.
func (b *bridge) enter() {
	if b.gate != nil {
		b.gate.Enter()
	}
}

// add has the loop serve n, with what others have left by then. One Post is for all of them. A loop that is closed has told
// every connection.
func (b *bridge) add(n *Conn) {
	b.mu.Lock()
	b.asked = append(b.asked, n)
	post := !b.awake
	b.awake = true
	b.mu.Unlock()
	if post {
		b.lp.Post(b.run)
	}
}

// serve does what connections were left word for.
func (b *bridge) serve() {
	b.mu.Lock()
	now := b.asked
	b.asked, b.spare = b.spare, nil
	b.awake = false
	b.mu.Unlock()
	for _, n := range now {
		n.serve()
	}
	clear(now)
	if cap(now) <= keptMost {
		b.spare = now[:0]
	}
}

// handOver is called when a goroutine has been given something, which it will most often answer at once: the
// loop then lets it run before it polls, and has the answer without a Post, and without being woken. A world runs
// goroutines itself.
func (b *bridge) handOver() {
	if !b.yields && b.gate == nil {
		b.yields = true
		b.lp.Maker().Defer(b)
	}
}

// Flush lets goroutines run, and serves them.
func (b *bridge) Flush() {
	b.yields = false
	clock := b.lp.Maker().Poller()
	began := clock.Now()
	if began < b.crowded {
		return
	}
	b.mu.Lock()
	b.awake = true
	b.mu.Unlock()
	runtime.Gosched()
	ended := clock.Now()
	slow := ended.Sub(began) > yieldMost
	if slow && b.slow {
		b.crowded = ended.Add(crowdedFor)
	}
	b.slow = slow && !b.slow
	b.serve()
}
