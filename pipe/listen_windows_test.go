package pipe_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"example.com/pike/loop"
	"example.com/pike/pipe"
	"example.com/pike/poller"
	"example.com/pike/poller/pollertest"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

func TestEcho(t *testing.T) {
	n := newNamed(t, nil, nil)
	client, server := n.pair(nil)
	echo(server)
	if a := server.LocalAddr(); a.Path != n.name || client.RemoteAddr() != a || n.ln.LocalAddr() != a {
		t.Errorf("server %v, client's peer %v, listener %v, want %s", a, client.RemoteAddr(), n.ln.LocalAddr(), n.name)
	}
	if client.LocalAddr() != (poller.Addr{}) || server.RemoteAddr() != (poller.Addr{}) {
		t.Errorf("the client has the address %v, and the server says %v", client.LocalAddr(), server.RemoteAddr())
	}
	var got []byte
	client.OnRead = func(_ *pipe.Conn, p []byte) { got = append(got, p...) }
	for _, size := range []int{1, 4096, 65536, 65537, 1 << 20} {
		want := bytes.Repeat([]byte{byte(size), byte(size >> 8), 7}, size/3+1)
		got = nil
		n.no(write(client, want))
		n.until("it comes back", func() bool { return len(got) >= len(want) })
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back otherwise", size)
		}
	}
	n.is("SetNoDelay", client.SetNoDelay(true), errors.ErrUnsupported)
	reason := watch(server)
	client.Close()
	n.until("the server sees the end", func() bool { return reason.over })
	n.is("the reason", reason.reason, io.EOF)
}

func write(c *pipe.Conn, p []byte) error { _, err := c.Write(p); return err }

// TestCloseLosesNothing writes 16 MiB and closes, and the other end reads slowly.
func TestCloseLosesNothing(t *testing.T) {
	for _, byServer := range []bool{false, true} {
		n := newNamed(t, nil, nil)
		from, to := n.pair(nil)
		if byServer {
			from, to = to, from
		}
		const size = 16 << 20
		got, sum := 0, byte(0)
		to.OnRead = func(c *pipe.Conn, p []byte) {
			for i, b := range p {
				if b != byte((got+i)*7>>3) {
					t.Fatalf("byte %d is wrong", got+i)
				}
				sum += b
			}
			got += len(p)
			if got%8 == 0 {
				c.PauseRead()
				n.lp.Post(func() { c.ResumeRead() })
			}
		}
		reason, own := watch(to), watch(from)
		p := make([]byte, size)
		for i := range p {
			p[i] = byte(i * 7 >> 3)
		}
		n.no(write(from, p))
		from.Close()
		n.until("both are closed", func() bool { return reason.over && own.over })
		if got != size || reason.reason != io.EOF || own.reason != nil {
			t.Errorf("by the server %v: %d bytes, %v and %v", byServer, got, reason.reason, own.reason)
		}
	}
}

// TestWhatIsUnreadStaysWhenTheOtherCloses holds that the system keeps what it has taken, with the reader
// stopped, until it is read: Close waits for nobody.
func TestWhatIsUnreadStaysWhenTheOtherCloses(t *testing.T) {
	n := newNamed(t, nil, nil)
	client, server := n.pair(nil)
	server.PauseRead()
	own, reason := watch(client), watch(server)
	n.no(write(client, make([]byte, 50_000)))
	client.Close()
	n.until("the client is closed", func() bool { return own.over })
	got := 0
	server.OnRead = func(_ *pipe.Conn, p []byte) { got += len(p) }
	server.ResumeRead()
	n.until("the server sees the end", func() bool { return reason.over })
	if got != 50_000 || own.reason != nil || reason.reason != io.EOF {
		t.Errorf("%d bytes, %v and %v", got, own.reason, reason.reason)
	}
}

// TestThousand has a thousand connections open at the same time, more than wait at a listener, and gives
// all handles back.
func TestThousand(t *testing.T) {
	const most = 1000
	before := uint32(0)
	for _, conns := range []int{10, most} {
		n := newNamed(t, nil, echo)
		var all []*pipe.Conn
		answered, closed := 0, 0
		for range conns {
			all = append(all, n.dial(nil, func(c *pipe.Conn) {
				c.OnRead = func(*pipe.Conn, []byte) { answered++ }
				c.OnClose = func(*pipe.Conn, error) { closed++ }
				c.WriteString("x")
			}))
		}
		n.until("all are answered", func() bool { return answered == conns })
		if m := n.ln.Metrics(); m.Open != conns {
			t.Errorf("%d are open, want %d", m.Open, conns)
		}
		for _, c := range all {
			c.Close()
		}
		n.until("all are closed", func() bool { return closed == conns && n.ln.Metrics().Open == 0 })
		n.no(n.ln.Close())
		n.no(n.lp.Run())
		n.no(n.lp.Close())
		if before == 0 {
			before = handles(t)
		}
	}
	if after := handles(t); after > before+4 { // the Go runtime may have started a thread
		t.Errorf("%d handles, %d before", after, before)
	}
}

