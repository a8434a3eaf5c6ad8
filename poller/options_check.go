package poller

import (
	"fmt"
	"math"
	"net"
	"os"
	"syscall"
	"time"
)

// The most that every system takes for keep-alive (MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL
// and MAX_TCP_KEEPCNT in include/net/tcp.h of Linux; Windows has the same for times).
const (
	longestKeepAlive = (1<<15 - 1) * time.Second
	mostProbes       = 1<<7 - 1
)

// The times of a net.KeepAliveConfig that says nothing, and of Options that have none.
const (
	defaultKeepAlive = 15 * time.Second
	defaultProbes    = 9
)

// An OptionError says which field of Options has an impossible value, the value, and which
// values are possible. It is syscall.EINVAL and os.ErrInvalid.
type OptionError struct {
	Name   string // of the field
	Value  string
	Bounds string
}

// Error names the option, its value and what it could be.
func (e *OptionError) Error() string {
	return fmt.Sprintf("option %s: %s is out of range (%s)", e.Name, e.Value, e.Bounds)
}

// Is says that it is an invalid argument.
func (e *OptionError) Is(target error) bool {
	return target == syscall.EINVAL || target == os.ErrInvalid
}

// Check names an option whose value no system takes, by an *OptionError. Backends call it
// before they open anything.
func (o *Options) Check() error {
	if o == nil {
		return nil
	}
	for _, t := range [...]struct {
		name string
		d    time.Duration
	}{
		{"KeepAlive", o.KeepAlive},
		{"KeepAliveConfig.Idle", o.KeepAliveConfig.Idle},
		{"KeepAliveConfig.Interval", o.KeepAliveConfig.Interval},
	} {
		if t.d > longestKeepAlive {
			return &OptionError{t.name, t.d.String(), "at most " + longestKeepAlive.String()}
		}
	}
	if n := o.KeepAliveConfig.Count; n > mostProbes {
		return &OptionError{"KeepAliveConfig.Count", fmt.Sprint(n), fmt.Sprint("at most ", mostProbes)}
	}
	for _, t := range [...]struct {
		name string
		n    int
	}{{"Backlog", o.Backlog}, {"RecvBuffer", o.RecvBuffer}, {"SendBuffer", o.SendBuffer}} {
		if t.n > math.MaxInt32 { // the system would take the lower bits
			return &OptionError{t.name, fmt.Sprint(t.n), fmt.Sprint("at most ", math.MaxInt32)}
		}
	}
	return o.File.check()
}

// Probing is what o asks of keep-alive, without defaults: what is negative, or 0 for
// Count, is left to the system.
func (o *Options) Probing() net.KeepAliveConfig {
	c := o.KeepAliveConfig
	switch {
	case c.Enable:
		if c.Idle == 0 {
			c.Idle = defaultKeepAlive
		}
		if c.Interval == 0 {
			c.Interval = defaultKeepAlive
		}
		if c.Count == 0 {
			c.Count = defaultProbes
		}
		return c
	case o.KeepAlive < 0:
		return net.KeepAliveConfig{}
	case o.KeepAlive == 0:
		return net.KeepAliveConfig{Enable: true, Idle: defaultKeepAlive, Interval: defaultKeepAlive}
	}
	return net.KeepAliveConfig{Enable: true, Idle: o.KeepAlive, Interval: o.KeepAlive}
}
