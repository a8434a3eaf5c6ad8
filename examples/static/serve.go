package main

import (
	"context"
	"errors"
	"os"
	"strconv"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/tcp"
)

// A server is a listener and the files that are open.
type server struct {
	lp       *loop.Loop
	ln       *tcp.Listener
	root     *os.Root
	cache    cache
	head     time.Duration
	requests int

	wall      func() time.Time
	date      string
	dateUntil poller.Time
	scratch   []byte // for the head of an answer
}

func listen(lp *loop.Loop, root *os.Root, o options) (*server, error) {
	s := &server{lp: lp, root: root, head: o.head, wall: time.Now}
	s.cache.clear()
	ln, err := tcp.Listen(lp, o.listen, &tcp.Options{IdleTimeout: o.idle, WriteTimeout: o.write, ReadLimit: 2 * headMost})
	if err != nil {
		return nil, err
	}
	s.ln = ln
	ln.OnAccept = func(c *tcp.Conn) {
		c.Context = &client{s: s, c: c}
		c.OnRead, c.OnWrite = read, written
		c.OnEOF = ended
	}
	ln.OnShutdown = func(c *tcp.Conn) {
		if cl := c.Context.(*client); !cl.opening && cl.answers == 0 && c.Buffered() == 0 {
			c.Close()
		} else {
			cl.last = true
		}
	}
	return s, nil
}

// How much a client may have asked for before it has to take some of it. Small files are copied, and a
// pipeline of requests for them would else take memory for all of them.
const (
	answersMost  = 32
	bufferedMost = 128 << 10
)

// A client is a connection.
type client struct {
	s       *server
	c       *tcp.Conn
	answers int  // since all was sent last
	opening bool // a file, on another goroutine; the answers keep their order
	held    bool // reading is paused until all is sent
	hurried bool // a request has begun and not ended, and has a deadline
	last    bool // the next answer is the last
}

func read(c *tcp.Conn, p []byte) { c.Context.(*client).read(p) }

// read answers the requests in p, one after the other. What it cannot answer yet it leaves unread.
func (cl *client) read(p []byte) {
	for len(p) > 0 && !cl.c.Closing() {
		if cl.opening || cl.held {
			cl.c.Unread(p)
			return
		}
		var q request
		n, status := parse(p, &q)
		switch {
		case status != 0:
			cl.refuse(status, &q)
			return
		case n == 0:
			cl.wait(p)
			return
		}
		if p = p[n:]; cl.hurried {
			cl.hurried = false
			cl.c.SetReadDeadline(0)
		}
		cl.ask(&q)
	}
}

// wait waits for the rest of a request, but not for ever: who sends it a byte at a time has no more
// time than others.
func (cl *client) wait(p []byte) {
	if !cl.c.Readable() { // there is no rest
		cl.refuse(400, &request{})
		return
	}
	cl.c.Unread(p)
	if !cl.hurried {
		cl.hurried = true
		cl.c.SetReadDeadline(cl.s.head)
	}
}

// ask answers q when its file is open.
func (cl *client) ask(q *request) {
	s := cl.s
	s.requests++
	if e := s.cache.find(q.target, s.lp.Now()); e != nil {
		cl.answer(q, e)
		return
	}
	q = q.clone()
	target := string(q.target)
	cl.opening = true
	cl.c.PauseRead()
	_, err := loop.Work(context.Background(), s.lp,
		func(context.Context) (*file, error) { return open(s.root, target) },
		func(e *file, err error) { cl.opened(q, target, e, err) })
	if err != nil {
		cl.opened(q, target, nil, err)
	}
}

func (cl *client) opened(q *request, target string, e *file, err error) {
	cl.opening = false
	if err == nil {
		e.until = cl.s.lp.Now().Add(fresh)
		cl.s.cache.put(target, e)
	} else {
		cl.s.cache.forget(target)
	}
	if cl.c.Closing() {
		return
	}
	var m *miss
	switch {
	case err == nil:
		cl.answer(q, e)
	case errors.As(err, &m):
		cl.missing(q, m)
	default:
		cl.missing(q, &miss{status: 503})
	}
	if !cl.held {
		cl.c.ResumeRead()
	}
}

// answer sends e, or the part of it that q asks for.
func (cl *client) answer(q *request, e *file) {
	s := cl.s
	status, x := decide(q, e)
	b := s.begin(status, q.keepAlive && !cl.last, q.newer)
	if b = append(b, e.fields...); status != 304 {
		b = appendField(b, "Content-Length", x.n)
	}
	if status == 206 || status == 416 {
		b = append(b, "Content-Range: bytes "...)
		if status == 416 {
			b = append(b, '*')
		} else {
			b = strconv.AppendInt(b, x.off, 10)
			b = strconv.AppendInt(append(b, '-'), x.off+x.n-1, 10)
		}
		b = append(strconv.AppendInt(append(b, '/'), e.size, 10), "\r\n"...)
	}
	s.scratch = append(b, "\r\n"...)
	cl.c.Write(s.scratch)
	if x.n > 0 && !q.head {
		e.users++
		if err := cl.c.SendFile(e.f, x.off, x.n, func(error) { e.release() }); err != nil {
			e.release()
			cl.c.Abort() // the file has become shorter, and what was promised is not there
			return
		}
	}
	cl.sent(q)
}

// missing says why there is no file.
func (cl *client) missing(q *request, m *miss) {
	s := cl.s
	b := s.begin(m.status, q.keepAlive && !cl.last, q.newer)
	if m.location != "" {
		b = append(append(append(b, "Location: "...), m.location...), "\r\n"...)
	}
	if m.status == 405 {
		b = append(b, "Allow: GET, HEAD\r\n"...)
	}
	text := strconv.Itoa(m.status) + " " + reasons[m.status] + "\n"
	b = append(b, "Content-Type: text/plain; charset=utf-8\r\n"...)
	b = append(appendField(b, "Content-Length", int64(len(text))), "\r\n"...)
	if !q.head {
		b = append(b, text...)
	}
	s.scratch = b
	cl.c.Write(b)
	cl.sent(q)
}

// refuse answers what is no request, or none that we have, and ends the connection.
func (cl *client) refuse(status int, q *request) {
	cl.s.requests++
	q.keepAlive = false
	cl.missing(q, &miss{status: status})
}

// sent is when an answer is queued.
func (cl *client) sent(q *request) {
	if !q.keepAlive || cl.last {
		cl.c.Close() // when all is sent
		return
	}
	if cl.answers++; cl.answers >= answersMost || cl.c.Buffered() >= bufferedMost {
		cl.held = true
		cl.c.PauseRead()
	}
}

// written is when the client has taken all.
func written(c *tcp.Conn) {
	cl := c.Context.(*client)
	cl.answers = 0
	if cl.held {
		cl.held = false
		c.ResumeRead()
	}
}

// ended is when the client has ended its side. It may still read what it has asked for.
func ended(c *tcp.Conn) {
	cl := c.Context.(*client)
	if cl.last = true; !cl.opening {
		c.Close()
	}
}