// handles counts those of the process.
func handles(t *testing.T) (n uint32) {
	t.Helper()
	p := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessHandleCount")
	if r, _, err := p.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&n))); r == 0 {
		t.Fatal("GetProcessHandleCount: ", err)
	}
	return n
}

// TestBusy has clients come to a listener that is paused: as many as Backlog connect, another waits, and
// gives up when its time is over, and one more is served when the listener goes on.
func TestBusy(t *testing.T) {
	n := newNamed(t, &pipe.Options{Backlog: 1}, echo)
	n.no(n.ln.Pause())
	connected := 0
	n.dial(nil, func(*pipe.Conn) { connected++ })
	n.until("the first is connected", func() bool { return connected == 1 })
	var late error
	_, err := pipe.Dial(n.lp, n.name, &pipe.Options{Timeout: 50 * time.Millisecond}, func(_ *pipe.Conn, err error) { late = err })
	n.no(err)
	n.dial(nil, func(*pipe.Conn) { connected++ })
	n.until("one has given up", func() bool { return late != nil })
	n.is("Dial", late, os.ErrDeadlineExceeded)
	if connected != 1 {
		t.Errorf("%d are connected to a backlog of 1", connected)
	}
	gone := n.dial(nil, func(*pipe.Conn) { t.Error("a dial that was closed is connected") })
	n.no(gone.Close())
	n.no(n.ln.Resume())
	n.until("the other is served", func() bool { return connected == 2 })
}

func TestAbort(t *testing.T) {
	n := newNamed(t, nil, nil)
	client, server := n.pair(nil)
	client.PauseRead()
	reason, own := watch(client), watch(server)
	n.no(write(server, make([]byte, 1<<20)))
	n.no(server.Abort())
	n.until("both are closed", func() bool { return reason.over && own.over })
	n.is("the client's reason", reason.reason, syscall.ECONNRESET)
	n.is("the server's own", own.reason, stream.ErrAborted)

	client, server = n.pair(nil)
	reason, own = watch(server), watch(client)
	n.no(client.Abort())
	n.until("both are closed", func() bool { return reason.over && own.over })
	n.is("the server's reason", reason.reason, io.EOF)
	n.is("the client's own", own.reason, stream.ErrAborted)
}

func TestTimeouts(t *testing.T) {
	const soon = 50 * time.Millisecond
	n := newNamed(t, nil, nil)
	_, server := n.pair(nil)
	idle := watch(server)
	n.no(server.SetIdleTimeout(soon))
	client, deaf := n.pair(nil)
	deaf.PauseRead()
	stalled := watch(client)
	n.no(client.SetWriteTimeout(soon))
	n.no(write(client, make([]byte, 1<<20)))
	drained, mute := n.pair(&pipe.Options{DrainTimeout: soon})
	mute.PauseRead()
	undrained := watch(drained)
	n.no(write(drained, make([]byte, 1<<20)))
	drained.Close()
	n.until("all have ended", func() bool { return idle.over && stalled.over && undrained.over })
	n.is("IdleTimeout", idle.reason, os.ErrDeadlineExceeded)
	n.is("WriteTimeout", stalled.reason, os.ErrDeadlineExceeded)
	n.is("DrainTimeout", undrained.reason, os.ErrDeadlineExceeded)
}

func TestLimits(t *testing.T) {
	n := newNamed(t, &pipe.Options{MaxConns: 1, QueueLimit: &stream.QueueLimit{Bytes: 1 << 16}}, nil)
	client, server := n.pair(nil)
	client.PauseRead()
	waits := false
	n.dial(nil, func(*pipe.Conn) {})
	n.ln.OnAccept = func(*pipe.Conn) { waits = true }
	reason := watch(server)
	n.is("Write", write(server, make([]byte, 1<<20)), stream.ErrQueueLimit)
	n.until("the limit ends it", func() bool { return reason.over })
	n.is("the reason", reason.reason, stream.ErrQueueLimit)
	n.until("the next has its turn", func() bool { return waits })
}

// TestNoHalfClose holds what CloseWrite says and does, where the sides end together.
func TestNoHalfClose(t *testing.T) {
	n := newNamed(t, nil, nil)
	client, server := n.pair(nil)
	n.is("CloseWrite", client.CloseWrite(), errors.ErrUnsupported)
	echo(server) // it has done no harm
	got := 0
	client.OnRead = func(_ *pipe.Conn, p []byte) { got += len(p) }
	n.no(write(client, []byte("hello")))
	n.until("it comes back", func() bool { return got == 5 })

	reason := watch(server)
	server.OnEOF = func(c *pipe.Conn) {
		if err := c.CloseWrite(); err != nil {
			t.Errorf("CloseWrite after the peer's end: %v", err)
		}
	}
	client.Close()
	n.until("the server is closed", func() bool { return reason.over })
	n.is("the reason", reason.reason, nil)

	// While it is being dialed nobody knows yet, and it means Close.
	var in int
	var end *ends
	n.ln.OnAccept = func(c *pipe.Conn) {
		c.OnRead = func(_ *pipe.Conn, p []byte) { in += len(p) }
		end = watch(c)
	}
	c := n.dial(nil, func(*pipe.Conn) {})
	n.no(write(c, make([]byte, 100_000)))
	n.no(c.CloseWrite())
	own := watch(c)
	n.until("both are closed", func() bool { return end != nil && end.over && own.over })
	if in != 100_000 || own.reason != nil {
		t.Errorf("%d bytes, then %v", in, own.reason)
	}
}

