package stream_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// childVariable tells a process of this test binary that it is the child that a
// test has started to have a process to itself.
const childVariable = "PIKE_TCP_TEST_CHILD"

// inChild runs the test that calls it in a process of its own, and reports true
// there.
func inChild(t *testing.T) bool {
	t.Helper()
	if os.Getenv(childVariable) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout="+(time.Minute+soakTime(t)).String(), "-test.v")
	cmd.Env = append(os.Environ(), childVariable+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// descriptors are those that the process has open.
func descriptors(t testing.TB) map[string]string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]string{}
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			open[e.Name()] = to
		}
	}
	return open
}

// starve uses up the descriptors of the process but for free of them. It returns
// what gives them back.
func starve(t testing.TB, free int) (end func()) {
	t.Helper()
	var taken []int
	for {
		fd, err := syscall.Dup(0)
		if errors.Is(err, syscall.EMFILE) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, fd)
	}
	for range free {
		syscall.Close(taken[0])
		taken = taken[1:]
	}
	return func() {
		for _, fd := range taken {
			syscall.Close(fd)
		}
	}
}

func lowerLimit(t testing.TB) {
	t.Helper()
	limit := syscall.Rlimit{Cur: 64, Max: 64}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
}

// The process is out of descriptors: the server says so, serves on, does not
// spin, closes nobody, and accepts again as soon as there are some.
func TestOutOfDescriptors(t *testing.T) {
	if !inChild(t) {
		return
	}
	lowerLimit(t)
	r := newRig(t)
	accepted, ended, echoed := 0, 0, 0
	var failures []time.Duration
	ln := r.listen(nil, func(c *tcp.Conn) {
		accepted++
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
		c.OnClose = func(*tcp.Conn, error) { ended++ }
	})
	old := r.dial(ln, nil)
	old.OnRead = func(*tcp.Conn, []byte) { echoed++ }
	r.until("it is accepted", func() bool { return accepted == 1 })

	began := r.lp.Now()
	ln.OnError = func(err error) {
		failures = append(failures, r.lp.UpdateNow().Sub(began))
		r.is(err, syscall.EMFILE)
		var op *net.OpError
		r.equal("names the operation", errors.As(err, &op) && op.Op == "accept", true)
	}
	for round := 1; round <= 2; round++ { // the second begins with short pauses again
		end := starve(t, 1)
		fresh := r.dial(ln, nil) // takes the last one
		closed, answered := false, false
		fresh.OnClose = func(*tcp.Conn, error) { closed = true }
		fresh.OnRead = func(*tcp.Conn, []byte) { answered = true }
		fresh.WriteString("waiting")

		began, failures = r.lp.UpdateNow(), nil
		turns := r.lp.Metrics().Turns
		r.rest(300 * time.Millisecond)
		r.until("it has told of a failure", func() bool { return len(failures) > 0 })
		// 5, 10, 20, 40, 80, 160 ms: six or seven tries, each a turn or two.
		if n := r.lp.Metrics().Turns - turns; n > 30 {
			t.Errorf("%d turns in 300 ms", n)
		}
		if n := len(failures); n > 8 {
			t.Errorf("told of %d failures, at %v", n, failures)
		}
		if d := soakTime(t) / 2; d >= time.Second { // of the long form: a try a second, and nothing else
			turns, told := r.lp.Metrics().Turns, len(failures)
			r.rest(d)
			if tries, n := len(failures)-told, r.lp.Metrics().Turns-turns; tries > int(d/time.Second)+5 || n > 4*uint64(d/time.Second)+20 {
				t.Errorf("%d failures and %d turns in %v", tries, n, d)
			}
		}
		r.equal("accepted", accepted, round)
		r.equal("the one that waits is closed", closed, false)
		old.WriteString("still there?")
		r.until("the old connection is served", func() bool { return echoed == round })

		var refused dialLog
		_, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, refused.tell)
		r.no(err)
		r.until("the dial has failed", func() bool { return refused.closed > 0 })
		refused.failed(r, syscall.EMFILE)
		_, err = tcp.Listen(r.lp, loopback, nil)
		r.is(err, syscall.EMFILE)

		end()
		r.until("the one that waited is served", func() bool { return answered })
		r.no(fresh.Close())
		r.until("both ends are closed", func() bool { return closed && ended == round })
		r.equal("accepted", accepted, round+1)
	}
}

