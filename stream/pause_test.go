package stream_test

import (
	"io"
	"syscall"
	"testing"
	"time"

	"example.com/pike/tcp"
)

func TestPauseReadHoldsAtOnce(t *testing.T) {
	r := newRig(t)
	peer, c := r.pair()
	const total = mebibyte
	var got pattern
	reads, eofs := 0, 0
	c.OnRead = func(c *tcp.Conn, p []byte) { // pauses with more to come in the same batch
		reads++
		r.no(got.check(p))
		r.no(c.PauseRead())
	}
	c.OnEOF = func(*tcp.Conn) { eofs++ }
	peer.Write(new(pattern).next(total))
	r.no(peer.CloseWrite())
	for got.at < total {
		want := reads + 1
		r.no(c.ResumeRead())
		r.equal("read from inside ResumeRead", reads, want-1)
		r.until("something is read", func() bool { return reads == want })
		r.turns(3)
		r.equal("reads while paused", reads, want)
	}
	r.turns(3)
	r.equal("EOF while paused", eofs, 0)
	r.no(c.ResumeRead())
	r.until("the end is read", func() bool { return eofs == 1 })
}

func TestPauseReadTwice(t *testing.T) {
	r := newRig(t)
	peer, c := r.pair()
	reads := 0
	c.OnRead = func(*tcp.Conn, []byte) { reads++ }
	r.no(c.PauseRead())
	r.no(c.PauseRead())
	peer.WriteString("x")
	r.rest(time.Millisecond)
	r.equal("reads", reads, 0)
	r.no(c.ResumeRead())
	r.no(c.ResumeRead())
	r.until("it is read", func() bool { return reads == 1 })
}

// A connection that is paused in OnAccept begins paused.
func TestPauseReadInOnAccept(t *testing.T) {
	r := newRig(t)
	var c *tcp.Conn
	got := ""
	ln := r.listen(nil, func(a *tcp.Conn) {
		c = a
		c.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) }
		r.no(c.PauseRead())
	})
	r.dial(ln, nil).WriteString("x")
	r.rest(time.Millisecond)
	r.equal("read", got, "")
	r.no(c.ResumeRead())
	r.until("it is read", func() bool { return got == "x" })
}

// Turns of the loop while nothing can be done about a peer that hung up: a
// readiness system reports a hang-up again and again to whoever listens.
func TestPeerHangsUpCostsNothing(t *testing.T) {
	hangUps := map[string]func(peer *tcp.Conn) error{
		"closes": (*tcp.Conn).Close, "resets": (*tcp.Conn).Abort, "half-closes": (*tcp.Conn).CloseWrite,
	}
	states := map[string]func(c *tcp.Conn){
		"paused":             func(c *tcp.Conn) { c.PauseRead() },
		"paused, unread":     func(c *tcp.Conn) { c.PauseRead() },
		"ended here, paused": func(c *tcp.Conn) { c.CloseWrite(); c.PauseRead() },
		"reading":            func(c *tcp.Conn) { c.OnEOF = func(*tcp.Conn) {} },
	}
	for how, hangUp := range hangUps {
		for name, state := range states {
			t.Run(name+" peer "+how, func(t *testing.T) {
				r := newRig(t)
				peer, c := r.pair()
				ended := false
				peer.OnEOF = func(*tcp.Conn) {}
				c.OnClose = func(*tcp.Conn, error) { ended = true }
				state(c)
				if name == "paused, unread" {
					peer.WriteString("never read")
				}
				r.turns(3)
				r.no(hangUp(peer))
				r.turns(5)
				before := r.lp.Metrics().Turns
				r.rest(20 * time.Millisecond)
				if n := r.lp.Metrics().Turns - before; n > 4 {
					t.Errorf("%d turns in 20 ms in which nothing happened", n)
				}
				if name != "reading" {
					lost := how == "resets" && name != "paused, unread" // nothing is before it
					r.equal("ended while paused", ended, lost)
				}
				if !ended {
					r.no(c.ResumeRead())
				}
				if how == "resets" {
					r.until("the reset is seen", func() bool { return ended })
				}
			})
		}
	}
}

