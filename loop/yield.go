package loop

import (
	"runtime"
	"time"

	"example.com/pike/poller"
)

const (
	// yieldEvery is less than the 10 ms after which Go's monitor wants a goroutine to be
	// scheduled afresh (forcePreemptNS in runtime/proc.go); to return from a system call does
	// not count. After that time the monitor takes the loop's processor away whenever it finds
	// the loop in a system call, and as long as it takes any it looks every 20 µs. A loop that
	// sleeps between any two messages paid a quarter of its CPU for that, and the p99 of its
	// answers was half as much again.
	yieldEvery = 4 * time.Millisecond

	// yieldMost is what a yield may take. Two in a row that take longer say that other
	// goroutines keep all processors busy. Each of them may run for 10 ms, and the loop would
	// wait for that at every yield. So for crowdedFor it does not yield, which is long beside
	// what the next two slow yields take.
	yieldMost  = time.Millisecond
	crowdedFor = 640 * time.Millisecond

	// owedYields is how many yields follow a turn that has answered other goroutines, if the
	// loop does not sleep. One would not do: at every 61st choice the scheduler looks first
	// for those who have waited long, and that is the loop itself (findRunnable in
	// runtime/proc.go).
	owedYields = 2
)

// A yielder lets other goroutines run before the loop's own polls. Those that this turn has
// answered or given work are often runnable where they wait for just this thread: to run
// them now is a tenth of the time that another thread takes to wake and fetch them. A turn
// that is not to wait owes them that as well: with an idle hook there is no other. And from
// time to time it yields in any case, see yieldEvery.
type yielder struct {
	last    poller.Time // when it yielded last
	crowded poller.Time // until then it does not
	slow    bool        // the last yield took long
	owed    int8        // yields, as others may wait for what this turn has done
}

// owe has the loop yield before the next polls.
func (y *yielder) owe() { y.owed = owedYields }

// asleep is before a poll that may wait: whoever has not run yet does so meanwhile.
func (y *yielder) asleep() { y.owed = 0 }

// yield is before each poll, with the time of the turn.
func (y *yielder) yield(now poller.Time, clock poller.Poller) {
	if now < y.crowded || y.owed == 0 && now.Sub(y.last) < yieldEvery {
		return
	}
	y.owed, y.last = max(0, y.owed-1), now
	began := clock.Now()
	runtime.Gosched()
	ended := clock.Now()
	slow := ended.Sub(began) > yieldMost
	if slow && y.slow {
		y.crowded = ended.Add(crowdedFor)
	}
	y.slow = slow && !y.slow
}
