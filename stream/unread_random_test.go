package stream_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
)

// A model says what OnRead is to be called with, whatever it leaves unread.
type model struct {
	rnd     *rand.Rand
	fail    func(f string, a ...any)
	all     []byte // that was written
	taken   int    // of those
	seen    int    // how far into all OnRead has looked
	need    int    // before the next call
	again   bool   // it may be called with what it has seen
	last    bool   // it was told that nothing follows
	calls   int
	resumes int
}

// read checks a call, and then does anything that OnRead may do.
func (m *model) read(r *rig, c *tcp.Conn, p []byte) {
	m.calls++
	if !bytes.Equal(p, m.all[m.taken:min(m.taken+len(p), len(m.all))]) {
		m.fail("call %d: %d bytes at %d are wrong", m.calls, len(p), m.taken)
	}
	to := m.taken + len(p)
	if to <= m.seen && !m.again && c.Readable() {
		m.fail("call %d: nothing is new in %d bytes at %d", m.calls, len(p), m.taken)
	}
	if len(p) < m.need && c.Readable() {
		m.fail("call %d: %d bytes, but it needs %d", m.calls, len(p), m.need)
	}
	m.seen, m.need, m.again, m.last = max(m.seen, to), 0, false, !c.Readable()

	take := len(p)
	if m.rnd.IntN(3) > 0 {
		take = m.rnd.IntN(len(p) + 1)
	}
	if rest := p[take:]; m.rnd.IntN(20) == 0 || len(rest) > 0 {
		r.no(c.Unread(p[m.rnd.IntN(take+1):])) // which does not count
		r.no(c.Unread(rest))
	}
	m.taken += take
	if m.rnd.IntN(4) == 0 {
		m.need = len(p) - take + m.rnd.IntN(100_000)
		r.no(c.Need(m.need))
	}
	switch m.rnd.IntN(8) {
	case 0:
		r.no(c.PauseRead())
		m.again = true
		m.resumes++
		r.after(time.Duration(m.rnd.IntN(30))*ms, func() {
			m.resumes--
			m.again = true
			c.ResumeRead()
		})
	case 1:
		m.replace(r, c)
		m.need, m.again = 0, true
	case 2:
		c.OnRead = nil
		m.need, m.again = 0, true
		r.after(time.Duration(m.rnd.IntN(30))*ms, func() { m.again = true; m.replace(r, c) })
	case 3:
		c.WriteString("a word")
	}
}

func (m *model) replace(r *rig, c *tcp.Conn) {
	c.OnRead = func(c *tcp.Conn, p []byte) { m.read(r, c, p) }
}

// Whatever pieces the bytes come in, and whatever OnRead does with them, each comes once and in order, with what was
// unread before it; OnRead is not called without a reason; and the end comes last.
func TestUnreadUnderRandomUse(t *testing.T) {
	seeds := uint64(250)
	if checked || testing.Short() {
		seeds = 60
	}
	calls, bad := 0, 0
	for seed := range seeds {
		rnd := rand.New(rand.NewPCG(seed, 2))
		loss := seed%4 == 3
		faults := sim.Heavy().Without(sim.Refuse, sim.TooManyOpen, sim.DropUnread, sim.Timeout, sim.Reset)
		if loss {
			faults = sim.Heavy().Without(sim.Refuse, sim.TooManyOpen)
		}
		r := newRig(t, loop.Options{Poller: sim.New(seed, sim.Config{Faults: faults}).Host("host")})
		m := &model{rnd: rnd, fail: func(f string, a ...any) {
			bad++
			t.Errorf("seed %d: %s", seed, fmt.Sprintf(f, a...))
		}}
		var server *tcp.Conn
		ended, closed := false, false
		ln := r.listen(nil, func(c *tcp.Conn) {
			server = c
			m.replace(r, c)
			if seed%2 == 0 {
				c.OnEOF = func(*tcp.Conn) { ended = true }
			}
			c.OnClose = func(*tcp.Conn, error) { closed = true }
		})
		peer, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(*tcp.Conn, error) {})
		r.no(err)
		for range rnd.IntN(40) {
			p := make([]byte, 1+rnd.IntN(1<<rnd.IntN(17)))
			for i := range p {
				p[i] = byte(rnd.Uint32())
			}
			if _, err := peer.Write(p); err == nil {
				m.all = append(m.all, p...)
			}
			if rnd.IntN(3) == 0 {
				r.pass(time.Duration(rnd.IntN(20)) * ms)
			}
		}
		peer.CloseWrite()
		for range 400 {
			if closed || ended {
				break
			}
			r.pass(50 * ms)
		}
		switch {
		case loss:
		case server == nil || !closed && !ended:
			m.fail("no end: %d of %d bytes taken, %d pauses", m.taken, len(m.all), m.resumes)
		case m.seen != len(m.all):
			m.fail("%d of %d bytes seen", m.seen, len(m.all))
		case m.taken < len(m.all) && !m.last:
			m.fail("%d of %d bytes taken, and nobody was told that it was the last", m.taken, len(m.all))
		}
		calls += m.calls
		r.no(ln.Close())
		r.no(r.lp.Close())
		if bad > 10 {
			t.FailNow()
		}
	}
	if calls < 5*int(seeds) {
		t.Errorf("OnRead was called %d times", calls)
	}
}
