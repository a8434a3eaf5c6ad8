//go:build unix

package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"example.com/pike/stream"
	"example.com/pike/tcp"
	"example.com/pike/unix"
)

// What libuv calls ipc: handles that go over pipes. Here they go over every unix-domain socket, and nothing
// has to be said of that before.
var _ = add(
	line{id: "P40", name: "handle sent and taken", needs: realSystem, run: onChannel(handleSent)},
	line{id: "P41", name: "handles in order", needs: realSystem, run: onChannel(handlesInOrder)},
	line{id: "P42", name: "handles of one sendmsg", needs: realSystem, run: onChannel(handlesOfSendmsg)},
	line{id: "P43", name: "listener sent before and after it listens", needs: realSystem, run: onChannel(listenerSent)},
	line{id: "P44", name: "connection goes on at the other end", needs: realSystem, run: onChannel(connectionSent)},
	line{id: "P45", name: "handle closed before it is sent", needs: realSystem, run: onChannel(closedBeforeSent)},
	line{id: "P46", name: "handles that nobody takes", needs: realSystem, run: onChannel(handlesUntaken)},
	line{id: "P47", name: "handle without a byte", needs: realSystem, run: onChannel(handleWithoutByte)},
	line{id: "P48", name: "handles under heavy traffic both ways", needs: realSystem, run: onChannel(handlesInTraffic)},
)

// A channel is a connection over a unix-domain socket.
type channel struct {
	*streams
	a, b *unix.Conn
}

func onChannel(run func(ch *channel)) func(*env) {
	return onStreams(func(s *streams) {
		ch := &channel{streams: s}
		dir, err := os.MkdirTemp("", "pike")
		s.no(err)
		s.Cleanup(func() { os.RemoveAll(dir) })
		path := filepath.Join(dir, "s")
		ln, err := unix.Listen(s.lp, path, nil)
		if errors.Is(err, errors.ErrUnsupported) {
			s.Skip("this backend has no unix-domain sockets: ", err)
		}
		s.no(err)
		ln.OnAccept = func(c *unix.Conn) { ch.b = c }
		_, err = unix.Dial(s.lp, path, nil, func(c *unix.Conn, err error) { s.no(err); ch.a = c })
		s.no(err)
		s.until("the channel is there", func() bool { return ch.a != nil && ch.b != nil })
		s.no(ln.Close())
		run(ch)
		ch.a.Close()
		ch.b.Close()
		s.end()
	})
}

// take has b take what is passed, with what comes with it.
func (ch *channel) take(fn func(f *unix.Passed)) {
	ch.Helper()
	ch.no(unix.OnPassed(ch.b, func(_ *unix.Conn, files []*unix.Passed) {
		for _, f := range files {
			fn(f)
		}
	}))
	if ch.b.OnRead == nil {
		ch.b.OnRead = stream.Discard
	}
}

// test-ipc-send-recv.c: a handle arrives with its bytes, and works.
func handleSent(ch *channel) {
	r, w, err := os.Pipe()
	ch.no(err)
	defer r.Close()
	got, text := 0, ""
	ch.b.OnRead = func(_ *unix.Conn, p []byte) {
		ch.equal("handles before their bytes", got, 1)
		text += string(p)
	}
	ch.take(func(f *unix.Passed) {
		got++
		o, err := f.File()
		ch.no(err)
		defer o.Close()
		_, err = o.WriteString("through the handle")
		ch.no(err)
	})
	ch.no(unix.WriteFiles(ch.a, []byte("hello\n"), w))
	ch.no(w.Close())
	ch.until("it has come", func() bool { return text == "hello\n" })
	p := make([]byte, 100)
	n, err := r.Read(p)
	ch.no(err)
	ch.equal("what it carried", string(p[:n]), "through the handle")
}

// test-ipc-send-recv.c and test-ipc.c with several handles: uv_accept gives them in the order sent.
func handlesInOrder(ch *channel) {
	var got, want []string
	ch.take(func(f *unix.Passed) {
		o, err := f.File()
		ch.no(err)
		defer o.Close()
		p := make([]byte, 20)
		n, _ := o.ReadAt(p, 0)
		got = append(got, string(p[:n]))
	})
	for i := range 40 {
		f, err := os.CreateTemp("", "pike")
		ch.no(err)
		os.Remove(f.Name())
		name := fmt.Sprint("handle ", i)
		f.WriteString(name)
		want = append(want, name)
		ch.no(unix.WriteFiles(ch.a, bytes.Repeat([]byte("x"), 1+i*i), f))
		f.Close()
		ch.a.WriteString("and more")
	}
	ch.until("all have come", func() bool { return len(got) == len(want) })
	ch.equal("in order", slices.Equal(got, want), true)
}

// test-pipe-sendmsg.c: a foreign peer sends sixteen handles in one message, and later a second time.
func handlesOfSendmsg(ch *channel) {
	var got []int
	ch.no(unix.OnPassed(ch.b, func(_ *unix.Conn, files []*unix.Passed) { got = append(got, len(files)) }))
	ch.b.OnRead = stream.Discard
	null, err := os.Open(os.DevNull)
	ch.no(err)
	defer null.Close()
	control(ch.streams, ch.a, func(fd int) error {
		for range 2 {
			rights := syscall.UnixRights(slices.Repeat([]int{int(null.Fd())}, 16)...)
			if err := syscall.Sendmsg(fd, []byte("x"), rights, nil, 0); err != nil {
				return err
			}
		}
		return nil
	})
	ch.until("they have come", func() bool { return len(got) == 2 })
	ch.equal("handles", slices.Equal(got, []int{16, 16}), true)
}

