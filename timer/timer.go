// Package timer calls back on a loop after a time, once or again and again.
//
//	timer.After(lp, time.Second, func() { ... })
//	t, err := timer.Every(lp, time.Minute, func() { ... })
//	...
//	t.Stop()
//
// A Timer never fires early, by the poller's clock. Timers fire in the order of
// their due times. Of timers that are due at the same time, the one armed first
// fires first. A repeating timer is armed again before its callback, so that the
// callback can stop or move it. A timer that is stopped does not fire, even if it was due
// in the same turn. Arming, moving and stopping take constant time and no memory.
//
// Time is what the poller's clock shows. No adjustment of the wall clock moves it. On Linux
// and some other systems it stands still while the machine is asleep (CLOCK_MONOTONIC,
// clock_gettime(2)), as package time says of Go's own timers. So a timer of an hour may have
// up to an hour to go after a night's sleep. For what is due at a time of day, let a short
// timer ask the wall clock again and again.
package timer

import (
	"net"
	"os"
	"time"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// A Timer is a timer on a loop. All its methods belong to the loop's goroutine.
// While it is armed it keeps Run going, unless Unref was called. While it is not
// armed the loop does not refer to it, so a Timer that nobody refers to any more
// needs no Close.
type Timer struct {
	loop.Base
	timeout loop.Timeout
	period  time.Duration
	fn      func()

	// OnClose, if set, is called once after Close.
	OnClose func()
}

// New returns a Timer that is not armed. A nil fn, or loop, is os.ErrInvalid.
func New(lp *loop.Loop, fn func()) (*Timer, error) {
	if err := lp.Maker().Check("timer.New"); err != nil {
		return nil, err
	}
	return create(lp, fn)
}

func create(lp *loop.Loop, fn func()) (*Timer, error) {
	if lp == nil || fn == nil {
		return nil, fail("new", os.ErrInvalid)
	}
	t := &Timer{fn: fn}
	lp.Maker().Own(t)
	t.timeout.Init((*upcalls)(t))
	return t, nil
}

// After returns a Timer that calls fn once, d from now. If d is not positive, fn is
// called in the next turn of the loop.
func After(lp *loop.Loop, d time.Duration, fn func()) (*Timer, error) {
	if err := lp.Maker().Check("timer.After"); err != nil {
		return nil, err
	}
	return start(lp, d, 0, fn)
}

// Every returns a Timer that calls fn d from now and every d after that. It skips
// the calls that the loop was too busy for. A d that is not positive is
// os.ErrInvalid.
func Every(lp *loop.Loop, d time.Duration, fn func()) (*Timer, error) {
	if err := lp.Maker().Check("timer.Every"); err != nil {
		return nil, err
	}
	if d <= 0 {
		return nil, fail("every", os.ErrInvalid)
	}
	return start(lp, d, d, fn)
}

func start(lp *loop.Loop, d, period time.Duration, fn func()) (*Timer, error) {
	t, err := create(lp, fn)
	if err == nil {
		err = t.arm(d, period)
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Start arms the timer to fire d from now and then every period, or once if period
// is 0. A timer that is armed is moved. The time counts from the call, not from
// the turn of the loop in which the call is made. Start returns net.ErrClosed after
// Close of the timer or of the loop, and os.ErrInvalid for a negative period.
func (t *Timer) Start(d, period time.Duration) error {
	if err := t.lp().Check("timer.Timer.Start"); err != nil {
		return err
	}
	return t.arm(d, period)
}

func (t *Timer) arm(d, period time.Duration) error {
	if period < 0 && !t.Closing() {
		return fail("start", os.ErrInvalid)
	}
	if err := t.armAt(t.lp().Poller().Now().Add(max(d, 0))); err != nil {
		return err
	}
	t.period = period
	return nil
}

func (t *Timer) armAt(due poller.Time) error {
	lp := t.lp()
	if t.Closing() {
		return fail("start", net.ErrClosed)
	}
	// A timer that is armed is on the loop already. Only this field is looked at, because the timer may be in no cache:
	// where many are restarted, the processor then waits for the memory of several at once. A restart takes 150 to 230
	// ns so, or 92 without the reading of the clock.
	if !t.timeout.Armed() {
		if err := lp.Attach(t); err != nil {
			return fail("start", err)
		}
		lp.SetActive(t, true)
	}
	lp.SetTimeout(&t.timeout, due)
	return nil
}

// Reset arms the timer to fire d from now and keeps its period, so that a repeating
// timer goes on repeating from there. Errors are those of Start.
func (t *Timer) Reset(d time.Duration) error {
	lp := t.lp()
	if err := lp.Check("timer.Timer.Reset"); err != nil {
		return err
	}
	return t.armAt(lp.Poller().Now().Add(max(d, 0)))
}

// ResetAt is Reset with a time to fire at instead of a duration.
// t.ResetAt(lp.Now().Add(d)) counts d from the turn of the loop, as timers of libuv
// do, and not from the call. It is for a timer that is moved often, such as the timeout of
// a connection: it reads no clock, and that is most of what a Reset costs. A time
// that is past is due in the next turn.
func (t *Timer) ResetAt(due poller.Time) error {
	if err := t.lp().Check("timer.Timer.ResetAt"); err != nil {
		return err
	}
	return t.armAt(due)
}

// Again arms the timer to fire one period from now. Without a period it is
// os.ErrInvalid.
func (t *Timer) Again() error {
	if err := t.lp().Check("timer.Timer.Again"); err != nil {
		return err
	}
	if t.period == 0 && !t.Closing() {
		return fail("again", os.ErrInvalid)
	}
	return t.arm(t.period, t.period)
}

// Stop disarms the timer and reports whether it was armed. Start or Reset arms
// it again.
func (t *Timer) Stop() bool {
	lp := t.lp()
	if lp.Check("timer.Timer.Stop") != nil {
		return false
	}
	if !lp.StopTimeout(&t.timeout) {
		return false
	}
	lp.Detach(t)
	return true
}

// Period is the time between firings, or 0.
func (t *Timer) Period() time.Duration { return t.period }

// SetPeriod changes the period. The next firing stays where it is, and the period
// counts from there. 0 makes the next firing the last. Errors are those of Start.
func (t *Timer) SetPeriod(d time.Duration) error {
	if err := t.lp().Check("timer.Timer.SetPeriod"); err != nil {
		return err
	}
	if t.Closing() {
		return fail("set period", net.ErrClosed)
	}
	if d < 0 {
		return fail("set period", os.ErrInvalid)
	}
	t.period = d
	return nil
}

// DueIn is the time until the timer fires: 0 if it is due, or not armed.
func (t *Timer) DueIn() time.Duration {
	if t.lp().Check("timer.Timer.DueIn") != nil {
		return 0
	}
	if !t.timeout.Armed() {
		return 0
	}
	return max(0, t.timeout.Due().Sub(t.lp().Poller().Now()))
}

// Close stops the timer for good; OnClose follows.
func (t *Timer) Close() error {
	lp := t.lp()
	if err := lp.Check("timer.Timer.Close"); err != nil {
		return err
	}
	lp.StopTimeout(&t.timeout)
	if !lp.BeginClose(t) {
		return fail("close", net.ErrClosed)
	}
	lp.EndClose(t, (*upcalls)(t))
	return nil
}

// upcalls keeps the loop's upcalls out of Timer's own methods.
type upcalls Timer

func (u *upcalls) Expired(*loop.Timeout) {
	t := (*Timer)(u)
	lp := t.lp()
	if t.period > 0 {
		lp.SetTimeout(&t.timeout, t.next())
	} else {
		lp.SetActive(t, false)
	}
	t.call()
	if !t.Active() && !t.Closing() {
		lp.Detach(t)
	}
}

// lp is the loop as makers of handles see it.
func (t *Timer) lp() *loop.Maker { return t.Loop().Maker() }

func (t *Timer) call() {
	t.lp().Call(t, t.fn)
}

// next returns the first time of a repeating timer that is still to come.
func (t *Timer) next() poller.Time {
	now := t.Loop().Now()
	due := t.timeout.Due().Add(t.period)
	if late := now.Sub(due); late >= 0 {
		due = due.Add(late - late%t.period + t.period)
	}
	return due
}

func (u *upcalls) Finished() {
	if u.OnClose == nil {
		return
	}
	u.Loop().Maker().Call((*Timer)(u), u.OnClose)
}

func fail(op string, err error) error { return netop.HandleError("timer", op, err) }
