package sys

import (
	"math"
	"time"

	"example.com/pike/poller"
)

type optionValue struct {
	o poller.Option
	v int
}

// probing is what o asks of keep-alive (Options.Probing) as options of a socket: seconds,
// rounded up, and probes.
func probing(o *poller.Options) (on bool, set [3]optionValue) {
	c := o.Probing()
	seconds := func(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
	return c.Enable, [...]optionValue{
		{poller.KeepAliveIdle, seconds(c.Idle)}, {poller.KeepAliveInterval, seconds(c.Interval)}, {poller.KeepAliveCount, c.Count},
	}
}

// timed reports whether times of keep-alive, or a number of probes, are asked for and not
// just the defaults.
func timed(o *poller.Options) bool {
	c := o.KeepAliveConfig
	return c.Enable && (c.Idle > 0 || c.Interval > 0 || c.Count > 0)
}

// userTimeout is the value of the option of that name, or 0.
func userTimeout(o *poller.Options) int {
	if o.UserTimeout <= 0 {
		return 0
	}
	return int(min((o.UserTimeout-1)/time.Millisecond+1, math.MaxInt32))
}

// Control has Options.Control called; drop closes the socket if it panics.
func Control(o *poller.Options, fd uintptr, drop func()) error {
	if o.Control == nil {
		return nil
	}
	returned := false
	defer func() {
		if !returned {
			drop()
		}
	}()
	err := o.Control(fd)
	returned = true
	return err
}
