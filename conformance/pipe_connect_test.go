package conformance

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"example.com/pike/loop"
	"example.com/pike/unix"
)

var _ = add(
	line{id: "P13", name: "connect bad name", run: onPipes(connectBadName)},
	line{id: "P14", name: "connect to file", needs: realSystem, run: onPipes(connectToFile)},
	line{id: "P15", name: "connect on prepare", run: onPipes(connectOnPrepare)},
	line{id: "P16", name: "connect multiple", run: onPipes(connectMultiple)},
	line{id: "P17", name: "connect close multiple", run: onPipes(connectCloseMultiple)},
	line{id: "P18", name: "server close", run: onPipes(serverClose)},
	line{id: "P19", name: "ping pong", run: onPipes(pipePingPong)},
	line{id: "P20", name: "shutdown close", run: onPipes(pipeShutdownClose)},
	line{id: "P21", name: "shutdown eof", run: onPipes(pipeShutdownEOF)},
	line{id: "P22", name: "heavy traffic both ways", run: onPipes(heavyTraffic)},
	line{id: "P23", name: "unref", run: onPipes(pipeRef)},
	line{id: "P24", name: "set non blocking", skip: "no write can be made to block: what the system does not take is queued"},
	line{id: "P25", name: "write queue order", run: onPipes(pipeWriteOrder)},
	line{id: "P26", name: "close in the callback of connect", run: onPipes(pipeCloseWrites)},
)

func connectBadName(s *sockets) {
	calls := 0
	s.dialAt(s.path("nobody"), func(_ *unix.Conn, err error) {
		s.is(err, syscall.ENOENT)
		calls++
	})
	s.end()
	s.equal("connect callbacks", calls, 1)
	s.equal("close callbacks", s.closed, 1)
}

func connectToFile(s *sockets) {
	s.no(os.WriteFile(s.path("file"), nil, 0o600))
	calls := 0
	s.dialAt(s.path("file"), func(_ *unix.Conn, err error) {
		if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ENOTSOCK) {
			s.Errorf("%v", err)
		}
		calls++
	})
	s.end()
	s.equal("connect callbacks", calls, 1)
	s.equal("close callbacks", s.closed, 1)
}

func connectOnPrepare(s *sockets) {
	calls := 0
	var prepare *loop.Hook
	prepare = s.hooked(s.lp.NewPrepare(func() {
		s.no(prepare.Close())
		s.dialAt(s.path("nobody"), func(_ *unix.Conn, err error) {
			s.is(err, syscall.ENOENT)
			calls++
		})
	}))
	s.end()
	s.equal("connect callbacks", calls, 1)
	s.equal("close callbacks", s.closed, 1)
}

func connectMultiple(s *sockets) {
	const clients = 4
	connected, accepted := 0, 0
	var ln *unix.Listener
	ln = s.listenAt(s.path("s"), func(c *unix.Conn) {
		s.count(c)
		s.no(c.Close())
		if accepted++; accepted == clients {
			s.no(ln.Close())
		}
	})
	for range clients {
		s.dialAt(s.path("s"), func(c *unix.Conn, err error) {
			s.no(err)
			connected++
			s.no(c.Close())
		})
	}
	s.end()
	s.equal("connected", connected, clients)
	s.equal("accepted", accepted, clients)
	s.equal("close callbacks", s.closed, 2*clients+1)
}

