package pipe_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/pipe"
	"example.com/pike/timer"
)

// named is a loop, and a listener at a name of its own.
type named struct {
	*testing.T
	lp   *loop.Loop
	name string
	ln   *pipe.Listener
}

var names atomic.Int64

func freshName() string { return fmt.Sprintf(`\\.\pipe\pike-test-%d-%d`, os.Getpid(), names.Add(1)) }

// newNamed listens, and has serve called for each connection.
func newNamed(t *testing.T, o *pipe.Options, serve func(c *pipe.Conn)) *named {
	t.Helper()
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lp.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Errorf("closing the loop: %v", err)
		}
	})
	n := &named{T: t, lp: lp, name: freshName()}
	n.ln, err = pipe.Listen(lp, n.name, o)
	n.no(err)
	n.ln.OnAccept = serve
	return n
}

func (n *named) no(err error) {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
}

func (n *named) is(what string, err, want error) {
	n.Helper()
	if !errors.Is(err, want) {
		n.Errorf("%s: %v, want %v", what, err, want)
	}
}

// until runs the loop until done, a minute at most.
func (n *named) until(what string, done func() bool) {
	n.Helper()
	late := false
	guard, err := timer.After(n.lp, time.Minute, func() { late = true })
	n.no(err)
	guard.Unref()
	for !done() {
		if alive, err := n.lp.RunOnce(); err != nil || late || !alive && !done() {
			n.Fatalf("waited in vain until %s (loop alive %v, %v)", what, alive, err)
		}
	}
	guard.Close()
}

// dial connects, and calls fn when that is done.
func (n *named) dial(o *pipe.Options, fn func(c *pipe.Conn)) *pipe.Conn {
	n.Helper()
	c, err := pipe.Dial(n.lp, n.name, o, func(c *pipe.Conn, err error) {
		if err == nil {
			fn(c)
		} else if !errors.Is(err, net.ErrClosed) { // the test closes a loop that has dials still
			n.Errorf("Dial: %v", err)
		}
	})
	n.no(err)
	return c
}

// pair is both ends of a connection.
func (n *named) pair(o *pipe.Options) (client, server *pipe.Conn) {
	n.Helper()
	n.ln.OnAccept = func(c *pipe.Conn) { server = c }
	n.dial(o, func(c *pipe.Conn) { client = c })
	n.until("both ends are there", func() bool { return client != nil && server != nil })
	return client, server
}

// ends notes how a connection ends.
type ends struct {
	over   bool
	reason error
}

func watch(c *pipe.Conn) *ends {
	e := new(ends)
	c.OnClose = func(_ *pipe.Conn, err error) { e.over, e.reason = true, err }
	return e
}

func echo(c *pipe.Conn) { c.OnRead = func(c *pipe.Conn, p []byte) { c.Write(p) } }
