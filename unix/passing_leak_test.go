//go:build !windows

package unix_test

import (
	"errors"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/stream"
	"example.com/pike/unix"
)

// TestNoFileLeaks ends a connection in all ways while files are queued here, with the system, or
// there, and counts descriptors when both ends are closed.
func TestNoFileLeaks(t *testing.T) {
	lookAway := func(b *unix.Conn) { b.PauseRead() }
	takes := func(b *unix.Conn) {
		unix.OnPassed(b, func(*unix.Conn, []*unix.Passed) {})
		b.OnRead = stream.Discard
		b.PauseRead()
	}
	for name, c := range map[string]struct {
		set func(b *unix.Conn)
		end func(p *pair)
	}{
		"nobody takes them":          {func(b *unix.Conn) { b.OnRead = stream.Discard }, func(p *pair) { p.a.Close() }},
		"the receiver is paused":     {takes, func(p *pair) { p.a.CloseNow(); p.b.CloseNow() }},
		"the receiver closes":        {takes, func(p *pair) { p.b.CloseNow() }},
		"the receiver resumes":       {takes, func(p *pair) { p.b.ResumeRead(); p.a.Close() }},
		"the receiver stops taking":  {takes, func(p *pair) { unix.OnPassed(p.b, nil); p.b.ResumeRead(); p.a.Close() }},
		"the sender aborts":          {lookAway, func(p *pair) { p.a.Abort(); p.lp.RunNoWait(); p.b.CloseNow() }},
		"the receiver aborts":        {lookAway, func(p *pair) { p.b.Abort() }},
		"the loop is closed at once": {lookAway, func(p *pair) { p.lp.Close() }},
		"the receiver closes in its callback": {takes, func(p *pair) {
			unix.OnPassed(p.b, func(b *unix.Conn, files []*unix.Passed) { b.CloseNow() })
			p.b.ResumeRead()
		}},
		"OnPassed asks for no more in its callback": {takes, func(p *pair) {
			unix.OnPassed(p.b, func(b *unix.Conn, files []*unix.Passed) { unix.OnPassed(b, nil) })
			p.b.ResumeRead()
			p.a.Close()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			before := descriptors(t)
			p := newPair(t, nil, c.set)
			p.lp.RunNoWait() // the listener closes
			with := descriptors(t)
			closed := 0
			for _, e := range []*unix.Conn{p.a, p.b} {
				e.OnClose = func(*unix.Conn, error) { closed++ }
			}
			p.a.OnRead = stream.Discard
			f := file(t, "")
			big := make([]byte, 100_000)
			for range 10 { // more than the system takes
				p.no(unix.WriteFiles(p.a, big, f, f, f))
				p.no(unix.WriteFiles(p.a, []byte("x"), f))
			}
			f.Close()
			for range 3 {
				p.lp.RunNoWait()
			}
			if p.a.Buffered() == 0 && name != "nobody takes them" {
				t.Error("nothing is queued")
			}
			if during := descriptors(t); during <= before+4 {
				t.Errorf("%d descriptors before, and %d with files queued", before, during)
			}
			c.end(p)
			if name != "the loop is closed at once" {
				p.until("both ends are closed", func() bool { return closed == 2 })
				p.lp.RunNoWait()
				if after := descriptors(t); after != with-2 {
					t.Errorf("%d descriptors with the connection, and %d when both ends are closed", with, after)
				}
				p.lp.Close()
			}
			if after := descriptors(t); after != before {
				t.Errorf("%d descriptors before, %d after", before, after)
			}
		})
	}
}

// rawPeer is the descriptor of p.a, for what only sendmsg(2) does.
func (p *pair) rawPeer() (fd int) {
	rc, err := p.a.SyscallConn()
	p.no(err)
	p.no(rc.Control(func(d uintptr) { fd = int(d) }))
	return fd
}