// test-ipc.c, ipc_listen_before_write and ipc_listen_after_write. A listener of pike always listens before,
// and one that the other end makes of a socket which is only bound listens from there.
func listenerSent(ch *channel) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	ch.no(err)
	ch.no(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	bound := os.NewFile(uintptr(fd), "bound")
	defer bound.Close()
	own := ch.listen(anyPort4, nil, nil)
	accepts := 0
	ch.take(func(f *unix.Passed) {
		ln, err := f.Listener()
		ch.no(err)
		ln.OnAccept = func(c *tcp.Conn) {
			accepts++
			c.WriteString("hello")
			c.Close()
			ln.Close()
		}
		got := ""
		_, err = tcp.Dial(ch.lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
			ch.no(err)
			c.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) }
			c.OnClose = func(*tcp.Conn, error) { ch.equal("answer", got, "hello") }
		})
		ch.no(err)
	})
	ch.no(unix.WriteFiles(ch.a, []byte("listen"), own))
	ch.no(own.Close())
	ch.no(unix.WriteFiles(ch.a, []byte("listen"), bound))
	ch.until("both have accepted", func() bool { return accepts == 2 })
}

// test-ipc.c, ipc_tcp_connection: what is accepted here goes on there.
func connectionSent(ch *channel) {
	dialed, accepted := ch.pair(nil)
	ch.take(func(f *unix.Passed) {
		c, err := f.Conn()
		ch.no(err)
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(bytes.ToUpper(p)) }
	})
	got := ""
	dialed.OnRead = func(c *tcp.Conn, p []byte) {
		if got += string(p); got == "EARLY AND LATE" {
			c.Close()
		}
	}
	dialed.WriteString("early")
	ch.no(unix.WriteConn(ch.a, []byte("x"), accepted))
	ch.until("it is closed here", func() bool { return ch.closed == 1 })
	dialed.WriteString(" and late")
	ch.until("the client is served", func() bool { return ch.closed == 2 })
	ch.equal("answer", got, "EARLY AND LATE")
}

// test-ipc.c, ipc_closed_handle: a handle that is closed while its write is queued. libuv fails the write; here
// it was duplicated, and arrives.
func closedBeforeSent(ch *channel) {
	got := 0
	ch.take(func(*unix.Passed) { got++ })
	ch.b.PauseRead()
	ch.a.Write(make([]byte, 4<<20))
	null, err := os.Open(os.DevNull)
	ch.no(err)
	ch.no(unix.WriteFiles(ch.a, []byte("x"), null))
	ch.no(null.Close())
	ch.equal("it is queued", ch.a.Buffered() > 0, true)
	ch.no(ch.b.ResumeRead())
	ch.until("it has come", func() bool { return got == 1 })
}

// test-ipc.c, ipc_send_recv with nobody who accepts: uv_close closes what is pending.
func handlesUntaken(ch *channel) {
	r, w, err := os.Pipe()
	ch.no(err)
	defer r.Close()
	came := false
	ch.take(func(*unix.Passed) { came = true })
	ch.no(unix.WriteFiles(ch.a, []byte("x"), w, w, w))
	ch.no(w.Close())
	ch.until("they have come", func() bool { return came })
	n, err := r.Read(make([]byte, 1)) // which would wait if anybody had the writing end still
	ch.equal("bytes", n, 0)
	ch.equal("the end", err != nil && strings.Contains(err.Error(), "EOF"), true)
}

// test-ipc.c, ipc_send_zero: libuv allows a handle with an empty buffer, which stream sockets of Linux drop
// (unix(7)). Here it is refused.
func handleWithoutByte(ch *channel) {
	null, err := os.Open(os.DevNull)
	ch.no(err)
	defer null.Close()
	ch.is(unix.WriteFiles(ch.a, nil, null), os.ErrInvalid)
	ch.is(unix.WriteFiles(ch.a, []byte("x")), os.ErrInvalid)
	ch.equal("queued", ch.a.Buffered(), 0)
}

// test-ipc-heavy-traffic-deadlock-bug.c, with handles: both ends write 6 MiB in pieces that have a handle
// now and then, and read.
func handlesInTraffic(ch *channel) {
	const all, piece = 6 << 20, 16 << 10
	null, err := os.Open(os.DevNull)
	ch.no(err)
	defer null.Close()
	var read, files [2]int
	for i, c := range []*unix.Conn{ch.a, ch.b} {
		ch.no(unix.OnPassed(c, func(_ *unix.Conn, f []*unix.Passed) { files[i] += len(f) }))
		c.OnRead = func(_ *unix.Conn, p []byte) { read[i] += len(p) }
		for n := 0; n < all; n += piece {
			if n%(16*piece) == 0 {
				ch.no(unix.WriteFiles(c, make([]byte, piece), null))
			} else {
				_, err := c.Write(make([]byte, piece))
				ch.no(err)
			}
		}
	}
	ch.until("all has come", func() bool { return read == [2]int{all, all} })
	ch.equal("handles", files, [2]int{all / piece / 16, all / piece / 16})
}
