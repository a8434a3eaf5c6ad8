package server

import (
	"fmt"
	"strings"
	"testing"
)

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