// Many connect, and all close: some at once, some when they are connected, and some when the server is.
func connectCloseMultiple(s *sockets) {
	const clients = 120
	calls, canceled, accepted := 0, 0, 0
	ln := s.listenAt(s.path("s"), func(c *unix.Conn) {
		accepted++
		if accepted%2 == 0 {
			s.no(c.Close())
		}
	})
	var open []*unix.Conn
	for i := range clients {
		c := s.dialAt(s.path("s"), func(c *unix.Conn, err error) {
			calls++
			switch {
			case errors.Is(err, net.ErrClosed):
				canceled++
			case err != nil:
				s.Error(err)
			case i%3 == 1:
				s.no(c.Close())
			default:
				open = append(open, c)
			}
		})
		if i%3 == 0 {
			s.no(c.Close())
		}
	}
	s.until("all are told", func() bool { return calls == clients })
	s.equal("canceled", canceled, clients/3)
	for _, c := range open {
		if !c.Closing() {
			s.no(c.Close())
		}
	}
	s.no(ln.Close())
	s.end()
	s.equal("close callbacks", s.closed, clients+1)
	_, there := s.fileMode(s.path("s"))
	s.equal("a file", there, false)
}

// A client whom the server has not accepted is told the end when the server closes.
func serverClose(s *sockets) {
	ln := s.listenAt(s.path("s"), func(*unix.Conn) { s.Error("accepted") })
	s.no(ln.Pause())
	ends := 0
	c := s.dialAt(s.path("s"), func(c *unix.Conn, err error) {
		s.no(err)
		s.no(ln.Close())
	})
	c.OnRead = func(*unix.Conn, []byte) { s.Error("bytes from nobody") }
	c.OnClose = func(_ *unix.Conn, err error) {
		s.closed++
		ends++
		if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
			s.Errorf("the end is %v", err)
		}
	}
	s.end()
	s.equal("ends", ends, 1)
	s.equal("close callbacks", s.closed, 2)
}

func pipePingPong(s *sockets) {
	const pings = 1000
	ping := "PING\n"
	for _, vectored := range []bool{false, true} {
		s.closed = 0
		c, in := s.pairAt(s.path("s"))
		in.OnRead = func(c *unix.Conn, p []byte) { c.Write(p) }
		write := func() {
			if vectored {
				s.no(c.WriteBuffers([][]byte{[]byte(ping[:1]), []byte(ping[1:])}, nil))
				return
			}
			c.WriteString(ping)
		}
		got := 0
		c.OnRead = func(c *unix.Conn, p []byte) {
			for _, b := range p {
				s.equal("byte", b, ping[got%len(ping)])
				got++
				switch {
				case got == pings*len(ping):
					s.no(c.CloseWrite())
				case got%len(ping) == 0:
					write()
				}
			}
		}
		write()
		s.end()
		s.equal("bytes", got, pings*len(ping))
		s.equal("close callbacks", s.closed, 2)
	}
}

func pipeShutdownClose(s *sockets) {
	c, in := s.pairAt(s.path("s"))
	in.OnRead = func(*unix.Conn, []byte) {}
	s.equal("closing", c.Closing(), false)
	s.no(c.CloseWrite())
	s.no(c.Close())
	s.equal("closing", c.Closing(), true)
	s.end()
	s.equal("close callbacks", s.closed, 2)
}

// What the peer had to say comes before its end, and after ours.
func pipeShutdownEOF(s *sockets) {
	c, in := s.pairAt(s.path("s"))
	var got strings.Builder
	order := ""
	c.OnRead = func(_ *unix.Conn, p []byte) { got.Write(p) }
	c.OnEOF = func(c *unix.Conn) {
		order += "client's EOF "
		s.equal("before it", got.String(), "last words")
		s.equal("Writable", c.Writable(), false)
		s.no(c.Close())
	}
	in.OnRead = func(*unix.Conn, []byte) { s.Error("bytes from nobody") }
	in.OnEOF = func(in *unix.Conn) {
		order += "server's EOF "
		in.WriteString("last words")
		s.no(in.Close())
	}
	s.no(c.CloseWrite())
	s.equal("Writable", c.Writable(), false)
	s.end()
	s.equal("order", order, "server's EOF client's EOF ")
	s.equal("close callbacks", s.closed, 2)
}

