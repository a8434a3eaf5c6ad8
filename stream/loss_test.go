package stream_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// pollers are what a test runs on where both must show the same: the system, and
// the simulator.
var pollers = map[string]func() loop.Options{
	"system": func() loop.Options { return loop.Options{} },
	"sim":    func() loop.Options { return loop.Options{Poller: sim.New(1, sim.Config{}).Host("host")} },
}

// An end is a way for a connection to end, and what OnClose is to say of it: the
// table in the package comment.
var reasons = map[string]struct {
	end  func(r *rig, peer, c *tcp.Conn)
	want error // nil is nil itself
	loss bool  // output is lost
}{
	"Close":                {func(r *rig, _, c *tcp.Conn) { c.WriteString("all"); r.no(c.Close()) }, nil, false},
	"CloseNow":             {func(r *rig, _, c *tcp.Conn) { r.no(c.CloseNow()) }, nil, false},
	"CloseNow with output": {func(r *rig, p, c *tcp.Conn) { clog(r, p, c); r.no(c.CloseNow()) }, stream.ErrAborted, true},
	"Abort":                {func(r *rig, _, c *tcp.Conn) { r.no(c.Abort()) }, stream.ErrAborted, false},
	"Abort with output":    {func(r *rig, p, c *tcp.Conn) { clog(r, p, c); r.no(c.Abort()) }, net.ErrClosed, true},
	"Close, and then Abort": {func(r *rig, p, c *tcp.Conn) {
		clog(r, p, c)
		r.no(c.Close())
		r.no(c.Abort())
	}, stream.ErrAborted, true},
	"the peer's end":             {func(r *rig, p, c *tcp.Conn) { r.no(p.Close()) }, io.EOF, false},
	"the peer's end, with OnEOF": {bothEnd, nil, false},
	"the peer's reset":           {func(r *rig, p, c *tcp.Conn) { r.no(p.Abort()) }, syscall.ECONNRESET, false},
	"the peer's reset, output":   {func(r *rig, p, c *tcp.Conn) { clog(r, p, c); r.no(p.Abort()) }, syscall.ECONNRESET, true},
	"the peer's reset, paused":   {resetWhilePaused, syscall.ECONNRESET, true},
	"DrainTimeout":               {drainInVain, os.ErrDeadlineExceeded, true},
	"Shutdown, in time":          {func(r *rig, p, c *tcp.Conn) { r.shutdown(time.Hour); r.no(p.Close()) }, io.EOF, false},
	"Shutdown, too late":         {func(r *rig, _, c *tcp.Conn) { r.shutdown(0) }, loop.ErrShutdown, false},
	"Shutdown, too late, output": {func(r *rig, p, c *tcp.Conn) { clog(r, p, c); r.shutdown(0) }, loop.ErrShutdown, true},
	"a panic":                    {panics, stream.ErrAborted, false},
	"NetConn":                    {handOver, nil, false},
	"loop.Close":                 {func(r *rig, _, c *tcp.Conn) { r.no(r.lp.Close()) }, nil, false},
	"loop.Close with output":     {func(r *rig, p, c *tcp.Conn) { clog(r, p, c); r.no(r.lp.Close()) }, stream.ErrAborted, true},
}

const muchOutput = 16 * mebibyte // more than any system takes

// clog gives c output that its peer does not read.
func clog(r *rig, peer, c *tcp.Conn) {
	r.no(peer.PauseRead())
	_, err := c.Write(make([]byte, muchOutput))
	r.no(err)
	r.turns(3)
}

func bothEnd(r *rig, peer, c *tcp.Conn) {
	c.OnEOF = func(c *tcp.Conn) { c.CloseWrite() }
	r.no(peer.CloseWrite())
}

// The sending side finds it out, since the other is not looked at.
func resetWhilePaused(r *rig, peer, c *tcp.Conn) {
	r.no(c.PauseRead())
	clog(r, peer, c)
	r.no(peer.Abort())
}

func drainInVain(r *rig, peer, c *tcp.Conn) {
	r.no(c.SetDrainTimeout(10 * time.Millisecond))
	clog(r, peer, c)
	r.no(c.Close())
}

func panics(r *rig, peer, c *tcp.Conn) {
	c.OnRead = func(*tcp.Conn, []byte) { panic("in OnRead") }
	peer.WriteString("x")
}

func handOver(r *rig, _, c *tcp.Conn) {
	nc, err := c.NetConn()
	if errors.Is(err, errors.ErrUnsupported) {
		r.Skip("this backend does not give descriptors back")
	}
	r.no(err)
	nc.Close()
}

func (r *rig) shutdown(grace time.Duration) {
	r.Helper()
	r.no(r.lp.Shutdown(r.Context(), grace, nil))
}

