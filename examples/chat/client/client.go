// Package client is a terminal of the chat: one that somebody types at, or a pipe.
//
//	err := client.Join(client.Options{Addr: "127.0.0.1:7000", Name: "ann", In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
//
// If both In and Out are terminals there is a line editor, which keeps the line that is being typed apart from what
// arrives, with history, completion, times and colours. Else what the server says is written as it is, line by line.
//
// Each file is one subject: how the server is reached is dial.go, what is typed input.go, the editor editor.go, what Tab
// does complete.go, how lines look render.go, and who is there view.go.
package client

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"example.com/pike/examples/chat/line"
	"example.com/pike/loop"
	"example.com/pike/signal"
	"example.com/pike/stream"
	"example.com/pike/stream/frame"
)

// LineMost is how many bytes a line of the server may have.
const LineMost = 64 << 10

// Options say who joins, and where.
type Options struct {
	Addr string      // host:port, or the path of a unix-domain socket
	Name string      // to take, or nothing
	TLS  *tls.Config // nil for none

	In       io.Reader
	Out, Err io.Writer

	// Now tells the times that are shown; nil is time.Now.
	Now func() time.Time
}

// A client is one end of a chat. All of it belongs to the loop, but for what read uses.
type client struct {
	o     Options
	lp    *loop.Loop
	conn  *stream.Conn
	lines line.Splitter
	view  view
	edit  *editor // nil without a person
	shown []byte
	input input
	left  bool // by a signal, or a command
	err   error
}

// Join connects In and Out with a server until one of the two ends. When the input ends, the server answers what came
// before, and closes.
func Join(o Options) error {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		return err
	}
	defer lp.Close()
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &client{o: o, lp: lp, input: newInput(o.In)}
	c.lines.Max = LineMost
	defer close(c.input.gone)
	if err := c.dial(); err != nil {
		return err
	}
	w, err := signal.Notify(lp, c.signaled, endings...)
	if err != nil {
		return err
	}
	w.Unref() // the loop ends with the connection
	defer c.restore()
	if err := lp.Run(); err != nil {
		return err
	}
	c.restore() // or what follows would be in the midst of a line
	switch {
	case c.err != nil:
	case c.edit != nil && (c.left || c.input.ended):
		fmt.Fprintln(o.Err, "you left the chat")
	case !c.left && !c.input.ended:
		fmt.Fprintln(o.Err, "chat: the server closed the connection")
	}
	return c.err
}

// connected is when there is a connection, or none.
func (c *client) connected(conn *stream.Conn, err error) {
	if err != nil {
		c.fail(err)
		return
	}
	if c.edit, err = openEditor(c); err != nil {
		c.fail(err)
		conn.Close()
		return
	}
	conn.OnWrite = c.sent
	frame.Split(conn, c.lines.Split, c.lines.Most(), c.show)
	conn.OnClose = func(_ *stream.Conn, err error) {
		if err != nil && !errors.Is(err, io.EOF) {
			c.fail(err)
		}
	}
	if c.o.Name != "" {
		conn.WriteString("/nick " + c.o.Name + "\n")
	}
	go c.read()
}

// fail keeps the first reason, unless the user was leaving anyway.
func (c *client) fail(err error) {
	if c.err == nil && !c.left {
		c.err = err
	}
}

// signaled leaves; the loop then has nothing left to do.
func (c *client) signaled(os.Signal) {
	if !c.left {
		c.left = true
		c.conn.Close()
		return
	}
	c.conn.Abort()
}

// show prints a line of the server's. It is cleaned here as well: it may be any server.
func (c *client) show(_ *stream.Conn, text []byte) {
	c.shown = line.Clean(c.shown[:0], text)
	if c.lines.TooLong {
		c.shown = append(c.shown[:0], "! the server sent a line that is too long"...)
	}
	var err error
	if c.edit == nil {
		_, err = c.o.Out.Write(append(c.shown, '\n'))
	} else {
		err = c.present(string(c.shown))
	}
	if err != nil {
		c.fail(err)
		c.conn.Close()
	}
}

// restore gives the terminal back as it was.
func (c *client) restore() {
	if c.edit != nil {
		c.edit.close()
	}
}
