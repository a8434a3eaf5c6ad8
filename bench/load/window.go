package load

import (
	"flag"
	"time"
)

type flagSet = *flag.FlagSet

// span is how long a load warms up and measures, as its flags say.
type span struct{ warm, measure time.Duration }

func (s *span) flags(fs flagSet) {
	fs.DurationVar(&s.warm, "warm", time.Second, "`time` before the measured window")
	fs.DurationVar(&s.measure, "measure", 3*time.Second, "`time` of the measured window")
}

// A clock is the time since a load began, and what the load has counted by then.
type clock struct {
	epoch time.Time
	now   time.Duration // at the end of the last turn
	heard time.Duration // when anything last came in
	idle  time.Duration // spent polling for nothing
}

func (c *clock) begin() { c.epoch = time.Now() }

func (c *clock) read() time.Duration { return time.Since(c.epoch) }

// rest counts a poll that found nothing, and says when that has been so for too long.
func (c *clock) rest() error {
	now := c.read()
	if spent := now - c.now; spent <= emptyPollMax {
		c.idle += spent
	}
	c.now = now
	if now-c.heard > stallLimit {
		return errStalled
	}
	return nil
}

// work counts a turn that found something.
func (c *clock) work() {
	c.now = c.read()
	c.heard = c.now
}

// run takes turns for the time of the warm-up, and goes on until ready. Then it sets count to 0, and takes turns for the
// time of the window.
func (s *span) run(c *clock, target Target, turn func() error, ready func() bool, count *int64) (w Window, err error) {
	c.now = c.read()
	c.heard = c.now
	for end := c.now + s.warm; c.now < end || !ready(); {
		if err := turn(); err != nil {
			return w, err
		}
	}
	g := gauge{target: target}
	if err := g.open(c.read); err != nil {
		return w, err
	}
	c.now, c.idle, *count = g.start, 0, 0
	for end := g.start + s.measure; c.now < end; {
		if err := turn(); err != nil {
			return w, err
		}
	}
	w, err = g.close(c.read)
	w.Messages, w.Idle = *count, c.idle
	if *count == 0 && err == nil {
		err = errSilent
	}
	return w, err
}