// OnClose comes once, with a reason that errors.Is can test, and says how much
// was lost where something was.
func TestReasonsSayWhatIsLost(t *testing.T) {
	for on, options := range pollers {
		for name, e := range reasons {
			t.Run(on+"/"+name, func(t *testing.T) {
				o := options()
				o.OnPanic = func(loop.Handle, any, []byte) {}
				r := newRig(t, o)
				small := &tcp.Options{WriteBuffer: 16 << 10, ReadBuffer: 16 << 10}
				peer, c := r.pairOf(small, small)
				var told []error
				c.OnClose = func(_ *tcp.Conn, err error) { told = append(told, err) }
				e.end(r, peer, c)
				if !strings.HasPrefix(name, "loop.Close") {
					r.until("OnClose", func() bool { return len(told) > 0 })
					peer.Abort()
					r.run()
				}
				r.equal("times OnClose was called", len(told), 1)
				if err := told[0]; !errors.Is(err, e.want) {
					t.Fatalf("the reason is %v, want %v", err, e.want)
				}
				var loss *stream.LossError
				if lost := errors.As(told[0], &loss); lost != e.loss {
					t.Fatalf("%v: output lost %v, want %v", told[0], lost, e.loss)
				} else if lost && (loss.Unsent <= 0 || loss.Unsent > muchOutput || loss.Unacked < 0 || loss.Unacked > muchOutput) {
					t.Errorf("%d bytes unsent, %d not acknowledged", loss.Unsent, loss.Unacked)
				}
				var op *net.OpError
				if err := told[0]; err != nil && err != io.EOF && !errors.As(err, &op) {
					t.Errorf("%v is no *net.OpError", err)
				}
			})
		}
	}
}

// What is lost is what was written less what the peer read, byte for byte, where
// the peer reads all that the system was given.
func TestLossIsExact(t *testing.T) {
	r := newRig(t)
	c, nc := r.peer(nil)
	var loss *stream.LossError
	closed := false
	c.OnClose = func(_ *tcp.Conn, err error) { closed = true; errors.As(err, &loss) }
	c.Write(make([]byte, 64*mebibyte))
	r.turns(3)
	r.no(c.CloseNow()) // what the system has taken is still sent
	r.until("it is closed", func() bool { return closed })
	got, err := io.Copy(io.Discard, nc)
	r.no(err)
	if loss == nil || int(got)+loss.Unsent != 64*mebibyte || loss.Unsent == 0 {
		t.Errorf("%d bytes arrived, and of 64 MiB it says %+v", got, loss)
	}
}

// All is with the system, and the peer's does not take it: what it has not
// acknowledged when the time is over is told.
func TestCloseSaysWhatIsNotAcknowledged(t *testing.T) {
	if !tellsAcknowledged {
		t.Skip("this system does not tell what was acknowledged")
	}
	r := newRig(t)
	peer, c := r.pairOf(&tcp.Options{WriteBuffer: mebibyte}, &tcp.Options{ReadBuffer: 4 << 10})
	r.no(peer.PauseRead())
	r.no(c.SetDrainTimeout(50 * time.Millisecond))
	const size = 256 << 10
	c.Write(make([]byte, size))
	r.turns(3)
	if c.Buffered() > 0 {
		t.Skipf("%d of %d bytes did not fit into the system's buffer", c.Buffered(), size)
	}
	var reason error
	closed := false
	c.OnClose = func(_ *tcp.Conn, err error) { closed, reason = true, err }
	r.no(c.Close())
	r.until("it is closed", func() bool { return closed })
	var loss *stream.LossError
	if errors.As(reason, &loss); loss == nil || loss.Unsent != 0 || loss.Unacked <= 0 || loss.Unacked > size {
		t.Fatalf("the reason is %v", reason)
	}
	r.is(reason, os.ErrDeadlineExceeded)
}

// A dial that is given up, or fails, says that what was written meanwhile is lost.
func TestLossOfADial(t *testing.T) {
	for on, options := range pollers {
		t.Run(on, func(t *testing.T) {
			r := newRig(t, options())
			var fails, closes error
			c, err := tcp.Dial(r.lp, "127.0.0.1:1", nil, func(_ *tcp.Conn, err error) { fails = err })
			r.no(err)
			c.OnClose = func(_ *tcp.Conn, err error) { closes = err }
			c.WriteString("lost")
			r.no(c.Close())
			r.run()
			r.is(fails, net.ErrClosed)
			var loss *stream.LossError
			if !errors.As(closes, &loss) || loss.Unsent != 4 || loss.Unacked != 0 {
				t.Errorf("OnClose was told %v", closes)
			}
			r.is(closes, net.ErrClosed)
		})
	}
}

func TestLossErrorText(t *testing.T) {
	for want, e := range map[string]*stream.LossError{
		"i/o timeout (3 bytes unsent)":                      {Unsent: 3, Err: os.ErrDeadlineExceeded},
		"i/o timeout (4 bytes not acknowledged)":            {Unacked: 4, Err: os.ErrDeadlineExceeded},
		"i/o timeout (3 bytes unsent, 4 not acknowledged)":  {Unsent: 3, Unacked: 4, Err: os.ErrDeadlineExceeded},
		"connection aborted (3 bytes unsent)":               {Unsent: 3, Err: stream.ErrAborted},
		"use of closed network connection (3 bytes unsent)": {Unsent: 3, Err: net.ErrClosed},
	} {
		if e.Error() != want {
			t.Errorf("%q, want %q", e.Error(), want)
		}
		var timeout net.Error = &net.OpError{Op: "close", Net: "tcp", Err: e}
		if timeout.Timeout() != errors.Is(e, os.ErrDeadlineExceeded) {
			t.Errorf("%v: Timeout is %v", e, timeout.Timeout())
		}
	}
}
