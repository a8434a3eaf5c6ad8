package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

const (
	headMost = 16 << 10        // the bytes of a request
	waitMost = 5 * time.Minute // for an answer that is asked to take its time
	farewell = 2 * time.Second // how long a client may take to see that an idle connection has ended
)

// A server answers requests.
type server struct {
	lp       *loop.Loop
	idle     time.Duration
	requests int
}

func newServer(lp *loop.Loop, idle time.Duration) *server { return &server{lp: lp, idle: idle} }

// A client is a connection.
type client struct {
	s     *server
	c     *tcp.Conn
	timer *timer.Timer  // of the answer that is due, or else of the idle connection
	due   *http.Request // that waits for its answer
	ended bool          // the client's side has
}

func (s *server) accept(c *tcp.Conn) {
	cl := &client{s: s, c: c}
	t, err := timer.New(s.lp, cl.expired)
	if err != nil {
		c.CloseWithError(err)
		return
	}
	cl.timer = t
	t.Unref()
	t.Start(s.idle, 0)
	c.OnRead = func(_ *tcp.Conn, p []byte) { cl.read(p) }
	c.OnEOF = func(*tcp.Conn) {
		if cl.ended = true; cl.due == nil {
			c.Close()
		}
	}
	c.OnClose = func(*tcp.Conn, error) { t.Close() }
}

var endOfHead = []byte("\r\n\r\n")

// read answers the requests in p, one after the other. What it cannot answer yet it leaves unread.
func (cl *client) read(p []byte) {
	for len(p) > 0 && cl.c.Writable() {
		n := bytes.Index(p, endOfHead) + len(endOfHead)
		if cl.due != nil || n < len(endOfHead) && len(p) <= headMost {
			cl.c.Unread(p)
			return
		}
		if n < len(endOfHead) || n > headMost {
			cl.refuse(http.StatusRequestHeaderFieldsTooLarge)
			return
		}
		q, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(p[:n])))
		if p = p[n:]; err != nil || q.Host == "" && q.ProtoAtLeast(1, 1) {
			cl.refuse(http.StatusBadRequest)
			return
		}
		if q.ContentLength != 0 { // nobody knows where the next request begins, unless the body is read
			cl.refuse(http.StatusRequestEntityTooLarge)
			return
		}
		cl.ask(q, bytes.Contains(p, endOfHead))
	}
}

// ask answers q, or will do so. more says that another request is there.
func (cl *client) ask(q *http.Request, more bool) {
	wait, err := time.ParseDuration(q.URL.Query().Get("wait"))
	switch {
	case err != nil || wait <= 0:
		cl.answer(q, more)
	default:
		cl.due = q
		cl.c.PauseRead()
		cl.timer.Start(min(wait, waitMost), 0)
	}
}

// expired is when an answer is due, or nothing was asked for too long.
func (cl *client) expired() {
	if cl.due == nil {
		cl.part()
		return
	}
	q := cl.due
	cl.due = nil
	cl.answer(q, false)
	if cl.ended {
		cl.c.Close()
		return
	}
	cl.c.ResumeRead() // which is net.ErrClosed after a last answer
}

// part ends an idle connection. A request that is on its way will have no answer, whatever we do. But its client
// shall see the end of the connection, which says that the request may be sent again (RFC 9112, 9.3.1), and no
// reset. So we end our side, and close when the client has ended its own.
func (cl *client) part() {
	cl.c.CloseWrite()
	cl.c.OnRead = stream.Discard
	cl.c.OnEOF = func(c *tcp.Conn) { c.Close() }
	cl.c.SetReadDeadline(farewell)
}

// answer answers q. While this process ends the answer is the last of its connection, and says so. The client has
// sent no request behind q then, unless it sends several at once: those that are here are answered first, and of
// the others the client knows by this word that they are not (RFC 9112, 9.6).
func (cl *client) answer(q *http.Request, more bool) {
	keep := !q.Close && (more || !cl.s.lp.ShuttingDown())
	body := fmt.Sprintf("pid %d\n", os.Getpid())
	cl.send(http.StatusOK, keep, body, q.Method == http.MethodHead)
}

// refuse answers what is no request that can be answered, and ends the connection.
func (cl *client) refuse(status int) { cl.send(status, false, http.StatusText(status)+"\n", false) }

func (cl *client) send(status int, keep bool, body string, headOnly bool) {
	cl.s.requests++
	fields := ""
	if !keep {
		fields = "Connection: close\r\n"
	}
	head := fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n%s\r\n",
		status, http.StatusText(status), len(body), fields)
	if headOnly {
		body = ""
	}
	cl.c.WriteString(head + body)
	if !keep {
		cl.c.Close() // when the client has all
		return
	}
	cl.timer.Start(cl.s.idle, 0)
}
