package sim

import (
	"errors"
	"net"
	"time"

	"example.com/pike/poller"
)

// options are the settings of a socket, as the system keeps them.
type options struct {
	noDelay, keepAlive, broadcast bool
	v6Only, reuse, reusePort      bool
	recvError                     bool
	recvInfo, recvClass, segments bool
	multicastLoop                 bool
	ttl, multicastTTL, class      uint8
	linger                        int32 // -1: off
	idle, interval, count         int32 // of keep-alive, in seconds
	userTimeout                   int32 // milliseconds; 0: none
	recvBuffer, sendBuffer        int32 // bytes
	multicastInterface            int32
}

// The defaults of Linux (socket(7), tcp(7), ip(7)).
const (
	keepAliveIdle     = 7200
	keepAliveInterval = 75
	keepAliveCount    = 9
	bufferMost        = 212992 // net.core.rmem_max and wmem_max
	recvBufferLeast   = 2304   // SOCK_MIN_RCVBUF
	sendBufferLeast   = 4608   // SOCK_MIN_SNDBUF
	hops              = 64
)

// from fills the settings of a new socket.
func (t *options) from(o *poller.Options, cfg *Config) {
	*t = options{
		noDelay: !o.Delay, broadcast: o.Broadcast, v6Only: o.V6Only, reusePort: o.ReusePort,
		recvError: o.RecvError, recvInfo: o.RecvPacketInfo, recvClass: o.RecvTrafficClass,
		segments: o.RecvSegments && !o.NoOffload, multicastLoop: true, ttl: hops, multicastTTL: 1, linger: -1,
		idle: keepAliveIdle, interval: keepAliveInterval, count: keepAliveCount,
		recvBuffer: int32(cfg.RecvBuffer), sendBuffer: int32(cfg.SendBuffer),
	}
	if c := o.Probing(); c.Enable {
		t.keepAlive = true
		t.idle, t.interval = seconds(c.Idle, t.idle), seconds(c.Interval, t.interval)
		if c.Count > 0 {
			t.count = int32(c.Count)
		}
	}
	if o.UserTimeout > 0 {
		t.userTimeout = int32(min((o.UserTimeout-1)/time.Millisecond+1, 1<<31-1))
	}
	if o.RecvBuffer > 0 {
		t.recvBuffer = bufferSize(o.RecvBuffer, recvBufferLeast)
	}
	if o.SendBuffer > 0 {
		t.sendBuffer = bufferSize(o.SendBuffer, sendBufferLeast)
	}
}

// seconds is d in whole seconds, as the system has it, rounded up. If d is not positive the
// setting stays as it is.
func seconds(d time.Duration, own int32) int32 {
	if d <= 0 {
		return own
	}
	return int32((d + time.Second - 1) / time.Second)
}

// check refuses what no system takes, and what is possible only with a descriptor.
func check(o *poller.Options) error {
	if o.Control != nil {
		return errors.ErrUnsupported
	}
	return o.Check()
}

// hash covers what the owner of a new socket has asked for.
func (t *options) hash() uint64 {
	flags := uint64(0)
	for i, on := range [...]bool{
		t.noDelay, t.keepAlive, t.broadcast, t.v6Only, t.reuse, t.reusePort,
		t.recvError, t.recvInfo, t.recvClass, t.segments,
	} {
		if on {
			flags |= 1 << i
		}
	}
	h := mix(fnvOffset, flags)
	for _, v := range [...]int32{t.idle, t.interval, t.count, t.userTimeout, t.recvBuffer, t.sendBuffer} {
		h = mix(h, uint64(uint32(v)))
	}
	return h
}

// bufferSize is what Linux makes of a size: twice that, for its bookkeeping,
// within bounds (socket(7), SO_RCVBUF).
func bufferSize(n int, least int32) int32 { return max(2*int32(min(n, bufferMost)), least) }

