package conformance

import (
	"errors"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// A streams is a loop and what the lines about TCP have in common: both ends of
// every connection are on it, so that a simulated network can have them too.
type streams struct {
	*env
	lp     *loop.Loop
	closed int // connections and listeners made here that have ended
}

// onStreams makes a line's run of a function that wants one loop.
func onStreams(run func(s *streams)) func(*env) {
	return func(e *env) { run(&streams{env: e, lp: e.loop()}) }
}

const (
	anyPort4 = "127.0.0.1:0"
	anyPort6 = "[::1]:0"
)

// listen opens a listener at addr.
func (s *streams) listen(addr string, o *tcp.Options, fn func(*tcp.Conn)) *tcp.Listener {
	s.Helper()
	ln, err := tcp.Listen(s.lp, addr, o)
	s.no(err)
	ln.OnAccept = fn
	ln.OnClose = func() { s.closed++ }
	return ln
}

// dial starts to connect to ln; the connection is counted when it ends.
func (s *streams) dial(ln *tcp.Listener, fn func(*tcp.Conn)) *tcp.Conn {
	s.Helper()
	c, err := tcp.Dial(s.lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		s.no(err)
		if fn != nil {
			fn(c)
		}
	})
	s.no(err)
	s.count(c)
	return c
}

// count counts the end of c.
func (s *streams) count(c *tcp.Conn) { c.OnClose = func(*tcp.Conn, error) { s.closed++ } }

// pair is both ends of a connection. Its listener is closed.
func (s *streams) pair(o *tcp.Options) (dialed, accepted *tcp.Conn) {
	s.Helper()
	made := false
	ln := s.listen(anyPort4, o, func(c *tcp.Conn) { accepted = c })
	dialed = s.dial(ln, func(*tcp.Conn) { made = true })
	s.until("a pair is made", func() bool { return made && accepted != nil })
	s.no(ln.Close())
	s.until("its listener is closed", func() bool { return s.closed == 1 })
	s.closed = 0
	s.count(accepted)
	return dialed, accepted
}

// until runs turns until cond holds.
func (s *streams) until(what string, cond func() bool) {
	s.Helper()
	late := false
	guard, err := timer.After(s.lp, patience, func() { late = true })
	s.no(err)
	guard.Unref()
	for !cond() {
		alive, err := s.lp.RunOnce()
		s.no(err)
		if late || !alive && !cond() {
			s.Fatalf("waited in vain until %s (loop alive: %v)", what, alive)
		}
	}
	guard.Stop()
}

// rest runs the loop for d.
func (s *streams) rest(d time.Duration) {
	s.Helper()
	over := false
	s.in(d, func() { over = true })
	s.until("the time is over", func() bool { return over })
}

// in calls fn after d.
func (s *streams) in(d time.Duration, fn func()) {
	s.Helper()
	_, err := timer.After(s.lp, d, fn)
	s.no(err)
}

// end runs the loop until nothing is left on it.
func (s *streams) end() {
	s.Helper()
	s.run(s.lp)
}

// refused is an address, of the family of addr, where nobody listens. Its port is below those
// that systems give out: one that was had and given back may be another process's the
// next moment.
func (s *streams) refused(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	s.no(err)
	return net.JoinHostPort(host, "1")
}

// listenApart is listen at a port that systems give to nobody (FreeBSD begins at 10,000), and
// that other processes which do this seldom come to, so that nobody has it once the
// listener is closed.
func (s *streams) listenApart(fn func(*tcp.Conn)) *tcp.Listener {
	s.Helper()
	for i := range 8000 {
		port := 2000 + (os.Getpid()*61+i)%8000
		ln, err := tcp.Listen(s.lp, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), nil)
		if err == nil {
			ln.OnAccept = fn
			return ln
		}
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) { // Windows keeps some for itself
			s.Fatal(err)
		}
	}
	s.Fatal("no port between 2,000 and 10,000 is free")
	return nil
}

// deaf is an address that does not answer. libuv takes one on the internet; a
// listener that accepts nothing and whose backlog is full is here and does the
// same: the system drops who knocks.
func (s *streams) deaf() string {
	s.Helper()
	ln, err := tcp.Listen(s.lp, anyPort4, &tcp.Options{Backlog: 1})
	s.no(err)
	s.no(ln.Pause())
	ln.Unref()
	const knocks = 4
	answered := 0
	for range knocks {
		c, err := tcp.Dial(s.lp, ln.LocalAddr().String(), nil, func(*tcp.Conn, error) { answered++ })
		s.no(err)
		s.Cleanup(func() { c.Abort() })
	}
	for before := -1; before < answered; { // until it says no more
		before = answered
		s.rest(20 * time.Millisecond)
	}
	if answered == knocks { // on BSDs by a reset
		s.Skip("this system answers although the backlog is full")
	}
	return ln.LocalAddr().String()
}

// eachFamily runs it as a sub-test for IPv4 and for IPv6, if there is any.
func eachFamily(run func(s *streams, anyPort string)) func(*env) {
	return func(e *env) {
		for i, addr := range []string{anyPort4, anyPort6} {
			e.Run([]string{"v4", "v6"}[i], func(t *testing.T) {
				sub := &env{T: t, backend: e.backend}
				s := &streams{env: sub, lp: sub.loop()}
				ln, err := tcp.Listen(s.lp, addr, nil)
				if err != nil {
					t.Skip("this family is not here: ", err)
				}
				s.no(ln.Close())
				s.end()
				run(s, addr)
			})
		}
	}
}

// at is the port of ln at another host.
func at(host string, ln *tcp.Listener) string {
	return net.JoinHostPort(host, strconv.Itoa(int(ln.LocalAddr().Port())))
}
