package conformance

import (
	"io"
	"syscall"
	"time"

	"example.com/pike/tcp"
	"example.com/pike/timer"
)

var _ = add(
	line{id: "S1", name: "callback stack", run: onStreams(callbackStack)},
	line{id: "S25", name: "read stop start", run: onStreams(readStopStart)},
	line{id: "S26", name: "reset is not EOF", run: onStreams(resetIsNotEOF)},
	line{id: "S27", name: "not readable nor writable on read error", run: onStreams(deadOnReadError)},
	line{id: "S42", name: "unexpected read", run: onStreams(unexpectedRead)},
)

// A stack says whether a call that must not call back is on it.
type stack struct {
	*streams
	calls int
	seen  map[string]int
}

// start makes a call during which nothing may call back.
func (k *stack) start(fn func() error) {
	k.Helper()
	k.calls++
	err := fn()
	k.calls--
	k.no(err)
}

// back is called by every callback.
func (k *stack) back(what string) {
	k.Helper()
	k.equal("calls on the stack of "+what, k.calls, 0)
	k.seen[what]++
}

func callbackStack(s *streams) {
	k := &stack{streams: s, seen: map[string]int{}}
	ln := s.listen(anyPort4, nil, k.serve)
	var c *tcp.Conn
	k.start(func() (err error) {
		c, err = tcp.Dial(s.lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
			k.back("connect")
			s.no(err)
			k.start(c.PauseRead)
			k.start(func() error { return c.WriteBuffers([][]byte{[]byte("ping")}, func(error) { k.back("write") }) })
			k.start(func() error { _, err := c.Write(make([]byte, 100_000)); return err })
			k.start(c.CloseWrite)
			k.start(func() error { return k.resumeLater(c) })
		})
		return err
	})
	c.OnRead = func(*tcp.Conn, []byte) { k.back("read") }
	c.OnEOF = func(c *tcp.Conn) {
		k.back("EOF")
		k.start(ln.Close)
	}
	c.OnClose = func(*tcp.Conn, error) { k.back("close") }
	ln.OnClose = func() { k.back("listener close") }
	s.end()
	for what, want := range map[string]int{
		"connect": 1, "accept": 1, "write": 1, "EOF": 1, "server EOF": 1, "close": 1, "server close": 1, "listener close": 1, "timer": 1,
	} {
		s.equal(what, k.seen[what], want)
	}
	s.equal("something was read", k.seen["read"] > 0 && k.seen["server read"] > 0, true)
}

// resumeLater reads on when the answer is in the socket: it comes from the loop
// all the same.
func (k *stack) resumeLater(c *tcp.Conn) error {
	_, err := timer.After(k.lp, 20*time.Millisecond, func() {
		k.back("timer")
		k.start(c.ResumeRead)
		k.equal("read from inside ResumeRead", k.seen["read"], 0)
	})
	return err
}

func (k *stack) serve(c *tcp.Conn) {
	k.back("accept")
	c.OnRead = func(c *tcp.Conn, _ []byte) {
		k.back("server read")
		if k.seen["server read"] == 1 {
			k.start(func() error { _, err := c.WriteString("pong"); return err })
		}
	}
	c.OnEOF = func(c *tcp.Conn) {
		k.back("server EOF")
		k.start(c.Close)
	}
	c.OnClose = func(*tcp.Conn, error) { k.back("server close") }
}

// What follows the change goes to the new callbacks only, be it data, the end, or
// an error.
func readStopStart(s *streams) {
	finish := map[string]func(c *tcp.Conn) error{
		"data":  func(c *tcp.Conn) error { _, err := c.WriteString("2"); return err },
		"end":   (*tcp.Conn).CloseWrite,
		"error": (*tcp.Conn).Abort,
	}
	for _, follows := range []string{"data", "end", "error"} {
		client, server := s.pair(nil)
		first, second := 0, ""
		server.OnEOF = func(*tcp.Conn) { s.Error("the old OnEOF was called") }
		server.OnRead = func(c *tcp.Conn, _ []byte) {
			first++
			s.no(c.PauseRead())
			c.OnRead = func(*tcp.Conn, []byte) { second = "data" }
			c.OnEOF = func(*tcp.Conn) { second = "end" }
			c.OnClose = func(*tcp.Conn, error) { second = "error" }
			s.no(c.ResumeRead())
			s.no(finish[follows](client))
		}
		client.WriteString("1")
		s.until(follows+" came", func() bool { return second != "" })
		s.equal("what came", second, follows)
		s.equal("calls of the old callback", first, 1)
		server.OnRead, server.OnEOF, server.OnClose = nil, nil, nil
		server.Abort()
		client.Abort()
		s.end()
		s.closed = 0
	}
}

func resetIsNotEOF(s *streams) {
	client, server := s.pair(nil)
	got, closes := 0, 0
	server.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
	server.OnEOF = func(*tcp.Conn) { s.Error("the reset looks like an orderly end") }
	server.OnClose = func(_ *tcp.Conn, err error) {
		closes++
		s.is(err, syscall.ECONNRESET)
	}
	client.WriteString("before")
	s.until("it is read", func() bool { return got == len("before") })
	s.no(client.Abort())
	s.end()
	s.equal("close callbacks of the server's end", closes, 1)

	// Nor does one that comes while nothing is read, or while something is sent.
	client, server = s.pair(nil)
	closes = 0
	s.no(server.PauseRead())
	server.OnEOF = func(*tcp.Conn) { s.Error("the reset looks like an orderly end") }
	server.OnClose = func(_ *tcp.Conn, err error) {
		closes++
		s.is(err, syscall.ECONNRESET)
	}
	s.no(client.Abort())
	s.until("it is told while paused", func() bool { return closes == 1 })
	s.end()
	s.equal("close callbacks of the server's end", closes, 1)
}

// libuv's read callback with an error is OnClose here.
func deadOnReadError(s *streams) {
	client, server := s.pair(nil)
	told := 0
	server.OnClose = func(c *tcp.Conn, err error) {
		told++
		s.equal("an error, and not an end", err != nil && err != io.EOF, true)
		s.equal("Readable", c.Readable(), false)
		s.equal("Writable", c.Writable(), false)
	}
	s.equal("Readable before", server.Readable(), true)
	s.equal("Writable before", server.Writable(), true)
	s.no(client.Abort())
	s.end()
	s.equal("told", told, 1)
}

// libuv counts for a second; the loop would spin from the first millisecond on.
func unexpectedRead(s *streams) {
	client, server := s.pair(nil)
	server.OnRead = func(*tcp.Conn, []byte) { s.Error("read while paused") }
	server.OnEOF = func(*tcp.Conn) { s.Error("the end was read while paused") }
	s.no(server.PauseRead())
	client.Write(make([]byte, 50_000))
	s.no(client.CloseWrite())
	ticks := 0
	check, err := s.lp.NewCheck(func() { ticks++ })
	s.no(err)
	s.no(check.Start())
	check.Unref()
	s.rest(100 * time.Millisecond)
	if ticks > 20 {
		s.Errorf("%d turns in which there was nothing to do", ticks)
	}
	s.no(server.Abort())
	s.no(check.Close())
	s.end()
}
