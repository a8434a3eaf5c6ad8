package stream

// The options of a connection can be set and read from the function given to
// Dial on; before that the answer is syscall.ENOTCONN.

import (
	"fmt"
	"math"
	"net"
	"syscall"
	"time"

	"example.com/pike/internal/netop"
	"example.com/pike/poller"
)

// optionable is why there is no socket whose options can be set or read, or nil. While a name is
// resolved there is none yet, and while addresses are tried there are several.
func (c *Conn) optionable() error {
	switch {
	case c.Closing():
		return net.ErrClosed
	case c.life == connecting:
		return syscall.ENOTCONN
	}
	return nil
}

// set sets an option of the socket.
func (c *Conn) set(method string, o poller.Option, v int) error {
	if err := c.lp().Check(method); err != nil {
		return err
	}
	if err := c.optionable(); err != nil {
		return c.fail("set", err)
	}
	if err := netop.SetOption(c.s, o, v); err != nil {
		return c.fail("set", err)
	}
	return nil
}

func (c *Conn) get(method string, o poller.Option) (int, error) {
	if err := c.lp().Check(method); err != nil {
		return 0, err
	}
	if err := c.optionable(); err != nil {
		return 0, c.fail("get", err)
	}
	v, err := c.s.Option(o)
	if err != nil {
		return 0, c.fail("get", err)
	}
	return v, nil
}

// SetNoDelay turns Nagle's algorithm off, which is how connections start, or
// on (TCP_NODELAY).
func (c *Conn) SetNoDelay(on bool) error {
	return c.set("stream.Conn.SetNoDelay", poller.NoDelay, netop.Flag(on))
}

// NoDelay reports whether Nagle's algorithm is off.
func (c *Conn) NoDelay() (bool, error) {
	v, err := c.get("stream.Conn.NoDelay", poller.NoDelay)
	return v != 0, err
}

// SetKeepAlive has the system probe a peer that is silent, or not
// (SO_KEEPALIVE); see SetKeepAlivePeriod.
func (c *Conn) SetKeepAlive(on bool) error {
	return c.set("stream.Conn.SetKeepAlive", poller.KeepAlive, netop.Flag(on))
}

// KeepAlive reports whether the system probes a silent peer.
func (c *Conn) KeepAlive() (bool, error) {
	v, err := c.get("stream.Conn.KeepAlive", poller.KeepAlive)
	return v != 0, err
}

// SetKeepAlivePeriod sets how long the peer is silent before the first probe,
// and the time between probes; seconds, rounded up. What is not positive is
// os.ErrInvalid: SetKeepAlive(false) is what turns probes off.
func (c *Conn) SetKeepAlivePeriod(d time.Duration) error {
	if err := c.lp().Check("stream.Conn.SetKeepAlivePeriod"); err != nil {
		return err
	}
	if d <= 0 && !c.Closing() {
		return c.fail("set", errInvalid)
	}
	s := int(min((d-1)/time.Second+1, math.MaxInt32)) // not (d+time.Second-1)/time.Second, which may be too much
	if err := c.set("stream.Conn.SetKeepAlivePeriod", poller.KeepAliveIdle, s); err != nil {
		return err
	}
	return c.set("stream.Conn.SetKeepAlivePeriod", poller.KeepAliveInterval, s)
}

// SetUserTimeout sets how long what was sent may stay unacknowledged, or wait for a
// peer that has no room, before the system ends the connection (RFC 5482;
// TCP_USER_TIMEOUT), in milliseconds, rounded up: OnClose then has
// syscall.ETIMEDOUT. 0 leaves it to the system, which on Linux tries for a quarter of an hour.
// A time that is negative or longer than 2^31-1 ms is os.ErrInvalid.
//
// It is the system's own [Conn.SetWriteTimeout]. It goes on when Close has been called, and also
// decides how long keep-alive probes a silent peer. Linux and the simulator have it. macOS, FreeBSD from
// 14 on and Windows from 10 on have one that counts in seconds, or concerns only what is sent again.
// Elsewhere it is errors.ErrUnsupported.
func (c *Conn) SetUserTimeout(d time.Duration) error {
	const method = "stream.Conn.SetUserTimeout"
	if err := c.lp().Check(method); err != nil {
		return err
	}
	if err := validUserTimeout(d); err != nil && c.life != finished {
		return c.fail("set", err)
	}
	return c.set(method, poller.UserTimeout, int((d+time.Millisecond-1)/time.Millisecond))
}

// userTimeoutMost is what fits the system's 32 bits, 24 days.
const userTimeoutMost = math.MaxInt32 * time.Millisecond

func validUserTimeout(d time.Duration) error {
	if d < 0 || d > userTimeoutMost {
		return fmt.Errorf("UserTimeout of %v: %w", d, errInvalid)
	}
	return nil
}

// SetReadBuffer sets the size of the system's receive buffer, in bytes
// (SO_RCVBUF). Linux makes it twice that, for its own book-keeping (socket(7)).
func (c *Conn) SetReadBuffer(bytes int) error {
	return c.set("stream.Conn.SetReadBuffer", poller.RecvBuffer, bytes)
}

// ReadBufferSize is the size of the system's receive buffer.
func (c *Conn) ReadBufferSize() (int, error) {
	return c.get("stream.Conn.ReadBufferSize", poller.RecvBuffer)
}

// SetWriteBuffer sets the size of the system's send buffer, in bytes
// (SO_SNDBUF).
func (c *Conn) SetWriteBuffer(bytes int) error {
	return c.set("stream.Conn.SetWriteBuffer", poller.SendBuffer, bytes)
}

// WriteBufferSize is the size of the system's send buffer.
func (c *Conn) WriteBufferSize() (int, error) {
	return c.get("stream.Conn.WriteBufferSize", poller.SendBuffer)
}

// SetLinger sets what the system does with what it has not sent when the connection is closed
// (SO_LINGER), as in package net. A negative value, which is the default, sends it in the background;
// 0 drops it and resets the connection. Positive values are os.ErrInvalid, because they would block
// the loop. What this package has queued is sent before in any case; see Options.DrainTimeout.
func (c *Conn) SetLinger(seconds int) error {
	if err := c.lp().Check("stream.Conn.SetLinger"); err != nil {
		return err
	}
	if seconds > 0 && !c.Closing() {
		return c.fail("set", errInvalid)
	}
	return c.set("stream.Conn.SetLinger", poller.Linger, max(seconds, -1))
}

// SetTTL sets the hops that packets of the connection may take, 1 to 255.
func (c *Conn) SetTTL(hops int) error { return c.set("stream.Conn.SetTTL", poller.TTL, hops) }

// SetTrafficClass sets the DSCP and ECN byte of packets (RFC 2474).
func (c *Conn) SetTrafficClass(class int) error {
	return c.set("stream.Conn.SetTrafficClass", poller.TrafficClass, class)
}

// SyscallConn gives access to the descriptor, for options that have no method.
// Only its Control works, until Close; reading and writing are the loop's.
func (c *Conn) SyscallConn() (syscall.RawConn, error) {
	if err := c.lp().Check("stream.Conn.SyscallConn"); err != nil {
		return nil, err
	}
	if err := c.optionable(); err != nil {
		return nil, c.fail("raw", err)
	}
	return netop.RawConn(poller.Bottom(c.s), c.Closing)
}
