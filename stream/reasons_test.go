package stream_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// An ending is how a connection can end, and the reason that is documented.
type ending struct {
	end  func(r *rig, peer, c *tcp.Conn)
	want error
}

var much = make([]byte, 64*mebibyte) // more than the system ever takes

// full has c send to a peer that takes nothing.
func full(r *rig, peer, c *tcp.Conn) {
	r.no(peer.PauseRead())
	c.Write(much)
}

var endings = map[string]ending{
	"Close":        {func(_ *rig, _, c *tcp.Conn) { c.Close() }, nil},
	"Close, drain": {func(_ *rig, _, c *tcp.Conn) { c.Write(much[:4*mebibyte]); c.Close() }, nil},
	"both sides ended, the peer first": {func(_ *rig, peer, c *tcp.Conn) {
		c.OnEOF = func(c *tcp.Conn) { c.CloseWrite() }
		peer.CloseWrite()
	}, nil},
	"both sides ended, the peer last": {func(_ *rig, peer, c *tcp.Conn) {
		c.OnEOF = func(c *tcp.Conn) {}
		peer.OnEOF = func(p *tcp.Conn) { p.CloseWrite() }
		c.CloseWrite()
	}, nil},
	"Close in OnEOF": {func(_ *rig, peer, c *tcp.Conn) {
		c.OnEOF = func(c *tcp.Conn) { c.Close() }
		peer.Close()
	}, nil},
	"NetConn": {func(r *rig, _, c *tcp.Conn) {
		r.netConn(c).Close()
	}, nil},
	"the loop is closed": {func(r *rig, _, c *tcp.Conn) { r.no(r.lp.Close()) }, nil},

	"the peer ended, no OnEOF":        {func(_ *rig, peer, _ *tcp.Conn) { peer.Close() }, io.EOF},
	"the peer half-closed, no OnEOF":  {func(_ *rig, peer, _ *tcp.Conn) { peer.CloseWrite() }, io.EOF},
	"CloseWrite, then the peer ended": {func(_ *rig, peer, c *tcp.Conn) { c.CloseWrite(); peer.Close() }, io.EOF},

	"Abort":                            {func(_ *rig, _, c *tcp.Conn) { c.Abort() }, stream.ErrAborted},
	"Abort while it drains":            {func(r *rig, peer, c *tcp.Conn) { full(r, peer, c); c.Close(); c.Abort() }, stream.ErrAborted},
	"the loop is closed, much to send": {func(r *rig, peer, c *tcp.Conn) { full(r, peer, c); r.no(r.lp.Close()) }, stream.ErrAborted},

	"the peer takes nothing": {func(r *rig, peer, c *tcp.Conn) {
		full(r, peer, c)
		r.no(c.SetDrainTimeout(1))
		c.Close()
	}, os.ErrDeadlineExceeded},

	"the peer reset": {func(_ *rig, peer, _ *tcp.Conn) { peer.Abort() }, syscall.ECONNRESET},
	"the peer reset, SO_LINGER 0": {func(r *rig, peer, _ *tcp.Conn) {
		r.no(peer.SetLinger(0))
		peer.Close()
	}, syscall.ECONNRESET},
	"the peer reset while it drains": {func(r *rig, peer, c *tcp.Conn) {
		full(r, peer, c)
		c.Close()
		r.turns(3)
		peer.Abort()
	}, syscall.ECONNRESET},
	"the peer reset while it is full": {func(r *rig, peer, c *tcp.Conn) {
		full(r, peer, c)
		r.turns(3)
		peer.Abort()
	}, syscall.ECONNRESET},
	"the peer reset a paused one": {func(r *rig, peer, c *tcp.Conn) {
		r.no(c.PauseRead())
		full(r, peer, c)
		r.turns(3)
		peer.Abort()
	}, syscall.ECONNRESET},
}

