package sys

import (
	"errors"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
)

const maxKeepAlive = 1<<15 - 1 // seconds (TCP_KEEPIDLE in "IPPROTO_TCP socket options"; 9 hours)

// The system's own times, in seconds (SIO_KEEPALIVE_VALS in "Winsock IOCTLs").
const (
	defaultIdle     = 7200
	defaultInterval = 1
)

// noKeepOptions is set where the system has no TCP_KEEPIDLE and TCP_KEEPINTVL
// (before Windows 10 version 1709, "IPPROTO_TCP socket options").
var noKeepOptions atomic.Bool

// KeepAlive is the times of a socket where the system does not tell them: there
// both are set at once and cannot be read. 0 is the system's own.
type KeepAlive struct{ idle, interval uint16 }

func (k *KeepAlive) SetOption(h windows.Handle, family int, o poller.Option, v int) error {
	if o != poller.KeepAliveIdle && o != poller.KeepAliveInterval && o != poller.KeepAlive {
		return SetOption(h, family, o, v)
	}
	if o == poller.KeepAlive || !noKeepOptions.Load() {
		err := SetOption(h, family, o, v)
		switch {
		case o == poller.KeepAlive && err == nil && v == 1 && (k.idle|k.interval) != 0:
			return k.apply(h)
		case o == poller.KeepAlive || !errors.Is(err, errors.ErrUnsupported):
			return err
		}
		noKeepOptions.Store(true)
	}
	if !checkOption(o, v) {
		return CallError("setsockopt", windows.WSAEINVAL)
	}
	if o == poller.KeepAliveIdle {
		k.idle = uint16(v)
	} else {
		k.interval = uint16(v)
	}
	if on, err := GetOption(h, family, poller.KeepAlive); on == 0 || err != nil {
		return err // the times are set when it is turned on
	}
	return k.apply(h)
}

// apply sets both times and turns probing on.
func (k *KeepAlive) apply(h windows.Handle) error {
	in := struct{ on, idle, interval uint32 }{1, defaultIdle * 1000, defaultInterval * 1000} // tcp_keepalive (mstcpip.h)
	if k.idle > 0 {
		in.idle = uint32(k.idle) * 1000
	}
	if k.interval > 0 {
		in.interval = uint32(k.interval) * 1000
	}
	var n uint32
	return Fault("wsaioctl", windows.WSAIoctl(h, windows.SIO_KEEPALIVE_VALS,
		(*byte)(unsafe.Pointer(&in)), uint32(unsafe.Sizeof(in)), nil, 0, &n, nil, 0))
}

func (k *KeepAlive) Option(h windows.Handle, family int, o poller.Option) (int, error) {
	if o == poller.KeepAliveIdle || o == poller.KeepAliveInterval {
		if !noKeepOptions.Load() {
			v, err := GetOption(h, family, o)
			if !errors.Is(err, errors.ErrUnsupported) {
				return v, err
			}
			noKeepOptions.Store(true)
		}
		v, other := k.idle, uint16(defaultIdle)
		if o == poller.KeepAliveInterval {
			v, other = k.interval, defaultInterval
		}
		if v == 0 {
			v = other
		}
		return int(v), nil
	}
	return GetOption(h, family, o)
}

// Inheritance is the options of a listener that its connections are to have. They are set on
// each, because nothing says which ones SO_UPDATE_ACCEPT_CONTEXT passes on.
type Inheritance struct {
	Keep KeepAlive
	has  [poller.BacklogSize]bool
	v    [poller.BacklogSize]int
}

func (i *Inheritance) SetOption(h windows.Handle, family int, o poller.Option, v int) error {
	err := i.Keep.SetOption(h, family, o, v)
	if err == nil && o < poller.BacklogSize {
		i.has[o], i.v[o] = true, v
	}
	return err
}

// Apply sets what o asks of the listener.
func (i *Inheritance) Apply(h windows.Handle, family int, o *poller.Options) error {
	return ApplyStream(h, family, o, i)
}

// Pass sets what the listener has on a connection. A failure leaves the
// connection as the system made it.
func (i *Inheritance) Pass(h windows.Handle, family int, k *KeepAlive) {
	for o, has := range i.has {
		if has {
			k.SetOption(h, family, poller.Option(o), i.v[o])
		}
	}
}
