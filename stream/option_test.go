package stream_test

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/tcp"
)

func TestOptions(t *testing.T) {
	r := newRig(t)
	_, c := r.pair()
	flag := func(name string, set func(bool) error, get func() (bool, error)) {
		t.Helper()
		for _, on := range []bool{true, false, true} {
			r.no(set(on))
			got, err := get()
			r.no(err)
			r.equal(name, got, on)
		}
	}
	flag("NoDelay", c.SetNoDelay, c.NoDelay)
	flag("KeepAlive", c.SetKeepAlive, c.KeepAlive)
	size := func(name string, set func(int) error, get func() (int, error)) {
		t.Helper()
		r.no(set(10_000))
		got, err := get()
		r.no(err)
		if got != 10_000 && got != 20_000 { // twice on Linux (socket(7))
			t.Errorf("%s: %d after it was set to 10000", name, got)
		}
	}
	size("ReadBuffer", c.SetReadBuffer, c.ReadBufferSize)
	size("WriteBuffer", c.SetWriteBuffer, c.WriteBufferSize)
	r.no(c.SetKeepAlivePeriod(1500 * time.Millisecond))
	r.no(c.SetTTL(3))
	r.no(c.SetTrafficClass(0x28))
	r.no(c.SetLinger(0))
	r.no(c.SetLinger(-5))
}

// The options of a listener are those of the connections it accepts, and the
// options of a dial are its connection's.
func TestOptionsAtTheStart(t *testing.T) {
	for name, o := range map[string]*tcp.Options{
		"default": nil,
		"zero":    {},
		"set":     {Delay: true, KeepAlive: -1, ReadBuffer: 10_000, WriteBuffer: 12_000},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			dialed, accepted := r.pairOf(o, o)
			for what, c := range map[string]*tcp.Conn{"dialed": dialed, "accepted": accepted} {
				on := o == nil || !o.Delay
				got, err := c.NoDelay()
				r.no(err)
				r.equal(what+": NoDelay", got, on)
				got, err = c.KeepAlive()
				r.no(err)
				r.equal(what+": KeepAlive", got, on)
				if name != "set" {
					continue
				}
				n, err := c.ReadBufferSize()
				r.no(err)
				r.equal(what+": ReadBuffer", n == 10_000 || n == 20_000, true)
				n, err = c.WriteBufferSize()
				r.no(err)
				r.equal(what+": WriteBuffer", n == 12_000 || n == 24_000, true)
			}
		})
	}
}

// What is out of range is named, before anything is done.
func TestOptionsOutOfRange(t *testing.T) {
	r := newRig(t)
	for name, o := range map[string]tcp.Options{
		"KeepAlive":                {KeepAlive: 10 * time.Hour},
		"KeepAliveConfig.Idle":     {KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Hour}},
		"KeepAliveConfig.Interval": {KeepAliveConfig: net.KeepAliveConfig{Enable: true, Interval: 10 * time.Hour}},
		"KeepAliveConfig.Count":    {KeepAliveConfig: net.KeepAliveConfig{Enable: true, Count: 200}},
	} {
		_, err := tcp.Listen(r.lp, loopback, &o)
		r.named(err, name)
		_, err = tcp.Dial(r.lp, "127.0.0.1:1", &o, func(*tcp.Conn, error) { t.Error("Dial went on") })
		r.named(err, name)
	}
	r.equal("alive", r.lp.Alive(), false)
}

func (r *rig) named(err error, option string) {
	r.Helper()
	r.is(err, syscall.EINVAL)
	var o *poller.OptionError
	if !errors.As(err, &o) || o.Name != option {
		r.Errorf("error %v, want one of %s", err, option)
	}
}
