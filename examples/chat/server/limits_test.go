package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/pike/poller/pollertest"
	"example.com/pike/tcp"
)

func TestSlowReader(t *testing.T) {
	h := newHall(t, Options{})
	all := h.meet("ann", "bob")
	a, b := all[0], all[1]
	slow := h.connect(&tcp.Options{ReadBuffer: 4096})
	slow.send("/nick slow")
	b.next("* guest-3 is now slow")
	a.next("* guest-3 is now slow")
	slow.conn.PauseRead()
	text := strings.Repeat("x", 4000)
	sent := 0
	h.until("the slow reader to be dropped", func() bool {
		// No faster than bob reads, or bob may be dropped too: what moves his bytes may need a processor that we keep.
		for ; sent < 20_000 && sent-len(b.lines) < 32; sent++ {
			a.send(text)
		}
		return h.logged("dropped", "") > 0
	})
	if h.logged("dropped", "more than 1 MiB unread") != 1 || h.logged("dropped", "") != 1 {
		t.Error("it is not in the log")
	}
	a.next("* slow left #lobby")
	h.until("all messages", func() bool { return len(b.lines) > sent })
	if n := countPrefix(b.lines, "[#lobby] ann: "+text); n != sent || countPrefix(b.lines, "* slow left #lobby") != 1 {
		t.Errorf("%d messages, want %d", n, sent)
	}
	a.sync()
	slow.conn.ResumeRead()
	// Wine 8 forgets a reset that comes while no receive is pending.
	h.until("the reset", func() bool { return slow.gone || slow.eof && strings.HasPrefix(pollertest.Wine(), "8.") })
}

// TestFlood sends at once what becomes far more than a client may leave unread. The client reads, so it gets it all.
func TestFlood(t *testing.T) {
	h := newHall(t, Options{})
	name, room := strings.Repeat("n", nameMost), "#"+strings.Repeat("r", nameMost)
	a, b := h.named(name), h.named("bob")
	a.expect("* guest-2 joined #lobby", "* guest-2 is now bob")
	for _, p := range []*peer{a, b} {
		p.send("/join " + room)
		p.next("* " + p.name + " joined " + room)
	}
	const n = 40_000
	a.conn.WriteString(strings.Repeat("x\n", n))
	h.until("all messages", func() bool { return len(b.lines) >= n })
	if got := countPrefix(b.lines, "["+room+"] "+name+": x"); got != n {
		t.Errorf("%d messages, want %d", got, n)
	}
	if n := h.logged("dropped", ""); n > 0 {
		t.Errorf("%d clients were dropped", n)
	}
}

