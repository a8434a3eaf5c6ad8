package server

import (
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
	b.next("* slow joined #lobby")
	a.next("* slow joined #lobby")
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

// TestTakesNothing has a client that sends lines, and takes none of the little that waits for it.
func TestTakesNothing(t *testing.T) {
	h := newHall(t, Options{})
	a := h.named("ann")
	mute := h.connect(&tcp.Options{ReadBuffer: 4096})
	mute.send("/nick mute")
	a.next("* mute joined #lobby")
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
	for i := 0; i < 8 && h.srv.Clients() == 2; i++ { // what it takes is looked at now and then
		h.taken(a)
		h.pass(takeTime / 4)
		mute.send("")
	}
	a.next("* mute left #lobby")
	if h.srv.Clients() != 1 {
		t.Errorf("%d clients", h.srv.Clients())
	}
}
