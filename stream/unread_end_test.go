package stream_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// The end with unread input before it: OnRead once more, which is told that it is the last, then OnEOF, or the
// connection closes. What is unread then is dropped, unless it is paused.
func TestUnreadAtTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		read  func(c *tcp.Conn, p []byte)
		calls []string
	}{
		"unread":   {all, []string{"abc", "abc."}},
		"needed":   {func(c *tcp.Conn, p []byte) { c.Unread(p); c.Need(100) }, []string{"abc", "abc."}},
		"nothing":  {func(c *tcp.Conn, p []byte) { c.Need(100) }, []string{"abc", "."}},
		"the next": {func(c *tcp.Conn, p []byte) { c.Need(1) }, []string{"abc", "."}},
		"undone":   {func(c *tcp.Conn, p []byte) { c.Need(1); c.Need(0) }, []string{"abc"}},
		"not ours": {func(c *tcp.Conn, p []byte) { c.Need(1); c.OnRead = func(*tcp.Conn, []byte) { panic("called") } }, []string{"abc"}},
		"paused":   {func(c *tcp.Conn, p []byte) { c.Unread(p[1:]); c.PauseRead() }, []string{"abc", "bc", "c"}},
		"paused in the last": {func(c *tcp.Conn, p []byte) {
			if c.Readable() {
				c.Unread(p)
			} else {
				c.Unread(p[1:])
				c.PauseRead()
			}
		}, []string{"abc", "abc.", "bc.", "c."}},
		"half": {func(c *tcp.Conn, p []byte) {
			if c.Unread(p[1:]); c.Readable() {
				return
			}
			c.CloseWrite()
		}, []string{"abc", "bc."}},
		"taken over": {func(c *tcp.Conn, p []byte) {
			old := c.OnRead
			c.Unread(p[1:])
			c.OnRead = func(c *tcp.Conn, p []byte) { old(c, p) }
		}, []string{"abc", "bc", "c"}},
	} {
		for _, eof := range []bool{true, false} {
			t.Run(fmt.Sprint(name, eof), func(t *testing.T) {
				everywhere(t, func(t *testing.T, r *rig) {
					peer, server := r.pair()
					d := reads(server, c.read)
					if eof {
						server.OnEOF = func(*tcp.Conn) { d.end += "end " }
					}
					r.write(peer, d, "abc")
					r.no(peer.CloseWrite())
					for range 4 {
						r.rest(2 * ms)
						server.ResumeRead()
					}
					want := "EOF"
					if eof {
						want = "end "
						server.Close()
						r.rest(2 * ms)
						want += "<nil>"
					}
					r.until("it is closed", func() bool { return d.end == want })
					d.saw(r, c.calls...)
				})
			})
		}
	}
}

// A connection that is lost: OnRead is called again only for what it has not seen. While it is paused what is
// unread comes first.
func TestUnreadOfALostConnection(t *testing.T) {
	for name, c := range map[string]struct {
		read  func(c *tcp.Conn, p []byte)
		calls []string
	}{
		"seen":     {all, []string{"abc"}},
		"not seen": {func(c *tcp.Conn, p []byte) { c.Unread(p); c.Need(100) }, []string{"abc", "abcde"}},
		"paused":   {func(c *tcp.Conn, p []byte) { c.Unread(p[1:]); c.PauseRead() }, []string{"abc", "bc", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, r *rig) {
				if strings.HasSuffix(t.Name(), "system") && forgetsResets() {
					t.Skip("this system takes a reset for an end")
				}
				peer, server := r.pair()
				d := reads(server, c.read)
				r.write(peer, d, "abc")
				if name == "not seen" {
					peer.WriteString("de")
					r.rest(5 * ms)
				}
				r.no(peer.Abort())
				for range 4 {
					r.rest(2 * ms)
					server.ResumeRead()
				}
				r.until("it is closed", func() bool { return d.end != "" })
				for i, s := range d.calls { // whether it is the last is known or not
					d.calls[i] = strings.TrimSuffix(s, ".")
				}
				d.saw(r, c.calls...)
				r.is(d.err, syscall.ECONNRESET)
			})
		})
	}
}

// The times in which nothing arrives count from what arrived, and not from its coming again.
func TestReadTimeoutOfUnread(t *testing.T) {
	r := newSimRig(t)
	peer, c := r.pairOf(&tcp.Options{ReadTimeout: time.Second}, nil)
	w := r.watch(c)
	calls := 0
	c.OnRead = func(c *tcp.Conn, p []byte) { calls++; c.Unread(p) }
	peer.WriteString("x")
	r.after(900*ms, func() { r.no(c.ResumeRead()) })
	r.pass(2 * time.Second)
	r.equal("calls", calls, 2)
	w.timedOut(r, "read", time.Second, 20*ms)
}

// A connection with unread input and one end closed goes on until the other is.
func TestUnreadInEachEnd(t *testing.T) {
	for name, end := range map[string]func(r *rig, peer, c *tcp.Conn) error{
		"Close":      func(r *rig, _, c *tcp.Conn) error { r.no(c.Close()); return nil },
		"CloseNow":   func(r *rig, _, c *tcp.Conn) error { r.no(c.CloseNow()); return nil },
		"Abort":      func(r *rig, _, c *tcp.Conn) error { r.no(c.Abort()); return stream.ErrAborted },
		"loop.Close": func(r *rig, _, c *tcp.Conn) error { r.no(r.lp.Close()); return nil },
		"a drain":    func(r *rig, _, c *tcp.Conn) error { c.Write(make([]byte, 8<<20)); r.no(c.Close()); return nil },
		"the peer":   func(r *rig, p, _ *tcp.Conn) error { r.no(p.Abort()); return syscall.ECONNRESET },
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, r *rig) {
				peer, c := r.pair()
				closed := false
				var want error
				calls := 0
				c.OnRead = func(c *tcp.Conn, p []byte) { calls++; r.no(c.Unread(p)) }
				c.OnClose = func(_ *tcp.Conn, err error) {
					closed = true
					if want == nil {
						r.no(err)
					} else {
						r.is(err, want)
					}
				}
				peer.WriteString("abc")
				r.until("it is read", func() bool { return calls == 1 })
				want = end(r, peer, c)
				if name != "loop.Close" {
					r.until("it is closed", func() bool { return closed })
				}
				r.equal("calls", calls, 1)
				r.equal("memory", stream.InputOf(c) == nil, true)
			})
		})
	}
}

// CloseWithError sends what is queued, and its reason is what OnClose is told.
func TestCloseWithError(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		peer, c := r.pair()
		got := ""
		peer.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) }
		d := reads(c, func(*tcp.Conn, []byte) {})
		var reason error
		c.OnClose = func(_ *tcp.Conn, err error) { reason = err }
		c.WriteString("sorry")
		r.no(c.CloseWithError(io.ErrUnexpectedEOF))
		r.is(c.CloseWithError(io.ErrUnexpectedEOF), net.ErrClosed)
		r.until("it is closed", func() bool { return reason != nil && got == "sorry" })
		r.is(reason, io.ErrUnexpectedEOF)
		var op *net.OpError
		r.equal("a *net.OpError", errors.As(reason, &op) && op.Op == "close" && op.Addr != nil, true)
		d.saw(r)

		_, c = r.pair()
		closed := false
		c.OnClose = func(_ *tcp.Conn, err error) { closed = true; r.no(err) }
		r.no(c.CloseWithError(nil))
		r.until("it is closed", func() bool { return closed })
	})
}