// TestJoin passes on between TCP and a named pipe. The end that TCP can send alone ends the pipe.
func TestJoin(t *testing.T) {
	n := newNamed(t, nil, nil)
	in := 0
	n.ln.OnAccept = func(c *pipe.Conn) { c.OnRead = func(_ *pipe.Conn, p []byte) { in += len(p) } }
	front, err := tcp.Listen(n.lp, "127.0.0.1:0", nil)
	n.no(err)
	done := false
	front.OnAccept = func(c *tcp.Conn) {
		back := n.dial(nil, func(*pipe.Conn) {})
		n.no(stream.Join(c, back, func(stream.Joined) { done = true }))
	}
	_, err = tcp.Dial(n.lp, front.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		n.no(err)
		c.OnEOF = func(c *tcp.Conn) { c.Close() }
		n.no(write(c, make([]byte, 300_000)))
		n.no(c.CloseWrite())
	})
	n.no(err)
	n.until("all is passed on", func() bool { return done })
	if in != 300_000 {
		t.Errorf("%d bytes have come through", in)
	}
}

// TestShutdown has Loop.Shutdown wait for a connection, and then end it.
func TestShutdown(t *testing.T) {
	n := newNamed(t, nil, nil)
	client, server := n.pair(nil)
	echo(server)
	n.ln.OnShutdown = func(c *pipe.Conn) { c.WriteString("bye"); c.Close() }
	var said []byte
	client.OnRead = func(_ *pipe.Conn, p []byte) { said = append(said, p...) }
	reason := watch(client)
	n.no(n.lp.Shutdown(t.Context(), time.Minute, nil))
	n.until("the client sees the end", func() bool { return reason.over })
	if string(said) != "bye" || reason.reason != io.EOF {
		t.Errorf("%q, %v", said, reason.reason)
	}
	_, err := pipe.Listen(n.lp, freshName(), nil)
	n.is("Listen while the loop shuts down", err, loop.ErrShutdown)
}

// TestNames holds what is an error, and what it says.
func TestNames(t *testing.T) {
	n := newNamed(t, nil, nil)
	listen := func(lp *loop.Loop, name string) error { _, err := pipe.Listen(lp, name, nil); return err }
	dial := func(lp *loop.Loop, name string) error {
		var told error
		_, err := pipe.Dial(lp, name, nil, func(_ *pipe.Conn, err error) { told = err })
		if err == nil {
			n.until("Dial has ended", func() bool { return told != nil })
			err = told
		}
		return err
	}
	long := `\\.\pipe\` + strings.Repeat("x", 250)
	for name, c := range map[string]struct{ err, want error }{
		"Listen, no name":       {listen(n.lp, ""), os.ErrInvalid},
		"Listen, no loop":       {listen(nil, n.name), os.ErrInvalid},
		"Listen, a path":        {listen(n.lp, `C:\pipe`), os.ErrInvalid},
		"Listen, prefix only":   {listen(n.lp, `\\.\pipe\`), os.ErrInvalid},
		"Listen, far away":      {listen(n.lp, `\\server\pipe\x`), os.ErrInvalid},
		"Listen, too long":      {listen(n.lp, long), syscall.ENAMETOOLONG},
		"Dial, no name":         {dial(n.lp, ""), os.ErrInvalid},
		"Dial, far away":        {dial(n.lp, `\\server\pipe\x`), os.ErrInvalid},
		"Dial, too long":        {dial(n.lp, long), syscall.ENAMETOOLONG},
		"Dial, nobody is there": {dial(n.lp, freshName()), os.ErrNotExist},
	} {
		n.is(name, c.err, c.want)
		if c.err != nil && !strings.Contains(c.err.Error(), " pipe") {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	connected := false
	_, err := pipe.Dial(n.lp, strings.ToUpper(n.name), nil, func(_ *pipe.Conn, err error) { connected = err == nil })
	n.no(err)
	n.until("another case and it is connected", func() bool { return connected })
	if pollertest.Wine() == "" { // Wine 8 does not look at FILE_FLAG_FIRST_PIPE_INSTANCE
		n.is("a second Listen", listen(n.lp, n.name), syscall.EADDRINUSE)
	}
}

// TestNameIsFreeAgain listens again and again, with a connection of before still open.
func TestNameIsFreeAgain(t *testing.T) {
	n := newNamed(t, nil, nil)
	for range 3 {
		client, server := n.pair(nil)
		end, own, gone := watch(server), watch(client), false
		n.ln.OnClose = func() { gone = true }
		client.Close()
		n.no(n.ln.Close())
		n.until("all is closed", func() bool { return end.over && own.over && gone })
		var err error
		n.ln, err = pipe.Listen(n.lp, n.name, nil)
		n.no(err)
	}
}
