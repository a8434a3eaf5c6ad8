package load

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// churnSources is from how many addresses of 127.0.0.0/8 a churn connects. Each connection leaves its port in TIME_WAIT
// for a minute, and an address has only 28,000 of them.
const churnSources = 200

// churn makes connections, has one small message answered on each, and closes them: libuv's benchmark-pound.c.
type churn struct {
	clock
	span
	target Target
	poll   *poll
	to     unix.SockaddrInet4
	slots  []churning
	made   uint64 // connections ever
	count  int64  // connections answered in the window
	ever   int64
	inbox  [64]byte
}

// churning is the connection that a slot has now.
type churning struct {
	fd    int32
	stamp uint64
	sent  bool
}

func churnMain(args []string) (any, error) {
	var c churn
	fs := c.target.flags("tcp-churn")
	conns := fs.Int("conns", 100, "`number` of connections at a time")
	c.span.flags(fs)
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	to, err := netip.ParseAddrPort(c.target.Addr)
	if err != nil {
		return nil, err
	}
	c.to = unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	if c.poll, err = newPoll(); err != nil {
		return nil, err
	}
	c.begin()
	c.slots = make([]churning, *conns)
	for i := range c.slots {
		if err := c.dial(i); err != nil {
			return nil, err
		}
	}
	w, err := c.run(&c.clock, c.target, c.turn, func() bool { return c.ever > 0 }, &c.count)
	return &w, err
}

func (c *churn) dial(i int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	c.made++
	from := unix.SockaddrInet4{Addr: [4]byte{127, 0, 1, byte(1 + c.made%churnSources)}}
	// With this option connect chooses a port that is free towards the server (ip(7), IP_BIND_ADDRESS_NO_PORT).
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return fmt.Errorf("IP_BIND_ADDRESS_NO_PORT: %w", err)
	}
	if err := unix.Bind(fd, &from); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if err := unix.Connect(fd, &c.to); err != nil && err != unix.EINPROGRESS {
		return fmt.Errorf("connection %d: connect: %w", c.made, err)
	}
	c.slots[i] = churning{fd: int32(fd), stamp: c.made}
	return c.poll.set(ctlAdd, int32(fd), readable|writable, i)
}

func (c *churn) turn() error {
	events, err := c.poll.wait()
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return c.rest()
	}
	for k := range events {
		i := int(events[k].Fd)
		if s := &c.slots[i]; !s.sent {
			err = c.ask(i, s)
		} else {
			err = c.answered(i, s)
		}
		if err != nil {
			return fmt.Errorf("connection %d: %w", c.slots[i].stamp, err)
		}
	}
	c.work()
	return nil
}

func (c *churn) ask(i int, s *churning) error {
	if err := socketError(int(s.fd)); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	message := c.inbox[:stampBytes]
	binary.LittleEndian.PutUint64(message, s.stamp)
	if n, errno := send(s.fd, message); errno != 0 || n != len(message) {
		return fmt.Errorf("send: %d bytes, %w", n, errno)
	}
	s.sent = true
	return c.poll.set(ctlMod, s.fd, readable, i)
}

func (c *churn) answered(i int, s *churning) error {
	n, errno := recv(s.fd, c.inbox[:])
	if errno != 0 {
		return fmt.Errorf("recv: %w", errno)
	}
	if n != stampBytes || binary.LittleEndian.Uint64(c.inbox[:]) != s.stamp {
		return fmt.Errorf("%d bytes came, not the %d sent", n, stampBytes)
	}
	closeSocket(s.fd)
	c.count++
	c.ever++
	return c.dial(i)
}