// What OnClose is told of each: the documented reason, once, and last.
func TestReasonOfOnClose(t *testing.T) {
	for name, e := range endings {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			peer, c := r.pair()
			calls := 0
			var got error
			c.OnRead = func(*tcp.Conn, []byte) { r.equal("OnRead after OnClose", calls, 0) }
			c.OnClose = func(c *tcp.Conn, err error) {
				calls++
				got = err
				r.equal("Closing", c.Closing(), true)
				r.equal("Readable", c.Readable(), false)
				r.equal("Writable", c.Writable(), false)
				r.equal("Buffered", c.Buffered(), 0)
				r.equal("RemoteAddr is still known", c.RemoteAddr().IsValid(), true)
			}
			peer.OnEOF = func(p *tcp.Conn) { p.Close() }
			e.end(r, peer, c)
			if _, err := r.lp.RunNoWait(); !errors.Is(err, net.ErrClosed) {
				r.until("it has ended", func() bool { return calls > 0 })
				r.turns(5)
			}
			r.equal("OnClose", calls, 1)
			if e.want == nil && got != nil || !errors.Is(got, e.want) {
				t.Fatalf("the reason is %v, want %v", got, e.want)
			}
			var op *net.OpError
			if got != nil && got != io.EOF && !errors.As(got, &op) {
				t.Errorf("%v does not name the operation and the addresses", got)
			}
		})
	}
}

// A peer that has closed and is written to answers with a reset; what it had
// sent before is still read, be it when a pause is over.
func TestWriteToAPeerThatIsGone(t *testing.T) {
	for _, paused := range []bool{false, true} {
		r := newRig(t)
		peer, c := r.pair()
		r.no(c.PauseRead())
		peer.WriteString("the reason")
		r.until("it is sent", func() bool { return peer.Buffered() == 0 })
		r.no(peer.CloseNow()) // Close might listen for a while
		r.until("the peer is closed", func() bool { return !peer.Active() })
		r.turns(3)
		got, calls := "", 0
		var reason error
		c.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) }
		c.OnEOF = func(*tcp.Conn) {}
		c.OnClose = func(_ *tcp.Conn, err error) { calls++; reason = err }
		for range 20 { // the first is taken by the system, and brings the reset
			if !c.Writable() {
				break
			}
			c.WriteString("anyone there?")
			r.rest(time.Millisecond)
			if !paused && c.Readable() {
				r.no(c.ResumeRead())
			}
		}
		if paused {
			r.turns(3)
			r.equal("ended while paused", calls, 0)
			r.no(c.ResumeRead())
		}
		r.until("it has ended", func() bool { return calls > 0 })
		if !errors.Is(reason, syscall.EPIPE) && !errors.Is(reason, syscall.ECONNRESET) {
			t.Errorf("the reason is %v", reason)
		}
		if got != "the reason" {
			t.Errorf("paused %v: it read %q", paused, got)
		}
	}
}

// A callback that panics closes its connection, where the loop handles panics,
// and nothing else.
func TestPanicInACallback(t *testing.T) {
	for _, at := range stages {
		t.Run(string(at), func(t *testing.T) {
			var values []any
			var handles []loop.Handle
			r := newRig(t, loop.Options{OnPanic: func(h loop.Handle, v any, _ []byte) {
				handles, values = append(handles, h), append(values, v)
			}})
			raised := false
			raise := func(s stage, _ *tcp.Conn) {
				if s == at && !raised {
					raised = true
					panic(at)
				}
			}
			_, bystander := r.pair()
			var accepted *tcp.Conn
			w := &witness{TB: t, name: "accepted"}
			closed := 0
			ln := r.listen(nil, func(c *tcp.Conn) {
				accepted = c
				w.watch(c, raise)
				onClose := c.OnClose
				c.OnClose = func(c *tcp.Conn, err error) {
					closed++
					if at != "OnClose" && at != "dialed" {
						r.is(err, stream.ErrAborted)
					}
					onClose(c, err)
				}
				raise("OnAccept", c)
				w.write(c, raise)
			})
			c, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) { raise("dialed", c) })
			r.no(err)
			c.WriteString("hello")
			c.CloseWrite()
			c.OnEOF = func(*tcp.Conn) {}
			r.until("it is accepted", func() bool { return accepted != nil })
			r.until("it has panicked", func() bool { return raised || at == "OnClose" }) // the end comes when it comes
			r.turns(20)
			accepted.Close()
			r.until("it is closed", func() bool { return closed > 0 })
			r.turns(5)
			r.equal("panics", len(values), 1)
			r.equal("value", values[0], any(at))
			if at != "OnClose" && handles[0] == nil {
				t.Error("the handle is not told")
			}
			r.equal("OnClose", closed, 1)
			r.equal("another connection", bystander.Writable(), true)
			r.equal("the listener", ln.Active(), true)
		})
	}
}
