package conformance

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"example.com/pike/stream"
	"example.com/pike/tcp"
)

var _ = add(
	line{id: "S3", name: "write and close", run: onStreams(writeAndClose)},
	line{id: "S33", name: "not writable after shutdown", run: onStreams(notWritableAfterShutdown)},
	line{id: "S35", name: "try write", run: onStreams(tryWrite)},
	line{id: "S36", name: "try write error", run: onStreams(tryWriteError)},
	line{id: "S37", name: "write queue order", run: onStreams(writeQueueOrder)},
	line{id: "S38", name: "write in a row", run: onStreams(writeInARow)},
	line{id: "S41", name: "write to half open connection", run: onStreams(writeToHalfOpen)},
)

func writeAndClose(s *streams) {
	const writes = 32
	for name, end := range map[string]func(c *tcp.Conn) error{"Close": (*tcp.Conn).Close, "Abort": (*tcp.Conn).Abort} {
		calls, closes := 0, 0
		ln := s.listen(anyPort4, nil, func(c *tcp.Conn) { c.OnRead = stream.Discard })
		c := s.dial(ln, func(c *tcp.Conn) {
			for range writes {
				s.no(c.WriteBuffers([][]byte{[]byte("PING")}, func(err error) {
					calls++
					if err != nil {
						s.is(err, net.ErrClosed)
						s.equal("which Close, that drains, does not make of a write", name, "Abort")
					}
				}))
			}
			s.no(end(c))
			s.equal("callbacks from inside "+name, calls, 0)
		})
		c.OnClose = func(*tcp.Conn, error) {
			closes++
			s.equal("write callbacks before the close callback", calls, writes)
			s.no(ln.Close())
		}
		s.end()
		s.equal("close callbacks", closes, 1)
	}
}

func notWritableAfterShutdown(s *streams) {
	client, _ := s.pair(nil)
	s.equal("Writable before", client.Writable(), true)
	s.no(client.CloseWrite())
	s.equal("Writable after", client.Writable(), false)
	s.equal("Readable after", client.Readable(), true)
	_, err := client.WriteString("x")
	s.is(err, syscall.EPIPE)
	s.end()
}

// pike's Write always takes all or nothing, so that it has no EAGAIN.
func tryWrite(s *streams) {
	client, server := s.pair(nil)
	written, read := 0, 0
	server.OnRead = func(_ *tcp.Conn, p []byte) { read += len(p) }
	n, err := client.Write(nil)
	s.no(err)
	s.equal("an empty buffer", n, 0)
	for _, size := range []int{1, 100, 20_000, 3_000_000, 1} {
		n, err := client.Write(make([]byte, size))
		s.no(err)
		s.equal("reported written", n, size)
		written += n
	}
	s.no(client.Close())
	s.end()
	s.equal("bytes read by the peer", read, written)
}

func tryWriteError(s *streams) {
	client, server := s.pair(nil)
	s.no(client.PauseRead()) // or it would see the end, and close
	s.no(server.Close())
	s.until("the peer is closed", func() bool { return s.closed == 1 })
	s.rest(5 * time.Millisecond)
	var reason error
	client.OnClose = func(_ *tcp.Conn, err error) { reason = err }
	for client.Writable() {
		client.WriteString("PING")
		s.rest(5 * time.Millisecond)
		s.equal("Buffered", client.Buffered(), 0)
	}
	s.until("it has ended", func() bool { return reason != nil })
	if !errors.Is(reason, syscall.EPIPE) && !errors.Is(reason, syscall.ECONNABORTED) && !errors.Is(reason, syscall.ECONNRESET) {
		s.Errorf("the reason is %v", reason)
	}
	s.equal("Buffered", client.Buffered(), 0)
	_, err := client.WriteString("PING")
	s.is(err, net.ErrClosed)
}

// libuv's close drops what is queued; here that is Abort, since Close waits for
// the peer. A second of waiting is shortened: the system is full after a moment.
func writeQueueOrder(s *streams) {
	const writes = 10_000
	var server *tcp.Conn
	ln := s.listen(anyPort4, nil, func(c *tcp.Conn) {
		server = c
		s.count(c)
		s.no(c.PauseRead())
	})
	sent, lost, written := 0, 0, false
	client := s.dial(ln, func(c *tcp.Conn) {
		s.no(c.SetWriteBuffer(16 << 10))
		for range writes {
			s.no(c.WriteBuffers([][]byte{make([]byte, 1024)}, func(err error) {
				if err == nil {
					s.equal("lost before one that was sent", lost, 0)
					sent++
					return
				}
				s.is(err, net.ErrClosed)
				lost++
			}))
		}
		written = true
	})
	s.until("the system takes some", func() bool { return written && client.Buffered() < writes*1024 })
	s.rest(50 * time.Millisecond)
	s.no(client.Abort())
	s.no(server.Close())
	s.no(ln.Close())
	s.end()
	s.equal("some were sent", sent > 0, true)
	s.equal("some were lost", lost > 0, true)
	s.equal("callbacks", sent+lost, writes)
	s.equal("close callbacks", s.closed, 3)
}

func writeInARow(s *streams) {
	client, server := s.pair(nil)
	calls := 0
	done := func(err error) {
		s.no(err)
		calls++
		s.equal("Buffered in a write callback", server.Buffered(), 0)
	}
	read := 0
	client.OnRead = func(_ *tcp.Conn, p []byte) { read += len(p) }
	s.no(server.WriteBuffers([][]byte{make([]byte, 10<<20)}, done))
	before := server.Buffered()
	s.equal("something is queued", before > 0, true)
	s.no(server.WriteBuffers([][]byte{{1}}, done))
	s.equal("Buffered", server.Buffered(), before+1)
	s.until("both are called back", func() bool { return calls == 2 })
	s.no(server.Close())
	s.end()
	s.equal("bytes", read, 10<<20+1)
	s.is(server.WriteBuffers(nil, done), net.ErrClosed)
}

func writeToHalfOpen(s *streams) {
	client, server := s.pair(nil)
	s.no(server.PauseRead()) // or it would see the end before it writes
	s.no(client.Close())
	s.until("the client is closed", func() bool { return s.closed == 1 })
	s.rest(5 * time.Millisecond)
	calls, ended := 0, error(nil)
	server.OnEOF = func(c *tcp.Conn) {
		ended = io.EOF
		c.OnClose = nil
		c.Close()
	}
	server.OnClose = func(_ *tcp.Conn, err error) { ended = err }
	s.no(server.WriteBuffers([][]byte{[]byte("hello")}, func(err error) {
		calls++
		s.no(err)
	}))
	s.until("the write is called back", func() bool { return calls == 1 })
	if ended == nil { // or the reset was told while paused
		s.no(server.ResumeRead())
	}
	s.until("it has ended", func() bool { return ended != nil })
	if ended != io.EOF && !errors.Is(ended, syscall.ECONNRESET) {
		s.Errorf("it ended with %v", ended)
	}
	s.end()
}

var _ = add(line{id: "S40", name: "write fail, no buffers", run: onStreams(func(s *streams) {
	_, server := s.pair(nil)
	never := func(error) { s.Error("called back for a write that was refused") }
	s.is(server.WriteBuffers(nil, never), os.ErrInvalid)
	s.is(server.WriteBuffers([][]byte{}, never), os.ErrInvalid)
	s.no(server.Close())
	s.end()
})})