// SetOption sets an option as the system would.
func (s *socket) SetOption(o poller.Option, v int) error {
	if s.closed {
		return net.ErrClosed
	}
	s.h.note(vOption, s.id, nil, int64(o)<<32|int64(uint32(v)), eOK)
	if !s.has(o) || o == poller.V6Only {
		return errors.ErrUnsupported
	}
	if !inRange(o, v) {
		return eINVAL.of("setsockopt")
	}
	on := v == 1
	t := &s.opt
	switch o {
	case poller.NoDelay:
		t.noDelay = on
	case poller.KeepAlive:
		t.keepAlive = on
	case poller.Linger:
		t.linger = int32(min(v, 1<<31-1))
	case poller.RecvBuffer:
		t.recvBuffer = bufferSize(v, recvBufferLeast)
	case poller.SendBuffer:
		t.sendBuffer = bufferSize(v, sendBufferLeast)
	case poller.Broadcast:
		t.broadcast = on
	case poller.KeepAliveIdle:
		t.idle = int32(v)
	case poller.KeepAliveInterval:
		t.interval = int32(v)
	case poller.KeepAliveCount:
		t.count = int32(v)
	case poller.UserTimeout:
		t.userTimeout = int32(v)
	case poller.TTL:
		t.ttl = uint8(v)
	case poller.TrafficClass:
		t.class = uint8(v)
	case poller.MulticastTTL:
		t.multicastTTL = uint8(v)
	case poller.MulticastLoop:
		t.multicastLoop = on
	case poller.MulticastInterface:
		if v > interfaces {
			return eADDRNOTAVAIL.of("setsockopt")
		}
		t.multicastInterface = int32(v)
	}
	return nil
}

// Option reads an option.
func (s *socket) Option(o poller.Option) (int, error) {
	if s.closed {
		return 0, net.ErrClosed
	}
	if !s.has(o) || o == poller.BacklogSize || o == poller.MulticastInterface {
		return 0, errors.ErrUnsupported
	}
	t := &s.opt
	switch o {
	case poller.NoDelay:
		return flag(t.noDelay), nil
	case poller.KeepAlive:
		return flag(t.keepAlive), nil
	case poller.KeepAliveIdle:
		return int(t.idle), nil
	case poller.KeepAliveInterval:
		return int(t.interval), nil
	case poller.KeepAliveCount:
		return int(t.count), nil
	case poller.UserTimeout:
		return int(t.userTimeout), nil
	case poller.Linger:
		return int(t.linger), nil
	case poller.RecvBuffer:
		return int(t.recvBuffer), nil
	case poller.SendBuffer:
		return int(t.sendBuffer), nil
	case poller.Broadcast:
		return flag(t.broadcast), nil
	case poller.TTL:
		return int(t.ttl), nil
	case poller.TrafficClass:
		return int(t.class), nil
	case poller.MulticastTTL:
		return int(t.multicastTTL), nil
	case poller.MulticastLoop:
		return flag(t.multicastLoop), nil
	}
	return flag(t.v6Only), nil // V6Only
}

// has reports whether sockets like s have an option.
func (s *socket) has(o poller.Option) bool {
	switch o {
	case poller.KeepAlive, poller.Linger, poller.RecvBuffer, poller.SendBuffer, poller.Broadcast:
		return true
	case poller.NoDelay, poller.KeepAliveIdle, poller.KeepAliveInterval, poller.KeepAliveCount, poller.UserTimeout:
		return s.kind != packetSocket && s.family != unixDomain
	case poller.TTL, poller.TrafficClass:
		return s.family != unixDomain
	case poller.MulticastTTL, poller.MulticastLoop, poller.MulticastInterface:
		return s.kind == packetSocket
	case poller.V6Only:
		return s.family == inet6
	case poller.BacklogSize:
		return s.kind == listenerSocket
	}
	return false
}

// inRange reports whether an option takes a value. The backends check it before they ask the
// system, and Linux checks it then (tcp(7)).
func inRange(o poller.Option, v int) bool {
	switch o {
	case poller.TTL:
		return v >= 1 && v <= 255
	case poller.MulticastTTL, poller.TrafficClass:
		return v >= 0 && v <= 255
	case poller.NoDelay, poller.KeepAlive, poller.Broadcast, poller.MulticastLoop:
		return v == 0 || v == 1
	case poller.Linger:
		return v >= -1
	case poller.KeepAliveIdle, poller.KeepAliveInterval:
		return v >= 1 && v <= 32767
	case poller.KeepAliveCount:
		return v >= 1 && v <= 127
	}
	return v >= 0 && v <= 1<<31-1
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
