package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"example.com/pike/tcp"
)

// watch is a surfer who gets the live view.
func (h *hall) watch(o *tcp.Options) *surfer {
	h.t.Helper()
	b := h.surf(o)
	b.conn.WriteString(get("/live/events"))
	if r := b.response(); r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "text/event-stream" {
		h.t.Fatalf("%+v", r)
	}
	return b
}

// event waits for a look at the loops.
func (b *surfer) event() (clients int, loops []look) {
	b.h.t.Helper()
	b.h.until("an event", func() bool { return strings.Contains(string(b.raw), "\n\n") })
	event, rest, _ := strings.Cut(string(b.raw), "\n\n")
	b.raw = []byte(rest)
	var view struct {
		Clients int
		Loops   []look
	}
	data, ok := strings.CutPrefix(event, "data: ")
	if err := json.Unmarshal([]byte(data), &view); err != nil || !ok {
		b.h.t.Fatalf("%q: %v", event, err)
	}
	return view.Clients, view.Loops
}

// TestLive has two watch what the loop does, for as long as somebody watches.
func TestLive(t *testing.T) {
	h := newHall(t, Options{}).withWeb(WebOptions{})
	ann := h.named("ann")
	a := h.watch(nil)
	_, before := a.event()
	b := h.watch(nil)
	ann.send("hello")
	ann.sync()
	h.pass(liveTime)
	b.event()
	h.pass(liveTime)
	a.event()
	clients, after := a.event()
	if clients != 1 || len(after) != 1 {
		t.Fatalf("%d clients, %d loops", clients, len(after))
	}
	l, was := after[0], before[0]
	if l.Turns <= was.Turns || l.Callbacks <= was.Callbacks || l.BytesIn < was.BytesIn+6 || l.BytesOut <= was.BytesOut ||
		l.Conns != 6 || l.Timers == 0 { // both ends of three connections are on this loop
		t.Errorf("%+v after %+v", l, was)
	}
	a.conn.Close()
	b.conn.CloseWrite()
	h.until("the ends", func() bool { return len(h.srv.web.live.watchers) == 0 })
	if h.srv.web.live.next.Active() {
		t.Error("the loops are looked at for nobody")
	}
	c := h.watch(nil)
	c.event()
}

// TestLiveLimits has more watchers than may be, and one that takes nothing.
func TestLiveLimits(t *testing.T) {
	h := newHall(t, Options{}).withWeb(WebOptions{})
	deaf := h.watch(&tcp.Options{ReadBuffer: 4096})
	deaf.conn.PauseRead()
	for range watchersMost - 1 {
		h.watch(nil)
	}
	b := h.surf(nil)
	b.conn.WriteString(get("/live/events"))
	b.answers(http.StatusServiceUnavailable)
	h.until("the deaf one to be behind", func() bool {
		c := h.srv.web.live.watchers[0].conn
		if c.Buffered() == 0 { // looks alone would fill the system's buffers in thousands of turns
			c.Write(make([]byte, watcherMost/2))
		}
		h.srv.web.live.tell()
		return c.Buffered() >= watcherMost
	})
	for range 1000 {
		h.srv.web.live.tell()
	}
	if n := h.srv.web.live.watchers[0].conn.Buffered(); n > 2*watcherMost {
		t.Errorf("%d bytes wait for it", n)
	}
}
