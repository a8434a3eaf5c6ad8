//go:build !windows

package unix_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
	"example.com/pike/stream/layer"
	"example.com/pike/tcp"
	"example.com/pike/timer"
	"example.com/pike/unix"
)

// A pair is a loop and a connection over a unix-domain socket.
type pair struct {
	*testing.T
	lp   *loop.Loop
	a, b *unix.Conn // dialed, and accepted
}

// newPair makes the connection; set sets what b has from the beginning.
func newPair(t *testing.T, o *unix.Options, set func(b *unix.Conn)) *pair {
	t.Helper()
	lp, err := loop.New(loop.Options{OnPanic: func(loop.Handle, any, []byte) {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lp.Close() })
	p := &pair{T: t, lp: lp}
	dir, err := os.MkdirTemp("", "pike") // a name that is short enough for a socket
	p.no(err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	ln, err := unix.Listen(lp, filepath.Join(dir, "s"), o)
	p.no(err)
	ln.OnAccept = func(c *unix.Conn) {
		p.b = c
		ln.Close()
		if set != nil {
			set(c)
		}
	}
	_, err = unix.Dial(lp, filepath.Join(dir, "s"), o, func(c *unix.Conn, err error) {
		p.no(err)
		p.a = c
	})
	p.no(err)
	p.until("they are connected", func() bool { return p.a != nil && p.b != nil })
	return p
}

func (p *pair) no(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// until runs turns of the loop until done, within a bound that only a broken test meets.
func (p *pair) until(what string, done func() bool) {
	p.Helper()
	late := false
	g, err := timer.After(p.lp, time.Minute, func() { late = true })
	p.no(err)
	defer g.Stop()
	for !done() {
		_, err := p.lp.RunOnce()
		p.no(err)
		if late {
			p.Fatal("waited in vain until ", what)
		}
	}
}

// file is an open file that holds text.
func file(t testing.TB, text string) *os.File {
	t.Helper()
	f, err := os.CreateTemp("", "pike")
	if err == nil {
		os.Remove(f.Name())
		_, err = f.WriteString(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// text is what a file that was passed holds.
func text(t testing.TB, f *unix.Passed) string {
	t.Helper()
	o, err := f.File()
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	b := make([]byte, 100)
	n, err := o.ReadAt(b, 0)
	if err != io.EOF {
		t.Fatal(err)
	}
	return string(b[:n])
}

// descriptors is how many descriptors the process has open.
func descriptors(t testing.TB) (n int) {
	t.Helper()
	for fd := range 4096 {
		var st syscall.Stat_t
		if syscall.Fstat(fd, &st) == nil {
			n++
		}
	}
	return n
}

// TestFilesInOrder writes files and bytes in all ways in turn, and closes the files at once.
func TestFilesInOrder(t *testing.T) {
	var got []string
	var read bytes.Buffer
	var at []int // how much had been read when a file came
	p := newPair(t, nil, func(b *unix.Conn) {
		err := unix.OnPassed(b, func(_ *unix.Conn, files []*unix.Passed) {
			for _, f := range files {
				got, at = append(got, text(t, f)), append(at, read.Len())
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		b.OnRead = func(_ *unix.Conn, p []byte) { read.Write(p) }
	})
	var want []string
	var sent bytes.Buffer
	var with []int // the byte that a file is written with
	for i := range 150 {
		msg := bytes.Repeat([]byte{byte(i)}, []int{1, 100, 3000, 20_000, 1}[i%5])
		var files []syscall.Conn
		for j := range i % 4 {
			want, with = append(want, fmt.Sprint(i, j)), append(with, sent.Len())
			f := file(t, fmt.Sprint(i, j))
			defer f.Close()
			files = append(files, f)
		}
		var err error
		switch {
		case len(files) > 0:
			err = unix.WriteFiles(p.a, msg, files...)
		case i%8 == 0:
			err = p.a.WriteBuffers([][]byte{msg, msg}, nil)
			sent.Write(msg)
		default:
			_, err = p.a.Write(msg)
		}
		p.no(err)
		for _, f := range files {
			f.(*os.File).Close()
		}
		sent.Write(msg)
		if i%50 == 49 {
			p.until("some of it is sent", func() bool { return p.a.Buffered() < 1<<20 })
		}
	}
	p.until("all is read", func() bool { return read.Len() == sent.Len() })
	if !bytes.Equal(read.Bytes(), sent.Bytes()) {
		t.Error("the bytes differ")
	}
	if !slices.Equal(got, want) {
		t.Fatalf("files %v\nwant %v", got, want)
	}
	for i := range at {
		if at[i] > with[i] {
			t.Errorf("file %d went with byte %d, and came when %d bytes had been read", i, with[i], at[i])
		}
	}
}

// TestTenThousandFiles passes so many, and leaves no descriptor.
func TestTenThousandFiles(t *testing.T) {
	const all = 10_000
	before := descriptors(t)
	got, taken := 0, 0
	p := newPair(t, nil, func(b *unix.Conn) {
		unix.OnPassed(b, func(_ *unix.Conn, files []*unix.Passed) {
			for _, f := range files {
				if got++; got%3 == 0 { // the others nobody takes
					o, err := f.File()
					if err != nil {
						t.Fatal(err)
					}
					o.Close()
					taken++
				}
			}
		})
		b.OnRead = stream.Discard
	})
	p.lp.RunNoWait() // the listener closes
	with := descriptors(t)
	f := file(t, "")
	passed := 0
	more := func(c *unix.Conn) {
		for range 10 {
			if n := min(1+passed%7, all-passed); n > 0 {
				p.no(unix.WriteFiles(c, []byte("x"), slices.Repeat([]syscall.Conn{f}, n)...))
				passed += n
			}
		}
	}
	p.a.OnWrite = more
	more(p.a)
	p.until("all have come", func() bool { return got == all })
	f.Close()
	if after := descriptors(t); after != with {
		t.Errorf("%d descriptors with the connection, %d after", with, after)
	}
	p.lp.Close()
	if after := descriptors(t); after != before || taken != all/3 {
		t.Errorf("%d descriptors before, %d after; %d were taken", before, after, taken)
	}
}

// TestMostFiles holds the bound of one write.
func TestMostFiles(t *testing.T) {
	got := 0
	p := newPair(t, nil, func(b *unix.Conn) {
		unix.OnPassed(b, func(_ *unix.Conn, files []*unix.Passed) { got += len(files) })
		b.OnRead = stream.Discard
	})
	f := file(t, "")
	defer f.Close()
	err := unix.WriteFiles(p.a, []byte("x"), slices.Repeat([]syscall.Conn{f}, poller.PassMost+1)...)
	if !errors.Is(err, os.ErrInvalid) {
		t.Errorf("%d files: %v", poller.PassMost+1, err)
	}
	before := descriptors(t)
	p.no(unix.WriteFiles(p.a, []byte("x"), slices.Repeat([]syscall.Conn{f}, poller.PassMost)...))
	p.until("they have come", func() bool { return got == poller.PassMost })
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestPausedInOnPassed holds back what the files came with, and what follows, until reading goes on.
func TestPausedInOnPassed(t *testing.T) {
	var events []string
	p := newPair(t, nil, func(b *unix.Conn) {
		unix.OnPassed(b, func(c *unix.Conn, files []*unix.Passed) {
			events = append(events, fmt.Sprint(len(files), " files"))
			c.PauseRead()
		})
		b.OnRead = func(_ *unix.Conn, p []byte) { events = append(events, string(p)) }
	})
	f := file(t, "")
	defer f.Close()
	p.no(unix.WriteFiles(p.a, []byte("first"), f, f))
	p.until("the files are there", func() bool { return len(events) == 1 })
	p.no(unix.WriteFiles(p.a, []byte("second"), f))
	p.until("it is sent", func() bool { return p.a.Buffered() == 0 })
	if len(events) != 1 {
		t.Errorf("%q while paused", events)
	}
	p.no(p.b.ResumeRead())
	p.until("the rest has come", func() bool { return len(events) >= 3 })
	p.no(p.b.ResumeRead())
	p.until("the last bytes have come", func() bool { return len(events) == 4 })
	if want := []string{"2 files", "first", "1 files", "second"}; !slices.Equal(events, want) {
		t.Errorf("%q, want %q", events, want)
	}
}

// TestPanicInOnPassed closes what had been passed, with the connection.
func TestPanicInOnPassed(t *testing.T) {
	p := newPair(t, nil, func(b *unix.Conn) {
		unix.OnPassed(b, func(*unix.Conn, []*unix.Passed) { panic("in OnPassed") })
		b.OnRead = func(*unix.Conn, []byte) { t.Error("OnRead after the panic") }
	})
	f := file(t, "")
	defer f.Close()
	before := descriptors(t)
	p.no(unix.WriteFiles(p.a, []byte("x"), f, f, f))
	gone := false
	p.a.OnClose = func(*unix.Conn, error) { gone = true }
	p.a.OnRead = stream.Discard
	p.until("it is closed", func() bool { return gone })
	if after := descriptors(t); after > before-2 {
		t.Errorf("%d descriptors before, %d when both ends are closed", before, after)
	}
}

// TestPassedOnce takes each file once, and only in the callback.
func TestPassedOnce(t *testing.T) {
	var kept []*unix.Passed
	var errs []error
	p := newPair(t, nil, func(b *unix.Conn) {
		unix.OnPassed(b, func(_ *unix.Conn, files []*unix.Passed) {
			kept = files
			_, err := files[0].Conn() // it is no socket, and is still there
			errs = append(errs, err)
			fd, err := files[0].Take()
			if err != nil {
				t.Error(err)
			}
			syscall.Close(int(fd))
			_, err = files[0].File()
			errs = append(errs, err)
		})
		b.OnRead = stream.Discard
	})
	f := file(t, "")
	defer f.Close()
	p.no(unix.WriteFiles(p.a, []byte("x"), f, f))
	p.until("they have come", func() bool { return kept != nil })
	_, err := kept[1].Conn()
	_, err2 := kept[1].Listener()
	errs = append(errs, err, err2)
	if !errors.Is(errs[0], syscall.ENOTSOCK) {
		t.Errorf("Conn of a file: %v", errs[0])
	}
	for _, err := range errs[1:] {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("a method of a file that is gone: %v", err)
		}
	}
}

// TestPassedListener passes a listener, of package net and of pike, which goes on.
func TestPassedListener(t *testing.T) {
	var lns []*tcp.Listener
	p := newPair(t, nil, func(b *unix.Conn) {
		unix.OnPassed(b, func(_ *unix.Conn, files []*unix.Passed) {
			for _, f := range files {
				ln, err := f.Listener()
				if err != nil {
					t.Fatal(err)
				}
				lns = append(lns, ln)
			}
		})
		b.OnRead = stream.Discard
	})
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	p.no(err)
	ln, err := tcp.Listen(p.lp, "127.0.0.1:0", nil)
	p.no(err)
	p.no(unix.WriteFiles(p.a, []byte("x"), nl.(*net.TCPListener), ln))
	addrs := []string{nl.Addr().String(), ln.LocalAddr().String()}
	nl.Close()
	ln.Close()
	p.until("they have come", func() bool { return len(lns) == 2 })
	for i, ln := range lns {
		accepted, dialed := false, false
		ln.OnAccept = func(c *tcp.Conn) { accepted = true; c.Close() }
		_, err := tcp.Dial(p.lp, addrs[i], nil, func(c *tcp.Conn, err error) {
			p.no(err)
			dialed = true
			c.Close()
		})
		p.no(err)
		p.until("it accepts", func() bool { return accepted && dialed })
		ln.Close()
	}
}

// TestPassingMisuse holds what is refused, with the reason, and that nothing is written then.
func TestPassingMisuse(t *testing.T) {
	read := 0
	p := newPair(t, nil, func(b *unix.Conn) { b.OnRead = func(_ *unix.Conn, p []byte) { read += len(p) } })
	f := file(t, "")
	defer f.Close()
	none := (*os.File)(nil)
	ln, err := tcp.Listen(p.lp, "127.0.0.1:0", nil)
	p.no(err)
	var over *tcp.Conn
	ln.OnAccept = func(c *tcp.Conn) { over = c }
	dialing, err := tcp.Dial(p.lp, ln.LocalAddr().String(), nil, func(*tcp.Conn, error) {})
	p.no(err)
	early := unix.WriteFiles(dialing, []byte("x"), f)
	earlyOn := unix.OnPassed(dialing, nil)
	earlyPassed := unix.WriteConn(p.a, []byte("x"), dialing)
	p.until("it is accepted", func() bool { return over != nil })
	layered := newPair(t, &unix.Options{Layer: layer.Identity{}}, nil)
	closed := newPair(t, nil, nil)
	closed.a.Close()
	other := newPair(t, nil, nil)
	on := func(*unix.Conn, []*unix.Passed) {}
	gone := file(t, "")
	gone.Close()
	for name, c := range map[string]struct{ err, want error }{
		"no file":                      {unix.WriteFiles(p.a, []byte("x")), os.ErrInvalid},
		"no byte":                      {unix.WriteFiles(p.a, nil, f), os.ErrInvalid},
		"a nil file":                   {unix.WriteFiles(p.a, []byte("x"), f, none), os.ErrInvalid},
		"while dialing":                {early, syscall.ENOTCONN},
		"OnPassed while dialing":       {earlyOn, syscall.ENOTCONN},
		"over TCP":                     {unix.WriteFiles(over, []byte("x"), f), errors.ErrUnsupported},
		"OnPassed over TCP":            {unix.OnPassed(over, on), errors.ErrUnsupported},
		"through a layer":              {unix.WriteFiles(layered.a, []byte("x"), f), errors.ErrUnsupported},
		"OnPassed through a layer":     {unix.OnPassed(layered.a, on), errors.ErrUnsupported},
		"closed":                       {unix.WriteFiles(closed.a, []byte("x"), f), net.ErrClosed},
		"OnPassed closed":              {unix.OnPassed(closed.a, on), net.ErrClosed},
		"WriteConn of none":            {unix.WriteConn(p.a, []byte("x"), nil), os.ErrInvalid},
		"WriteConn of itself":          {unix.WriteConn(p.a, []byte("x"), p.a), os.ErrInvalid},
		"WriteConn of another loop's":  {unix.WriteConn(p.a, []byte("x"), other.a), os.ErrInvalid},
		"WriteConn without a byte":     {unix.WriteConn(p.a, nil, over), os.ErrInvalid},
		"WriteConn of what is dialing": {earlyPassed, net.ErrClosed},
		"WriteConn over TCP":           {unix.WriteConn(over, []byte("x"), p.a), errors.ErrUnsupported},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	if err := unix.WriteFiles(p.a, []byte("x"), f, gone); err == nil { // it is one of internal/poll
		t.Error("a closed file was passed")
	}
	p.a.CloseWrite()
	if err := unix.WriteFiles(p.a, []byte("x"), f); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("after CloseWrite: %v", err)
	}
	p.a.OnRead = stream.Discard
	over.Close()
	ln.Close()
	p.until("the end has come", func() bool { return p.b.Closing() })
	if read != 0 {
		t.Errorf("%d bytes were written by what failed", read)
	}
}