// A listener that is paused, or closed, between two tries stays so.
func TestPauseWhileOutOfDescriptors(t *testing.T) {
	if !inChild(t) {
		return
	}
	lowerLimit(t)
	r := newRig(t)
	accepted, failed := 0, 0
	ln := r.listen(nil, func(c *tcp.Conn) { accepted++ })
	ln.OnError = func(error) { failed++ }
	end := starve(t, 1)
	r.dial(ln, nil)
	r.until("it fails", func() bool { return failed == 1 })
	r.no(ln.Pause())
	end()
	r.rest(20 * time.Millisecond)
	r.equal("accepted while paused", accepted, 0)
	r.equal("tries while paused", failed, 1)
	r.no(ln.Resume())
	r.until("it is accepted", func() bool { return accepted == 1 })

	end = starve(t, 1)
	r.dial(ln, nil)
	r.until("it fails", func() bool { return failed == 2 })
	r.no(ln.Resume()) // changes nothing: the pause is not over
	r.no(ln.Close())
	end()
	r.rest(20 * time.Millisecond)
	r.equal("accepted after Close", accepted, 1)
}

// Whatever a loop had is gone after Close: descriptors, goroutines, connections
// in every state.
func TestNothingIsLeftAfterClose(t *testing.T) {
	use := func() {
		r := newRig(t)
		ln := r.listen(nil, func(c *tcp.Conn) { c.Write(make([]byte, mebibyte)) })
		for range 10 {
			r.dial(ln, nil).PauseRead()
		}
		r.deafOrNot()
		_, err := tcp.Dial(r.lp, "localhost:1", nil, func(*tcp.Conn, error) {})
		r.no(err)
		a, b := netPair(r)
		r.adopt(a)
		c := r.adopt(b)
		nc, err := c.NetConn()
		r.no(err)
		nc.Close()
		r.dial(ln, nil).Abort()
		r.turns(5)
		r.no(r.lp.Close())
		r.refuse()
	}
	use() // what the runtime opens once and keeps
	before, goroutines := descriptors(t), settled()
	use()
	after := descriptors(t)
	for fd, to := range after {
		if before[fd] == "" && to[0] != '/' { // the directory that is being read
			t.Errorf("descriptor %s is left: %s", fd, to)
		}
	}
	if n := settled(); n > goroutines {
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines, %d before\n%s", n, goroutines, buf[:runtime.Stack(buf, true)])
	}
}

// refuse opens what cannot be opened on a loop that is closed.
func (r *rig) refuse() {
	a, b := netPair(r)
	defer a.Close()
	defer b.Close()
	nl, err := net.Listen("tcp", loopback)
	r.no(err)
	defer nl.Close()
	_, err = stream.AdoptConn(r.lp, a)
	r.is(err, net.ErrClosed)
	_, err = stream.AdoptListener(r.lp, nl)
	r.is(err, net.ErrClosed)
	_, err = tcp.Listen(r.lp, loopback, nil)
	r.is(err, net.ErrClosed)
	_, err = tcp.Dial(r.lp, nl.Addr().String(), nil, func(*tcp.Conn, error) {})
	r.is(err, net.ErrClosed)
}

// deafOrNot leaves connections half made.
func (r *rig) deafOrNot() {
	ln, err := tcp.Listen(r.lp, loopback, &tcp.Options{Backlog: 1})
	r.no(err)
	r.no(ln.Pause())
	for range 4 {
		_, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(*tcp.Conn, error) {})
		r.no(err)
	}
}

// The system has taken the descriptor away underneath: an error, once, and an
// end.
func TestDescriptorClosedUnderneath(t *testing.T) {
	r := newRig(t, loop.Options{})
	peer, c := r.pair()
	rc, err := c.SyscallConn()
	r.no(err)
	null, err := os.Open(os.DevNull)
	r.no(err)
	defer null.Close()
	// Not only closed: the number must not become someone else's meanwhile.
	r.no(rc.Control(func(fd uintptr) { r.no(syscall.Dup3(int(null.Fd()), int(fd), syscall.O_CLOEXEC)) }))
	calls, done := 0, 0
	c.OnClose = func(_ *tcp.Conn, err error) {
		calls++
		r.is(err, syscall.ENOTSOCK)
		r.equal("done before OnClose", done, 1)
	}
	r.no(c.WriteBuffers([][]byte{{1}}, func(err error) {
		done++
		r.is(err, syscall.ENOTSOCK)
	}))
	r.until("it ends", func() bool { return calls > 0 })
	peer.Close() // unless it has seen the end
	r.run()
	r.equal("OnClose", calls, 1)
}

// settled waits for goroutines of earlier tests to end and returns how many are
// left.
func settled() int {
	n := runtime.NumGoroutine()
	for range 50 {
		time.Sleep(2 * time.Millisecond)
		m := runtime.NumGoroutine()
		if m == n {
			return n
		}
		n = m
	}
	return n
}