// What has arrived before a reset is read first, also by one that was paused,
// as far as the system has kept it.
func TestResumeAfterReset(t *testing.T) {
	if forgetsResets() {
		t.Skip("Wine 8 forgets a reset that comes while nobody reads")
	}
	r := newRig(t)
	peer, c := r.pair()
	r.no(c.PauseRead())
	peer.WriteString("last words")
	r.turns(3)
	r.no(peer.Abort())
	r.turns(3)
	var reason error
	got := ""
	c.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) }
	c.OnEOF = func(*tcp.Conn) { t.Error("a reset is no end") }
	c.OnClose = func(_ *tcp.Conn, err error) { reason = err }
	r.no(c.ResumeRead())
	r.until("it has ended", func() bool { return reason != nil })
	r.is(reason, syscall.ECONNRESET)
	if got != "last words" && got != "" {
		t.Errorf("it read %q", got)
	}
}

func TestListenerPause(t *testing.T) {
	r := newRig(t)
	accepted := 0
	ln := r.listen(nil, func(c *tcp.Conn) { accepted++ })
	r.no(ln.Pause())
	r.no(ln.Pause())
	for range 3 { // the system makes them all the same
		r.dial(ln, nil)
	}
	before := r.lp.Metrics().Turns
	r.rest(20 * time.Millisecond)
	if n := r.lp.Metrics().Turns - before; n > 4 {
		t.Errorf("%d turns while connections waited", n)
	}
	r.equal("accepted while paused", accepted, 0)
	r.no(ln.Resume())
	r.no(ln.Resume())
	r.until("all are accepted", func() bool { return accepted == 3 })

	ln.OnAccept = func(*tcp.Conn) { // pauses with more in the same batch
		accepted++
		r.no(ln.Pause())
	}
	for range 3 {
		r.dial(ln, nil)
	}
	r.rest(time.Millisecond)
	r.equal("accepted before the pause", accepted, 4)
	ln.OnAccept = func(*tcp.Conn) { // closes with more in the same batch
		accepted++
		r.no(ln.Close())
	}
	r.no(ln.Resume())
	r.rest(time.Millisecond)
	r.equal("accepted before the close", accepted, 5)
}

// Without OnAccept connections are closed, and those that wait when the listener
// is closed are reset.
func TestListenerThatAcceptsNothing(t *testing.T) {
	r := newRig(t)
	ln := r.listen(nil, nil)
	c := r.dial(ln, nil)
	var reason error
	c.OnClose = func(_ *tcp.Conn, err error) { reason = err }
	r.until("it is closed", func() bool { return reason != nil })
	r.is(reason, io.EOF)

	r.no(ln.Pause())
	c, reason = r.dial(ln, nil), nil
	c.OnClose = func(_ *tcp.Conn, err error) { reason = err }
	r.no(ln.Close())
	r.until("it is reset", func() bool { return reason != nil })
	r.is(reason, syscall.ECONNRESET)
	r.run()
}

// More connections at once than one batch accepts.
func TestManyAtOnce(t *testing.T) {
	r := newRig(t)
	const total, atOnce = 500, 100 // the BSDs and macOS queue 128 and reset what is more (kern.ipc.soacceptqueue, somaxconn)
	accepted, made := 0, 0
	ln := r.listen(nil, func(c *tcp.Conn) { accepted++ })
	for all := atOnce; all <= total; all += atOnce {
		for range atOnce {
			_, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(_ *tcp.Conn, err error) {
				r.no(err)
				made++
			})
			r.no(err)
		}
		r.until("all are there", func() bool { return accepted == all && made == all })
	}
	r.no(ln.SetBacklog(5))
}
