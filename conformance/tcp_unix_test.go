//go:build unix

package conformance

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/tcp"
)

var _ = add(
	line{id: "S40", name: "write fail, descriptor gone", needs: realSystem, run: onStreams(writeFail)},
	line{id: "S44", name: "oob", needs: realSystem, run: onStreams(outOfBand)},
	line{id: "S48", name: "emfile", needs: realSystem, run: onStreams(outOfDescriptors)},
)

// control calls fn with the descriptor of c.
func control(s *streams, c *tcp.Conn, fn func(fd int) error) {
	s.Helper()
	rc, err := c.SyscallConn()
	s.no(err)
	var failed error
	s.no(rc.Control(func(fd uintptr) { failed = fn(int(fd)) }))
	s.no(failed)
}

// The descriptor is replaced underneath rather than closed, or its number could
// become another's while the test runs.
func writeFail(s *streams) {
	_, server := s.pair(nil)
	null, err := os.Open(os.DevNull)
	s.no(err)
	defer null.Close()
	control(s, server, func(fd int) error { return unix.Dup2(int(null.Fd()), fd) })
	calls, closes := 0, 0
	server.OnClose = func(_ *tcp.Conn, err error) {
		closes++
		s.equal("an error", err != nil, true)
		s.equal("write callbacks before it", calls, 1)
	}
	s.no(server.WriteBuffers([][]byte{[]byte("lost")}, func(err error) {
		calls++
		s.equal("an error", err != nil, true)
	}))
	s.end()
	s.equal("write callbacks", calls, 1)
	s.equal("close callbacks", closes, 1)
}

// Urgent data is not asked for, so only the last byte of each piece is kept out
// of the stream (tcp(7)): what is left arrives, and the loop goes on.
func outOfBand(s *streams) {
	client, server := s.pair(nil)
	reads, ticks := 0, 0
	idle, err := s.lp.NewIdle(func() { ticks++ })
	s.no(err)
	server.OnRead = func(_ *tcp.Conn, p []byte) {
		s.equal("something is read", len(p) > 0, true)
		reads++
		s.no(idle.Start())
	}
	for range 2 {
		control(s, client, func(fd int) error {
			n, err := unix.SendmsgN(fd, []byte("hello"), nil, nil, unix.MSG_OOB)
			if err == nil && n != len("hello") {
				err = errors.New("a short send")
			}
			return err
		})
	}
	s.until("there were ticks", func() bool { return ticks >= 10 })
	s.equal("reads", reads > 0, true)
	s.no(idle.Close())
	s.no(client.Close())
	s.end()
}

// libuv accepts with a descriptor it has kept, and closes: the client sees the
// end. pike closes nobody: it says so in OnError, waits in ever longer pauses,
// and accepts when there are descriptors again.
func outOfDescriptors(s *streams) {
	nl, err := net.Listen("tcp", anyPort4) // has the Go runtime open what it keeps
	s.no(err)
	nl.Close()
	var limit unix.Rlimit
	s.no(unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	lower := limit
	lower.Cur = min(limit.Cur, 256)
	s.no(unix.Setrlimit(unix.RLIMIT_NOFILE, &lower))
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)

	accepted, failures := 0, 0
	ln := s.listen(anyPort4, nil, func(c *tcp.Conn) { accepted++ })
	ln.OnError = func(err error) {
		failures++
		s.is(err, syscall.EMFILE)
	}
	giveBack := takeDescriptors(s)
	defer func() { giveBack() }()
	made, ended := 0, 0
	client := s.dial(ln, func(c *tcp.Conn) { made++ }) // takes the last one
	client.OnClose = func(*tcp.Conn, error) { ended++ }
	turns := s.lp.Metrics().Turns
	s.rest(200 * time.Millisecond)
	s.equal("the client is connected", made, 1)
	s.equal("accepted", accepted, 0)
	s.equal("the listener says so", failures > 0, true)
	if n := s.lp.Metrics().Turns - turns; n > 40 {
		s.Errorf("%d turns in 200 ms in which nothing could be done", n)
	}
	s.equal("the client is closed", ended, 0)
	giveBack()
	giveBack = func() {}
	s.until("it is accepted", func() bool { return accepted == 1 })
}

// takeDescriptors uses up all descriptors but one.
func takeDescriptors(s *streams) (giveBack func()) {
	s.Helper()
	var taken []int
	for {
		fd, err := unix.Dup(0)
		if err != nil {
			s.is(err, syscall.EMFILE)
			break
		}
		taken = append(taken, fd)
	}
	unix.Close(taken[0])
	return func() {
		for _, fd := range taken[1:] {
			unix.Close(fd)
		}
	}
}
