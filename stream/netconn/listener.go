package netconn

import (
	"net"
	"os"
	"sync"

	"example.com/pike/poller"
	"example.com/pike/stream"
)

// backlog is how many connections wait for Accept before the listener pauses: more wait with the system, whose limit
// Options.Backlog is.
const backlog = 128

// A Listener is a net.Listener on a listener of a loop. Any goroutine but the loop's may call its methods, many
// at once.
type Listener struct {
	b    *bridge
	ln   *stream.Listener // the loop's
	addr net.Addr

	mu     sync.Mutex
	cond   sync.Cond
	conns  []*Conn // for Accept
	paused bool
	closed bool  // Close, or the loop has closed it
	told   bool  // Close
	why    error // what is answered once closed
}

// Listen makes a net.Listener of ln. OnAccept and OnClose belong to it from then on, and so do Pause and Resume. Those that
// were set before are still called: an OnAccept may set options of a connection, timeouts say, and one that it
// closes is not given out.
//
// Listen belongs to the loop's goroutine. What it cannot make a net.Listener of it leaves as it is, and every method of what it
// returns answers why: os.ErrInvalid for nil, net.ErrClosed for one that is closed, loop.ErrOffLoop.
func Listen(ln *stream.Listener) *Listener {
	l := &Listener{ln: ln, why: net.ErrClosed}
	l.cond.L = &l.mu
	if err := mayListen(ln); err != nil {
		l.addr, l.why, l.closed, l.told = netAddr(poller.Addr{}, poller.Addr{}), err, true, true
		return l
	}
	l.b, l.addr = bridgeOf(ln.Loop()), netAddr(ln.LocalAddr(), ln.LocalAddr())
	accepted, closed := ln.OnAccept, ln.OnClose
	ln.OnAccept = func(c *stream.Conn) {
		if accepted != nil {
			accepted(c)
		}
		if !c.Closing() {
			l.offer(Wrap(c))
		}
	}
	ln.OnClose = func() {
		l.end()
		if closed != nil {
			closed()
		}
	}
	return l
}

// mayListen is why ln is not taken, or nil.
func mayListen(ln *stream.Listener) error {
	if ln == nil {
		return os.ErrInvalid
	}
	if err := ln.Loop().Maker().Check("netconn.Listen"); err != nil {
		return err
	}
	if ln.Closing() {
		return net.ErrClosed
	}
	return nil
}

// offer gives a connection to Accept.
func (l *Listener) offer(n *Conn) {
	l.mu.Lock()
	if l.closed { // the loop has yet to hear of it
		l.mu.Unlock()
		n.close(true)
		return
	}
	l.conns = append(l.conns, n)
	if len(l.conns) >= backlog {
		l.paused = true
		l.ln.Pause()
	}
	l.mu.Unlock()
	l.cond.Signal()
	l.b.handOver()
}

// Accept waits for a connection. It is a *Conn.
func (l *Listener) Accept() (net.Conn, error) {
	l.enter()
	l.mu.Lock()
	for len(l.conns) == 0 && !l.closed {
		l.cond.Wait()
		if l.b.gate != nil {
			l.mu.Unlock()
			l.enter()
			l.mu.Lock()
		}
	}
	if l.closed {
		l.mu.Unlock()
		return nil, l.fail("accept")
	}
	n := l.conns[0]
	l.conns[copy(l.conns, l.conns[1:])] = nil
	l.conns = l.conns[:len(l.conns)-1]
	resume := l.paused && len(l.conns) <= backlog/2
	l.paused = l.paused && !resume
	l.mu.Unlock()
	if resume {
		l.b.lp.Post(func() { l.ln.Resume() })
	}
	return n, nil
}

// Close stops listening. Accept is net.ErrClosed from now on, also one that waits; connections that nobody has accepted are reset. When
// the address is free the loop tells by the OnClose that was set before.
func (l *Listener) Close() error {
	l.enter()
	l.mu.Lock()
	told := l.told
	l.told = true
	l.mu.Unlock()
	if told {
		return l.fail("close")
	}
	l.end()
	l.b.lp.Post(func() { l.ln.Close() }) // which says net.ErrClosed where the loop is: so is the listener
	return nil
}

// end is when there are no more connections.
func (l *Listener) end() {
	l.mu.Lock()
	l.closed = true
	waiting := l.conns
	l.conns = nil
	l.mu.Unlock()
	l.cond.Broadcast()
	for _, n := range waiting {
		n.close(true)
	}
}

// Addr is the address listened on: a *net.TCPAddr or a *net.UnixAddr.
func (l *Listener) Addr() net.Addr { return l.addr }

func (l *Listener) fail(op string) error {
	return &net.OpError{Op: op, Net: l.addr.Network(), Addr: l.addr, Err: l.why}
}

func (l *Listener) enter() {
	if l.b != nil {
		l.b.enter()
	}
}

var _ net.Listener = (*Listener)(nil)
