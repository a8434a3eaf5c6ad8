package load

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// EchoReport is what tcp-echo prints.
type EchoReport struct {
	Window
	P50, P99, P999 time.Duration
}

func echoMain(args []string) (any, error) {
	var e echo
	fs := e.target.flags("tcp-echo")
	fs.BoolVar(&e.secure, "tls", false, "speak TLS")
	conns := fs.Int("conns", 100, "`number` of connections, each with one message under way")
	size := fs.Int("size", 64, "`bytes` of a message, at least 8")
	e.span.flags(fs)
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if *conns < 1 || *size < stampBytes {
		return nil, fmt.Errorf("%d connections of %d bytes make no load", *conns, *size)
	}
	e.init(*size)
	defer e.close()
	if err := e.connect(*conns); err != nil {
		return nil, err
	}
	return e.measure()
}

var (
	errStalled = fmt.Errorf("nothing heard for %v", stallLimit)
	errSilent  = errors.New("nothing came in the measured window")
)

const (
	stampBytes = 8
	inboxBytes = 64 << 10
	// stallLimit is when a load that hears nothing gives the server up.
	stallLimit = 30 * time.Second
	// emptyPollMax is far more than a poll takes that finds nothing. In a longer one the thread was off its core,
	// and that is no idle time.
	emptyPollMax = 20 * time.Microsecond
)

// echo keeps one message under way on each connection and checks every byte that comes back.
type echo struct {
	clock
	span
	target   Target
	poll     *poll
	conns    []conn
	due      []int32 // connections whose answer is in and whose next message is not out
	message  []byte  // what all connections send, but for the stamp
	inbox    []byte
	latency  Histogram
	messages int64
	secure   bool // the server speaks TLS
	answered int  // connections that have answered at least once
	once     bool // fall silent after the first answer
}

// conn is one connection; its message is told from all others by connection and sequence number.
type conn struct {
	fd     int32
	seq    uint32
	sent   int
	got    int
	sentAt time.Duration
	queued bool      // waiting for room to send the rest
	tls    *tls.Conn // with echo.secure
}

func (c *conn) recv(p []byte) (int, error) {
	if c.tls != nil {
		return c.tls.Read(p)
	}
	return failure(recv(c.fd, p))
}

func (c *conn) send(p []byte) (int, error) {
	if c.tls != nil {
		return c.tls.Write(p)
	}
	return failure(send(c.fd, p))
}

func (e *echo) init(size int) {
	e.begin()
	e.inbox = make([]byte, inboxBytes)
	e.message = make([]byte, size)
	for i := range e.message {
		e.message[i] = byte(i * 131 >> 3) // no short period, so that a shift by any count shows
	}
}

// connect opens every connection before the first message, so that the warm-up does not measure accepting.
func (e *echo) connect(n int) (err error) {
	to, err := netip.ParseAddrPort(e.target.Addr)
	if err != nil {
		return err
	}
	if e.poll, err = newPoll(); err != nil {
		return err
	}
	e.conns = make([]conn, 0, n)
	e.due = make([]int32, 0, len(e.poll.events))
	for i := range n {
		fd, err := dial(to)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		e.conns = append(e.conns, conn{fd: int32(fd)})
		if e.secure {
			if e.conns[i].tls, err = shakeHands(int32(fd)); err != nil {
				return fmt.Errorf("connection %d: %w", i, err)
			}
		}
		if err := e.poll.set(ctlAdd, int32(fd), readable, i); err != nil {
			return err
		}
	}
	return nil
}

func (e *echo) close() {
	for i := range e.conns {
		closeSocket(e.conns[i].fd)
	}
	if e.poll != nil {
		e.poll.close()
	}
}

func (e *echo) measure() (*EchoReport, error) {
	if err := e.start(); err != nil {
		return nil, err
	}
	warming := true
	ready := func() bool {
		if e.answered < len(e.conns) {
			return false
		}
		warming, e.latency = false, Histogram{}
		return true
	}
	w, err := e.run(&e.clock, e.target, e.turn, ready, &e.messages)
	if err != nil && warming {
		err = fmt.Errorf("warming up, %d of %d connections have answered: %w", e.answered, len(e.conns), err)
	}
	return &EchoReport{w, e.latency.Quantile(0.5), e.latency.Quantile(0.99), e.latency.Quantile(0.999)}, err
}

