package timer_test

import (
	"math"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/timer"
)

func TestAfterIsDueToTheNanosecond(t *testing.T) {
	lp, c := newLoop(t)
	var fired []poller.Time
	for _, d := range []time.Duration{time.Second, 1, time.Hour, 999_999} {
		_, err := timer.After(lp, d, func() { fired = append(fired, c.now) })
		no(t, err)
	}
	no(t, lp.Run())
	want := [4]poller.Time{start + 1, start + 999_999, start.Add(time.Second), start.Add(time.Hour)}
	equal(t, "times of firing", [4]poller.Time(fired), want)
}

// A poller may return early; a timer may not.
func TestNeverEarly(t *testing.T) {
	lp, c := newLoop(t)
	c.oversleep = -time.Millisecond
	due := start.Add(10 * time.Millisecond)
	fired := 0
	_, err := timer.After(lp, 10*time.Millisecond, func() {
		fired++
		if c.now < due {
			t.Errorf("fired %v early", due.Sub(c.now))
		}
		equal(t, "the loop's time", lp.Now(), c.now)
	})
	no(t, err)
	no(t, lp.Run())
	equal(t, "fired", fired, 1)
}

func TestNeverEarlyOnTheSystem(t *testing.T) {
	lp := open(t, loop.Options{})
	fired := 0
	for i := range 50 {
		d := time.Duration(i) * 137 * time.Microsecond
		due := lp.Maker().Poller().Now().Add(d)
		_, err := timer.After(lp, d, func() {
			fired++
			if now := lp.Maker().Poller().Now(); now < due || lp.Now() < due {
				t.Errorf("the timer of %v fired %v early", d, due.Sub(now))
			}
		})
		no(t, err)
	}
	no(t, lp.Run())
	equal(t, "fired", fired, 50)
}

// The time counts from the call: a callback that has run long arms timers from
// its end, and not from the begin of its turn.
func TestTimeCountsFromTheCall(t *testing.T) {
	lp, c := newLoop(t)
	var due poller.Time
	no(t, lp.Post(func() {
		c.pass(time.Minute)
		due = c.now.Add(time.Second)
		_, err := timer.After(lp, time.Second, func() { equal(t, "fired at", c.now, due) })
		no(t, err)
	}))
	no(t, lp.Run())
	equal(t, "the end", c.now, due)
}

func TestLongestDuration(t *testing.T) {
	lp, c := newLoop(t)
	tm, err := timer.After(lp, math.MaxInt64, func() { t.Error("fired") })
	no(t, err)
	every, err := timer.Every(lp, math.MaxInt64, func() { t.Error("fired") })
	no(t, err)
	c.pass(100 * 365 * 24 * time.Hour)
	turn(t, lp)
	if tm.DueIn() < 100*365*24*time.Hour || every.DueIn() != tm.DueIn() {
		t.Errorf("due in %v and %v", tm.DueIn(), every.DueIn())
	}
}
