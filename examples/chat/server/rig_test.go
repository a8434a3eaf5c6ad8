package server

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"example.com/pike/loop"
	"example.com/pike/loop/zaplog"
	"example.com/pike/poller"
	"example.com/pike/poller/system"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// A hall is a server and its clients, on one loop.
type hall struct {
	t     testing.TB
	lp    *loop.Loop
	clock *clock
	srv   *Server
	logs  *observer.ObservedLogs
	late  bool // the test has taken too long
	ended bool // OnClose of the server was called
}

// A clock is a poller with a time of its own. That moves on when nothing happens, and when a test moves it. It does not
// move while the machine is busy, and so no timer is due for that.

type clock struct {
	poller.Poller
	now   poller.Time
	still bool // only a test moves it
}

func (c *clock) Now() poller.Time { return c.now }

func (c *clock) Poll(deadline poller.Time) error {
	if deadline == poller.Never {
		return c.Poller.Poll(deadline)
	}
	before := c.events()
	until := c.Poller.Now().Add(max(deadline.Sub(c.now), 0))
	err := c.Poller.Poll(until)
	if !c.still && c.events() == before && c.Poller.Now() >= until {
		c.now = max(c.now, deadline)
	}
	return err
}

func (c *clock) events() uint64 { return c.Poller.(poller.Meter).Events() }

// testTime bounds a test on the real clock.
const testTime = time.Minute

func newHall(t testing.TB, o Options) *hall {
	t.Helper()
	p, err := system.Open("")
	if err != nil {
		t.Skip(err)
	}
	h := &hall{t: t, clock: &clock{Poller: p, now: p.Now()}}
	core, logs := observer.New(zapcore.DebugLevel)
	h.logs = logs
	if h.lp, err = loop.New(loop.Options{Poller: h.clock, Logger: zaplog.Logger(zap.New(core))}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.lp.Close() })
	if h.srv, err = Listen(h.lp, "127.0.0.1:0", o); err != nil {
		t.Fatal(err)
	}
	h.srv.OnClose = func() {
		if h.ended {
			t.Error("OnClose is called twice")
		}
		h.ended = true
	}
	stop := time.AfterFunc(testTime, func() { h.lp.Post(func() { h.late = true }) })
	t.Cleanup(func() { stop.Stop() })
	return h
}

// until runs the loop.
func (h *hall) until(what string, done func() bool) {
	h.t.Helper()
	for !done() {
		if h.late {
			h.t.Fatal("waited too long for " + what)
		}
		if alive, err := h.lp.RunOnce(); err != nil || !alive && !done() {
			h.t.Fatalf("waiting for %s the loop ended: %v", what, err)
		}
	}
}

// pass lets time pass at once, and what is due then happen.
func (h *hall) pass(d time.Duration) {
	h.t.Helper()
	h.clock.now = h.clock.now.Add(d)
	fired := false
	timer.After(h.lp, 0, func() { fired = true })
	h.until("time to pass", func() bool { return fired })
}

// taken has peers acknowledge all that they were sent, by an empty line. Their systems may do so later than a test has let
// minutes pass, and then the server would take them for slow.
func (h *hall) taken(peers ...*peer) {
	h.t.Helper()
	for _, p := range peers {
		p.send("")
	}
	h.pass(0)
}

// logged is how often a message with a reason is in the log.
func (h *hall) logged(message, reason string) int {
	n := 0
	for _, e := range h.logs.FilterMessage(message).All() {
		if reason == "" || e.ContextMap()["reason"] == reason {
			n++
		}
	}
	return n
}

// A peer is the other end of a client, with what it has been sent.
type peer struct {
	h     *hall
	conn  *tcp.Conn
	name  string
	begun string
	lines []string // not expected yet
	bytes int
	eof   bool
	gone  bool
	err   error // of OnClose
}

// dial connects a peer, which has read its greeting; it keeps its own side open when the server ends.
func (h *hall) dial() *peer {
	h.t.Helper()
	p := h.connect(nil)
	p.send("") // so that it need not wait for its name
	p.name = strings.TrimSuffix(strings.TrimPrefix(p.next("* welcome, "), "* welcome, "), "; /help lists the commands")
	p.expect("* " + p.name + " joined #lobby")
	return p
}

// connect connects a peer.
func (h *hall) connect(o *tcp.Options) *peer {
	h.t.Helper()
	p := &peer{h: h}
	made := false
	conn, err := tcp.Dial(h.lp, h.srv.Addr().String(), o, func(c *tcp.Conn, err error) {
		if errors.Is(err, syscall.EADDRNOTAVAIL) {
			h.t.Skip("all ports of the machine are in use, or in TIME_WAIT: ", err)
		}
		if err != nil {
			h.t.Fatal(err)
		}
		made = true
		c.OnRead = p.received
		c.OnEOF = func(*tcp.Conn) { p.eof = true }
		c.OnClose = func(_ *tcp.Conn, err error) { p.gone, p.err = true, err }
	})
	if err != nil {
		h.t.Fatal(err)
	}
	p.conn = conn
	h.until("a connection", func() bool { return made })
	return p
}

func (p *peer) received(_ *tcp.Conn, b []byte) {
	p.bytes += len(b)
	lines := strings.SplitAfter(p.begun+string(b), "\n")
	last := len(lines) - 1
	p.begun = lines[last]
	for _, l := range lines[:last] {
		p.lines = append(p.lines, strings.TrimSuffix(l, "\n"))
	}
}

// named dials a peer of that name.
func (h *hall) named(name string) *peer {
	h.t.Helper()
	p := h.dial()
	p.send("/nick " + name)
	p.expect("* " + p.name + " is now " + name)
	p.name = name
	return p
}

func (p *peer) send(lines ...string) {
	for _, l := range lines {
		p.conn.WriteString(l + "\n")
	}
}

// next is the next line that begins with prefix; those before it are passed over.
func (p *peer) next(prefix string) string {
	p.h.t.Helper()
	found := -1
	p.h.until("a line "+prefix, func() bool {
		found = slices.IndexFunc(p.lines, func(l string) bool { return strings.HasPrefix(l, prefix) })
		return found >= 0
	})
	l := p.lines[found]
	p.lines = p.lines[found+1:]
	return l
}

// expect wants these lines, next and in this order.
func (p *peer) expect(want ...string) {
	p.h.t.Helper()
	p.h.until(want[0], func() bool { return len(p.lines) >= len(want) || p.gone })
	if n := min(len(want), len(p.lines)); !slices.Equal(p.lines[:n], want) {
		p.h.t.Fatalf("%s got %q, want %q", p.name, p.lines, want)
	}
	p.lines = p.lines[len(want):]
}

// sync returns when the server has obeyed everything that p has sent; nothing but the answer may have come.
func (p *peer) sync() {
	p.h.t.Helper()
	p.send("/msg")
	p.expect("! it is /msg NAME TEXT")
}

// meet brings named peers together in #lobby, who have seen each other come.
func (h *hall) meet(names ...string) []*peer {
	h.t.Helper()
	var all []*peer
	for _, name := range names {
		all = append(all, h.named(name))
	}
	for _, p := range all {
		p.send("/msg")
		p.next("! it is /msg")
	}
	return all
}

func countPrefix(lines []string, prefix string) int {
	n := 0
	for _, l := range lines {
		if strings.HasPrefix(l, prefix) {
			n++
		}
	}
	return n
}