// TestForeignPeer takes what another program sends: as many as the system lets it, and credentials
// that nobody has asked for.
func TestForeignPeer(t *testing.T) {
	var counts []int
	p := newPair(t, nil, func(b *unix.Conn) {
		unix.OnPassed(b, func(_ *unix.Conn, files []*unix.Passed) { counts = append(counts, len(files)) })
		b.OnRead = stream.Discard
	})
	f := file(t, "")
	defer f.Close()
	fd := p.rawPeer()
	before := descriptors(t)
	for _, n := range []int{poller.PassMost, 1, poller.PassMost} {
		p.no(syscall.Sendmsg(fd, []byte("x"), syscall.UnixRights(slices.Repeat([]int{int(f.Fd())}, n)...), nil, 0))
	}
	p.until("they have come", func() bool { return len(counts) == 3 })
	if want := []int{poller.PassMost, 1, poller.PassMost}; !slices.Equal(counts, want) {
		t.Errorf("%d files, want %d", counts, want)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestPassedSocketThatLingers closes one that nobody takes. It has something to send, and a time to linger for
// which close would hold the loop up.
func TestPassedSocketThatLingers(t *testing.T) {
	came := false
	p := newPair(t, nil, func(b *unix.Conn) {
		unix.OnPassed(b, func(*unix.Conn, []*unix.Passed) { came = true })
		b.OnRead = stream.Discard
	})
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	p.no(err)
	defer nl.Close()
	nc, err := net.Dial("tcp", nl.Addr().String())
	p.no(err)
	far, err := nl.Accept() // which reads nothing
	p.no(err)
	defer far.Close()
	nc.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	for err == nil {
		_, err = nc.Write(make([]byte, 1<<20))
	}
	const lingering = 30
	p.no(nc.(*net.TCPConn).SetLinger(lingering))
	p.no(unix.WriteFiles(p.a, []byte("x"), nc.(*net.TCPConn)))
	p.until("it is sent", func() bool { return p.a.Buffered() == 0 })
	begun := time.Now()
	if !came { // or else it was this process's still
		nc.Close()
	}
	p.until("it has come", func() bool { return came })
	nc.Close()
	if d := time.Since(begun); d > lingering*time.Second/2 {
		t.Errorf("it took %v", d)
	}
}

// limitFiles sets how many descriptors the process may have, and puts that back.
func limitFiles(t *testing.T, n int) {
	t.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	low := old
	setLimit(&low.Cur, n)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old) })
}

// setLimit is because FreeBSD has limits with a sign.
func setLimit[T int64 | uint64](limit *T, n int) { *limit = T(n) }

// TestNoRoomForFiles holds that the loss of files is no secret: with no room for all of them the
// connection ends, and says why, and none of what had room is left.
func TestNoRoomForFiles(t *testing.T) {
	var reason error
	p := newPair(t, nil, func(b *unix.Conn) {
		unix.OnPassed(b, func(_ *unix.Conn, files []*unix.Passed) { t.Errorf("%d files", len(files)) })
		b.OnRead = func(_ *unix.Conn, p []byte) { t.Errorf("OnRead %q", p) }
		b.OnClose = func(_ *unix.Conn, err error) { reason = err }
		b.PauseRead()
	})
	f := file(t, "")
	p.no(unix.WriteFiles(p.a, []byte("x"), f, f, f, f))
	p.until("they are sent", func() bool { return p.a.Buffered() == 0 })
	q := newPairOn(p, nil).a // made before the limit
	before := descriptors(t)
	free, err := syscall.Dup(int(f.Fd()))
	p.no(err)
	syscall.Close(free)
	limitFiles(t, free+2) // so that there is room for some
	p.no(p.b.ResumeRead())
	p.until("it ends", func() bool { return reason != nil })
	if !errors.Is(reason, syscall.EMFILE) && !errors.Is(reason, syscall.EMSGSIZE) {
		t.Errorf("the reason is %v", reason)
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	limitFiles(t, free)
	if err := unix.WriteFiles(q, []byte("x"), f, f, f); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("WriteFiles without room: %v", err)
	}
	f.Close()
}