// TestTurns has many clients send more at once than they may in one turn: nothing is lost or out of order.
func TestTurns(t *testing.T) {
	h := newHall(t, Options{})
	const clients, lines = 10, 300
	var all []*peer
	for range clients {
		all = append(all, h.dial())
	}
	for _, p := range all {
		p.send("/msg")
		p.next("! it is /msg")
	}
	for _, p := range all {
		for i := range lines {
			p.send(fmt.Sprint(i))
		}
		p.send("/who")
	}
	for _, p := range all {
		next := map[string]int{}
		h.until("all messages", func() bool { return len(p.lines) == (clients-1)*lines+1 })
		for _, l := range p.lines {
			from, text, ok := strings.Cut(strings.TrimPrefix(l, "[#lobby] "), ": ")
			if ok && text == fmt.Sprint(next[from]) {
				next[from]++
			}
		}
		for _, q := range all {
			if want := lines; q != p && next[q.name] != want {
				t.Errorf("%s got %d lines of %s in order, want %d", p.name, next[q.name], q.name, want)
			}
		}
	}
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

// TestManyAnswers has a client ask for more than it may leave unread, in one go; it reads, so it gets it.
func TestManyAnswers(t *testing.T) {
	h := newHall(t, Options{})
	p := h.dial()
	const n = 20_000
	p.conn.WriteString(strings.Repeat("/help\n", n))
	p.conn.CloseWrite()
	h.until("the close", func() bool { return p.gone })
	if want := n * strings.Count(help+"\n", "\n"); len(p.lines) != want || p.err != nil {
		t.Errorf("%d lines, want %d; %v", len(p.lines), want, p.err)
	}
}

func TestIdle(t *testing.T) {
	h := newHall(t, Options{Idle: time.Minute})
	all := h.meet("ann", "bob", "cid")
	a, b, c := all[0], all[1], all[2]
	for range 2 {
		h.pass(25 * time.Second)
		a.send("")              // a line, though an empty one
		c.conn.WriteString("x") // none
		a.sync()
	}
	if h.srv.Clients() != 3 {
		t.Fatal("dropped early")
	}
	h.pass(11 * time.Second)
	b.expect("! nothing came from you for 1m0s: goodbye")
	c.expect("* bob left #lobby", "! nothing came from you for 1m0s: goodbye")
	a.expect("* bob left #lobby", "* cid left #lobby")
	h.until("the end of the streams", func() bool { return b.eof && c.eof })
	if h.logged("dropped", "idle") != 2 {
		t.Error("it is not in the log")
	}
	h.pass(leaveTime) // they do not close: they are cut off
	h.until("the cut", func() bool { return h.srv.conns == 1 })
	a.sync()
}

// TestTakesNothing has a client that sends lines, and takes none of the little that waits for it.
func TestTakesNothing(t *testing.T) {
	h := newHall(t, Options{})
	a := h.named("ann")
	mute := h.connect(&tcp.Options{ReadBuffer: 4096})
	mute.send("/nick mute")
	a.next("* guest-2 is now mute")
	mute.conn.PauseRead()
	var conn *tcp.Conn
	for _, c := range h.srv.lobby.members {
		if c.name == "mute" {
			conn = c.conn
		}
	}
	text := strings.Repeat("x", 4000)
	h.until("something to wait", func() bool {
		if a.conn.Buffered() == 0 {
			a.send(text)
		}
		return conn.Buffered() > unreadMost/4
	})
	a.sync()
	for waited := time.Duration(0); waited < takeTime/2; waited += takeTime / 8 {
		h.pass(takeTime / 8)
		mute.send("")
		a.sync()
	}
	if h.srv.Clients() != 2 {
		t.Fatal("dropped early")
	}
	for range 8 { // what it takes is looked at now and then
		h.pass(takeTime / 4)
		mute.send("")
	}
	a.next("* mute left #lobby")
	if h.srv.Clients() != 1 {
		t.Errorf("%d clients", h.srv.Clients())
	}
}

func TestIdleForever(t *testing.T) {
	h := newHall(t, Options{Idle: -1})
	a := h.dial()
	h.pass(24 * 365 * time.Hour)
	a.sync()
}

func TestFull(t *testing.T) {
	h := newHall(t, Options{Max: 2})
	a, b := h.dial(), h.dial()
	a.expect("* guest-2 joined #lobby")
	for range 3 {
		c := h.connect(nil)
		c.send("/nick x", "let me in")
		c.expect("! the server is full: it has 2 clients")
		h.until("the end of the stream", func() bool { return c.eof })
		for range 3 { // nothing of it is answered, by a reset neither
			c.send("/who")
			a.sync()
		}
		if c.gone || len(c.lines) > 0 {
			t.Errorf("%v, %q", c.err, c.lines)
		}
	}
	h.srv.most = 3
	h.connect(nil).expect("! the server is full: it has 2 clients")
	if len(h.srv.leaving) != 3 {
		t.Errorf("%d connections are closing", len(h.srv.leaving))
	}
	if h.logged("full: clients are refused", "") != 1 {
		t.Error("it is not in the log once")
	}
	a.send("/quit")
	a.next("* goodbye")
	c := h.dial()
	c.sync()
	b.expect("* guest-1 left #lobby", "* guest-3 joined #lobby")
	b.sync()
}

// TestQuitInTheMiddle sends more than is done in a turn, before /quit and after.
func TestQuitInTheMiddle(t *testing.T) {
	h := newHall(t, Options{})
	p := h.dial()
	p.conn.WriteString(strings.Repeat("x\n", 1000) + "/quit\n" + strings.Repeat("/who\n", 1000))
	p.expect("* goodbye")
	h.until("the end of the stream", func() bool { return p.eof })
	p.conn.Close()
	h.until("the close", func() bool { return h.srv.conns == 0 })
	if len(p.lines) > 0 {
		t.Errorf("then %q", p.lines)
	}
}
