package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"example.com/pike/examples/chat/line"
	"example.com/pike/loop"
	"example.com/pike/signal"
	"example.com/pike/stream/frame"
	"example.com/pike/tcp"
)

const (
	dialTime    = 10 * time.Second
	drainTime   = time.Second // for a server that does not read, when we leave
	unsentMost  = 64 << 10    // bytes; above it no more is read from standard input
	serverLines = 64 << 10    // bytes of a line from the server
)

// A terminal is one end of a chat.
type terminal struct {
	lp    *loop.Loop
	conn  *tcp.Conn
	name  string
	in    io.Reader
	out   io.Writer
	lines line.Splitter
	shown []byte
	tail  byte          // the last byte of the input
	ended bool          // the input has
	held  bool          // the input waits for the server to read
	more  chan struct{} // lets input read on
	gone  chan struct{} // closed when nobody is interested in the input any more
	left  bool          // by a signal
	err   error
}

// join connects in and out with the server until one of the two ends. When the input ends, the server answers what came
// before, and closes.
func join(o options, in io.Reader, out, stderr io.Writer) error {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		return err
	}
	defer lp.Close()
	t := &terminal{lp: lp, name: o.name, in: in, out: out, tail: '\n'}
	t.lines.Max = serverLines
	t.more, t.gone = make(chan struct{}, 1), make(chan struct{})
	defer close(t.gone)
	t.conn, err = tcp.Dial(lp, o.connect, &tcp.Options{Timeout: dialTime, DrainTimeout: drainTime}, t.connected)
	if err != nil {
		return err
	}
	w, err := signal.Notify(lp, t.signaled, os.Interrupt, syscall.SIGTERM)
	if err != nil {
		return err
	}
	w.Unref() // the loop ends with the connection
	if err := lp.Run(); err != nil {
		return err
	}
	if t.err == nil && !t.left && !t.ended {
		fmt.Fprintln(stderr, "chat: the server closed the connection")
	}
	return t.err
}

func (t *terminal) connected(c *tcp.Conn, err error) {
	if err != nil {
		t.fail(err)
		return
	}
	c.OnWrite = t.sent
	frame.Split(c, t.lines.Split, t.lines.Most(), t.show)
	c.OnClose = func(_ *tcp.Conn, err error) {
		if err != nil && !errors.Is(err, io.EOF) {
			t.fail(err)
		}
	}
	if t.name != "" {
		c.WriteString("/nick " + t.name + "\n")
	}
	go t.read()
}

// fail keeps the first reason, unless the user was leaving anyway.
func (t *terminal) fail(err error) {
	if t.err == nil && !t.left {
		t.err = err
	}
}

// signaled leaves; the loop then has nothing left to do.
func (t *terminal) signaled(os.Signal) {
	if !t.left {
		t.left = true
		t.conn.Close()
		return
	}
	t.conn.Abort()
}

// read takes the input to the loop, piece by piece. It runs on a goroutine of its own, because reading from a terminal or
// a pipe blocks, and a file cannot be watched at all.
func (t *terminal) read() {
	buf := make([]byte, 32<<10)
	for {
		n, err := t.in.Read(buf)
		if t.lp.Post(func() { t.say(buf[:n], err) }) != nil || err != nil {
			return
		}
		select { // say must be done with buf
		case <-t.more:
		case <-t.gone:
			return
		}
	}
}

// say sends a piece of the input, or its end: an unfinished line is finished first, as a user would expect.
func (t *terminal) say(p []byte, err error) {
	t.conn.Write(p)
	if len(p) > 0 {
		t.tail = p[len(p)-1]
	}
	switch {
	case err != nil:
		t.ended = true
		if t.tail != '\n' {
			t.conn.Write([]byte{'\n'})
		}
		t.conn.CloseWrite()
	case t.conn.Buffered() > unsentMost:
		t.held = true
	default:
		t.more <- struct{}{}
	}
}

// sent is when the system has taken what we said.
func (t *terminal) sent(*tcp.Conn) {
	if t.held {
		t.held = false
		t.more <- struct{}{}
	}
}

// show prints a line of the server's. It is cleaned here as well: it may be any server.
func (t *terminal) show(_ *tcp.Conn, text []byte) {
	if t.shown = append(line.Clean(t.shown[:0], text), '\n'); t.lines.TooLong {
		t.shown = append(t.shown[:0], "! the server sent a line that is too long\n"...)
	}
	if _, err := t.out.Write(t.shown); err != nil {
		t.fail(err)
		t.conn.Close()
	}
}
