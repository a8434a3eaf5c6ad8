package pollertest

import (
	"errors"
	"math"
	"net"
	"os"
	"syscall"
	"time"

	"example.com/pike/poller"
)

// These tests are of Options that count before a socket is bound, listens or connects.
var hookClauses = []clause{
	{name: "Options_Control_sees_the_descriptor", test: controlled, both: true},
	{name: "Options_Control_that_refuses_or_panics", test: controlFails},
	{name: "Options_out_of_range_are_named", test: outOfRange},
	{name: "Options_KeepAliveConfig", test: keepAliveConfig},
	{name: "Options_ReuseAddr_of_a_dial", test: reuseDial},
}

func controlled(r *rig) {
	calls := 0
	o := &poller.Options{Control: func(fd uintptr) error {
		if calls++; fd == ^uintptr(0) {
			r.Error("Control was given no descriptor")
		}
		return nil
	}}
	if _, err := r.p.Listen(r.addr(0), o, &server{}); errors.Is(err, errors.ErrUnsupported) {
		r.Skip("this poller has no descriptors")
	}
	calls = 0
	v := r.listen(o)
	a, b := r.pairOf(v, o)
	r.bind(o)
	if calls != 3 {
		r.Errorf("Control was called %d times, for a listener, a dial and a packet socket", calls)
	}
	a.start()
	b.start()
	arrives(a, b, 100_000)
	arrives(b, a, 100_000)
}

func controlFails(r *rig) {
	refusal := errors.New("refused by Control")
	for _, hook := range []func(uintptr) error{
		func(uintptr) error { return refusal },
		func(uintptr) error { panic(refusal) },
	} {
		o := &poller.Options{Control: hook}
		for name, open := range map[string]func() error{
			"Listen": func() error { _, err := r.p.Listen(r.addr(0), o, &server{}); return err },
			"Dial":   func() error { _, err := r.p.Dial(r.nobody(), o, &conn{}); return err },
			"Bind":   func() error { _, err := r.p.Bind(r.addr(0), o, &packet{}); return err },
		} {
			err := func() (err error) {
				defer func() {
					if v := recover(); v != nil {
						err = v.(error)
					}
				}()
				return open()
			}()
			if errors.Is(err, errors.ErrUnsupported) {
				r.Skip("this poller has no descriptors")
			}
			if err != refusal {
				r.Errorf("%s: %v, want what Control said", name, err)
			}
		}
	}
}

func outOfRange(r *rig) {
	enabled := func(c net.KeepAliveConfig) poller.Options {
		c.Enable = true
		return poller.Options{KeepAliveConfig: c}
	}
	for name, o := range map[string]poller.Options{
		"KeepAlive":                {KeepAlive: 10 * time.Hour},
		"KeepAliveConfig.Idle":     enabled(net.KeepAliveConfig{Idle: 10 * time.Hour}),
		"KeepAliveConfig.Interval": enabled(net.KeepAliveConfig{Interval: math.MaxInt64}),
		"KeepAliveConfig.Count":    enabled(net.KeepAliveConfig{Count: 128}),
	} {
		_, listen := r.p.Listen(r.addr(0), &o, &server{})
		_, dial := r.p.Dial(r.nobody(), &o, &conn{})
		for _, err := range []error{listen, dial} {
			var e *poller.OptionError
			if !errors.As(err, &e) || e.Name != name || !errors.Is(err, syscall.EINVAL) || !errors.Is(err, os.ErrInvalid) {
				r.Errorf("%s: %v", name, err)
			}
		}
	}
}

func keepAliveConfig(r *rig) {
	if !keepAliveTimes {
		r.Skip("this system has no times of keep-alive for a socket")
	}
	own, _ := r.pair(&poller.Options{KeepAlive: -1})
	interval, err := own.s.Option(poller.KeepAliveInterval)
	r.noError("Option", err)
	count, err := own.s.Option(poller.KeepAliveCount)
	counts := err == nil
	o := &poller.Options{KeepAlive: -1, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 90 * time.Second, Interval: -1}}
	if counts {
		o.KeepAliveConfig.Count = 5
	}
	a, b := r.pairOf(r.listen(o), o)
	for _, c := range []*conn{a, b} {
		r.reads(c.name, c.s, poller.KeepAlive, 1)
		r.reads(c.name, c.s, poller.KeepAliveIdle, 90)
		r.reads(c.name, c.s, poller.KeepAliveInterval, interval)
		if counts {
			r.reads(c.name, c.s, poller.KeepAliveCount, 5)
		}
	}
	o.KeepAliveConfig.Count = -1
	if c, _ := r.pairOf(r.listen(nil), o); counts {
		r.reads(c.name, c.s, poller.KeepAliveCount, count)
	}
}

// reuseDial dials two servers from one port. The system gives the port to the second
// connection only if both connections share it.
func reuseDial(r *rig) {
	v, w := r.listen(nil), r.listen(nil)
	free := r.listen(nil)
	local := free.addr()
	free.close()
	r.until("the port is free", free.over)
	o := &poller.Options{Local: local, ReuseAddr: true, ReusePort: sharesPort}
	a, _ := r.pairOf(v, o)
	b, c := r.pairOf(w, o)
	r.same("Addr of the second", b.s.Addr(), a.s.Addr())
	b.start()
	c.start()
	arrives(b, c, 100)
	arrives(c, b, 100)
}
