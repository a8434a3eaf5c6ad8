package poller

import (
	"errors"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/windows"
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

// keepAlive is the times of a socket where the system does not tell them: there
// both are set at once and cannot be read. 0 is the system's own.
type keepAlive struct{ idle, interval uint16 }

func (k *keepAlive) setOption(h windows.Handle, family int, o Option, v int) error {
	if o != KeepAliveIdle && o != KeepAliveInterval && o != KeepAlive {
		return setOption(h, family, o, v)
	}
	if o == KeepAlive || !noKeepOptions.Load() {
		err := setOption(h, family, o, v)
		switch {
		case o == KeepAlive && err == nil && v == 1 && (k.idle|k.interval) != 0:
			return k.apply(h)
		case o == KeepAlive || !errors.Is(err, errors.ErrUnsupported):
			return err
		}
		noKeepOptions.Store(true)
	}
	if !checkOption(o, v) {
		return callError("setsockopt", windows.WSAEINVAL)
	}
	if o == KeepAliveIdle {
		k.idle = uint16(v)
	} else {
		k.interval = uint16(v)
	}
	if on, err := getOption(h, family, KeepAlive); on == 0 || err != nil {
		return err // the times are set when it is turned on
	}
	return k.apply(h)
}

// apply sets both times and turns probing on.
func (k *keepAlive) apply(h windows.Handle) error {
	in := struct{ on, idle, interval uint32 }{1, defaultIdle * 1000, defaultInterval * 1000} // tcp_keepalive (mstcpip.h)
	if k.idle > 0 {
		in.idle = uint32(k.idle) * 1000
	}
	if k.interval > 0 {
		in.interval = uint32(k.interval) * 1000
	}
	var n uint32
	return fault("wsaioctl", windows.WSAIoctl(h, windows.SIO_KEEPALIVE_VALS,
		(*byte)(unsafe.Pointer(&in)), uint32(unsafe.Sizeof(in)), nil, 0, &n, nil, 0))
}

func (k *keepAlive) option(h windows.Handle, family int, o Option) (int, error) {
	if o == KeepAliveIdle || o == KeepAliveInterval {
		if !noKeepOptions.Load() {
			v, err := getOption(h, family, o)
			if !errors.Is(err, errors.ErrUnsupported) {
				return v, err
			}
			noKeepOptions.Store(true)
		}
		v, other := k.idle, uint16(defaultIdle)
		if o == KeepAliveInterval {
			v, other = k.interval, defaultInterval
		}
		if v == 0 {
			v = other
		}
		return int(v), nil
	}
	return getOption(h, family, o)
}

// inheritance is the options of a listener that its connections are to have: what
// SO_UPDATE_ACCEPT_CONTEXT passes on is said nowhere, so that they are set.
type inheritance struct {
	keep keepAlive
	has  [BacklogSize]bool
	v    [BacklogSize]int
}

func (i *inheritance) setOption(h windows.Handle, family int, o Option, v int) error {
	err := i.keep.setOption(h, family, o, v)
	if err == nil && o < BacklogSize {
		i.has[o], i.v[o] = true, v
	}
	return err
}

// apply sets what o asks of the listener.
func (i *inheritance) apply(h windows.Handle, family int, o *Options) error {
	return applyStream(h, family, o, i)
}

// pass sets what the listener has on a connection. A failure leaves the
// connection as the system made it.
func (i *inheritance) pass(h windows.Handle, family int, k *keepAlive) {
	for o, has := range i.has {
		if has {
			k.setOption(h, family, Option(o), i.v[o])
		}
	}
}