// Both ends write 6 MiB before either reads. libuv had a deadlock here once.
func heavyTraffic(s *sockets) {
	const size = 6 << 20
	a, b := s.pairAt(s.path("s"))
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	var got [2]int
	for i, c := range []*unix.Conn{a, b} {
		s.no(c.PauseRead())
		written := false
		s.no(c.WriteBuffers([][]byte{data}, func(err error) { s.no(err); written = true }))
		c.OnRead = func(c *unix.Conn, p []byte) {
			if string(p) != string(data[got[i]:got[i]+len(p)]) {
				s.Fatalf("other bytes than were sent, at %d", got[i])
			}
			if got[i] += len(p); got[i] == size {
				s.no(c.CloseWrite())
			}
		}
		c.OnEOF = func(*unix.Conn) {} // it goes on until it has ended its side, too
		c.OnClose = func(_ *unix.Conn, err error) {
			s.no(err)
			s.equal("all is written", written, true)
			s.closed++
		}
	}
	s.rest(0)
	s.equal("received by who does not read", got, [2]int{})
	s.no(a.ResumeRead())
	s.no(b.ResumeRead())
	s.end()
	s.equal("received", got, [2]int{size, size})
	s.equal("close callbacks", s.closed, 2)
}

// pipe_ref to pipe_ref4: what listens does not hold the loop, and what is under way does.
func pipeRef(s *sockets) {
	order := ""
	ln := s.listenAt(s.path("s"), func(c *unix.Conn) {
		c.Unref()
		c.OnRead = func(*unix.Conn, []byte) { order += "read " }
	})
	ln.Unref()
	s.equal("alive for a listener", s.lp.Alive(), false)
	c := s.dialAt(s.path("s"), func(c *unix.Conn, err error) {
		s.no(err)
		order += "connect "
		s.no(c.WriteBuffers([][]byte{[]byte("x")}, func(err error) { s.no(err); order += "write " }))
	})
	c.Unref()
	s.equal("alive for a dial", s.lp.Alive(), true)
	s.end()
	s.equal("order", strings.HasPrefix(order, "connect write "), true)
}

// The peer does not read, and the end comes between: what was told comes first, and then what was not.
func pipeWriteOrder(s *sockets) {
	const writes = 2000
	c, in := s.pairAt(s.path("s"))
	in.OnRead = func(*unix.Conn, []byte) {}
	s.no(in.PauseRead())
	s.no(c.SetWriteBuffer(16 << 10))
	told, dropped := 0, 0
	for range writes {
		s.no(c.WriteBuffers([][]byte{make([]byte, 1<<10)}, func(err error) {
			if err == nil {
				s.equal("dropped before one that was written", dropped, 0)
				told++
				return
			}
			s.is(err, net.ErrClosed)
			dropped++
		}))
	}
	s.rest(20e6)
	c.CloseNow()
	s.until("it has ended", func() bool { return s.closed == 1 })
	s.equal("callbacks", told+dropped, writes)
	s.equal("some of each", told > 0 && dropped > 0, true)
	s.no(in.ResumeRead())
	s.end()
}

// 32 writes, and a close behind them: each is told, before the close is.
func pipeCloseWrites(s *sockets) {
	calls := 0
	var ln *unix.Listener
	ln = s.listenAt(s.path("s"), func(in *unix.Conn) {
		s.count(in)
		in.OnRead = func(*unix.Conn, []byte) {}
		s.no(ln.Close())
	})
	c := s.dialAt(s.path("s"), func(c *unix.Conn, err error) {
		s.no(err)
		for range 32 {
			s.no(c.WriteBuffers([][]byte{[]byte("PING")}, func(err error) {
				if err != nil {
					s.is(err, net.ErrClosed)
				}
				calls++
			}))
		}
		s.no(c.Close())
	})
	c.OnClose = func(*unix.Conn, error) {
		s.closed++
		s.equal("write callbacks before it", calls, 32)
	}
	s.end()
	s.equal("close callbacks", s.closed, 3)
}