func (e *echo) start() error {
	e.now = e.read()
	e.heard = e.now
	for i := range e.conns {
		e.conns[i].sentAt = e.read()
		if err := e.flush(i); err != nil {
			return err
		}
	}
	return nil
}

// turn receives whatever is ready, and then sends what became due. All receives and then all sends are a tenth faster than
// the two in turn, because the kernel's code for each stays in the cache. When nothing was ready, the time was idle.
func (e *echo) turn() error {
	events, err := e.poll.wait()
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return e.rest()
	}
	for i := range events {
		if err := e.serve(int(events[i].Fd), events[i].Events); err != nil {
			return err
		}
	}
	err = e.sendDue()
	e.work()
	return err
}

func (e *echo) sendDue() error {
	for _, i := range e.due {
		e.conns[i].sentAt = e.read()
		if err := e.flush(int(i)); err != nil {
			return err
		}
	}
	e.due = e.due[:0]
	return nil
}

func (e *echo) serve(i int, ready uint32) error {
	if ready&writable != 0 {
		if err := e.flush(i); err != nil {
			return err
		}
	}
	if ready&^writable != 0 {
		return e.receive(i)
	}
	return nil
}

func (e *echo) receive(i int) error {
	c := &e.conns[i]
	n, err := c.recv(e.inbox)
	if err != nil && n == 0 {
		if notNow(err) {
			return nil
		}
		return fmt.Errorf("connection %d: recv: %w", i, err)
	}
	if n == 0 {
		return fmt.Errorf("connection %d: the server hung up", i)
	}
	if err := e.check(i, e.inbox[:n]); err != nil {
		return err
	}
	if c.got += n; c.got == len(e.message) {
		e.next(i)
	} else if e.secure { // no event tells of what tls.Conn has read already
		return e.receive(i)
	}
	return nil
}

// check compares what came with what should, at the place of the message it came for.
func (e *echo) check(i int, p []byte) error {
	c := &e.conns[i]
	if c.got+len(p) > c.sent {
		return fmt.Errorf("connection %d, message %d: %d bytes came of %d sent", i, c.seq, c.got+len(p), c.sent)
	}
	if c.got < stampBytes {
		e.stamp(i)
	}
	if want := e.message[c.got : c.got+len(p)]; string(p) != string(want) {
		return fmt.Errorf("connection %d, message %d: wrong bytes at %d", i, c.seq, c.got+differ(p, want))
	}
	return nil
}

// next ends a message and makes the one after it due.
func (e *echo) next(i int) {
	c := &e.conns[i]
	e.latency.add(e.read() - c.sentAt)
	e.messages++
	if c.seq == 0 {
		e.answered++
	}
	c.seq++
	c.sent, c.got = 0, 0
	if !e.once {
		e.due = append(e.due, int32(i))
	}
}

// flush sends what is left of a connection's message, and asks to be told of room when the kernel has none.
func (e *echo) flush(i int) error {
	c := &e.conns[i]
	if c.sent < stampBytes {
		e.stamp(i)
	}
	if c.sent < len(e.message) {
		n, err := c.send(e.message[c.sent:])
		if err == nil {
			c.sent += n
		} else if !notNow(err) {
			return fmt.Errorf("connection %d: send: %w", i, err)
		}
	}
	if rest := c.sent < len(e.message); rest != c.queued {
		c.queued = rest
		events := uint32(readable)
		if rest {
			events |= writable
		}
		return e.poll.set(ctlMod, c.fd, events, i)
	}
	return nil
}

func (e *echo) stamp(i int) {
	binary.LittleEndian.PutUint64(e.message, uint64(i)<<32|uint64(e.conns[i].seq))
}

func differ(p, want []byte) int {
	for i := range p {
		if p[i] != want[i] {
			return i
		}
	}
	return len(p)
}
