package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// TestBrowserAndTerminal has both talk in all ways that there are.
func TestBrowserAndTerminal(t *testing.T) {
	h := newHall(t, Options{}).withWeb(WebOptions{})
	a := h.named("ann")
	b := h.browser("bob")
	a.expect("* bob joined #lobby")
	b.send("hello ann")
	a.expect("[#lobby] bob: hello ann")
	b.expect("[#lobby] bob: hello ann") // so that it knows that it has arrived
	a.send("hello bob", "/msg bob psst")
	a.expect("[ann -> bob] psst")
	b.expect("[#lobby] ann: hello bob", "[ann -> bob] psst")
	b.send("/msg ann yes?", "/who", "/nick rob")
	a.expect("[bob -> ann] yes?", "* bob is now rob")
	b.expect("[bob -> ann] yes?", "* in #lobby: ann, bob", "* bob is now rob")
	b.send("/quit")
	b.expect("* goodbye")
	b.closes(ws.StatusNormalClosure)
	a.expect("* rob left #lobby")
	a.sync()
}

// TestPings has browsers that answer pings, and one that does not.
func TestPings(t *testing.T) {
	h := newHall(t, Options{Idle: time.Hour}).withWeb(WebOptions{})
	a, b := h.browser("ann"), h.browser("bob")
	a.expect("* bob joined #lobby")
	for i := range 5 {
		h.pass(quietTime)
		h.until("pings", func() bool { return a.pings > i && b.pings > 0 })
		a.conn.Write(masked(frameOf(ws.OpPong, true, "")))
		if i == 0 {
			b.send("") // any frame will do
			b.pings = 0
		}
		h.until("the answers", func() bool { return !h.asked("ann") && (i > 0 || !h.asked("bob")) })
	}
	a.expect("* bob left #lobby")
	b.expect("! nothing came from you for 30s: goodbye")
	b.closes(ws.StatusPolicyViolation)
	if h.srv.Clients() != 1 || h.logged("dropped", "idle") != 1 {
		t.Errorf("%d clients", h.srv.Clients())
	}
}

// asked reports whether a browser has still to answer a ping. Minutes must not pass while what it has sent is under way.
func (h *hall) asked(name string) bool { return h.srv.names[name].wire.(*socket).asked }

// TestFullForBrowsers has no room for one more.
func TestFullForBrowsers(t *testing.T) {
	h := newHall(t, Options{Max: 1}).withWeb(WebOptions{})
	a := h.named("ann")
	b := h.join("/ws?name=bob")
	b.expect("! the server is full: it has 1 clients")
	b.closes(1013)
	a.sync()
}

// TestBrowserReadsNothing has a browser dropped that leaves more unread than it may, as a terminal is.
func TestBrowserReadsNothing(t *testing.T) {
	h := newHall(t, Options{}).withWeb(WebOptions{})
	a, slow := h.named("ann"), h.browser("slow")
	a.expect("* slow joined #lobby")
	slow.conn.SetReadBuffer(4096)
	slow.conn.PauseRead()
	text := strings.Repeat("x", 4000)
	h.until("the slow reader to be dropped", func() bool {
		if a.conn.Buffered() == 0 {
			a.send(text)
		}
		return h.logged("dropped", "more than 1 MiB unread") > 0
	})
	a.next("* slow left #lobby")
	a.sync()
}

// TestFloods has a browser send nothing but pings, parts of a message that say nothing, and a header that claims a lot.
// A friend is served meanwhile, and what the server keeps does not grow.
func TestFloods(t *testing.T) {
	h := newHall(t, Options{}).withWeb(WebOptions{})
	flood, a := h.browser("flood"), h.named("ann")
	flood.expect("* guest-1 joined #lobby", "* guest-1 is now ann")
	h.until("the turns of both", func() bool { return len(h.srv.pace.backlog) == 0 })
	var many []byte
	for range 10_000 {
		many = append(many, masked(ping("x"))...)
	}
	flood.conn.Write(many)
	a.sync()
	pongs := func() bool { return len(flood.frames) == 10_000 }
	if pongs() {
		t.Error("all pings were answered before a friend")
	}
	h.until("all pongs", pongs)
	flood.frames = nil
	many = masked(textPlus("a"))
	for range 10_000 {
		many = append(many, masked(morePlus(""))...)
	}
	flood.conn.Write(many)
	a.sync()
	flood.conn.Write(masked(more("b")))
	a.expect("[#lobby] flood: ab")
	flood.expect("[#lobby] flood: ab")
	flood.conn.Write([]byte{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}) // 2^63-1 bytes
	flood.closes(ws.StatusMessageTooBig)
	a.expect("* flood left #lobby")
	if h.logged("dropped", "the message is too long") != 1 {
		t.Error("it is not in the log")
	}
}

// TestBadFrames has frames that Autobahn has no case of.
func TestBadFrames(t *testing.T) {
	h := newHall(t, Options{}).withWeb(WebOptions{})
	for name, c := range map[string]struct {
		bytes  string
		status ws.StatusCode
	}{
		"without a mask":       {"\x81\x01x", ws.StatusProtocolError},
		"a ping without":       {"\x89\x00", ws.StatusProtocolError},
		"compressed":           {"\xc1\x81\x00\x00\x00\x00x", ws.StatusProtocolError},
		"a negative length":    {"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04", ws.StatusProtocolError},
		"a request for a page": {get("/"), ws.StatusProtocolError},
	} {
		b := h.join("/ws?room=a")
		b.conn.WriteString(c.bytes)
		b.next("* guest-")
		h.t.Log(name)
		b.closes(c.status)
		b.conn.Close()
	}
	h.until("the ends", func() bool { return h.srv.conns == 0 })
}

// TestEndOfStream has browsers that go without a word, in the middle of a frame and in the middle of a message.
func TestEndOfStream(t *testing.T) {
	h := newHall(t, Options{}).withWeb(WebOptions{})
	a := h.named("ann")
	for i, rest := range []string{"", "\x81", "\x81\x85abcd12", string(masked(textPlus("x")))} {
		name := fmt.Sprint("b", i)
		b := h.browser(name)
		a.expect("* " + name + " joined #lobby")
		b.conn.WriteString(rest)
		b.conn.CloseWrite()
		a.expect("* " + name + " left #lobby")
		h.until("the end", func() bool { return b.gone || b.eof })
	}
}

// TestStamps has the ids of messages grow, whatever the clock of the machine does.
func TestStamps(t *testing.T) {
	now := time.UnixMilli(1_764_604_800_000)
	h := newHall(t, Options{Wall: func() time.Time { return now }}).withWeb(WebOptions{})
	b := h.browser("bob")
	last := int64(0)
	for i := range 5 {
		now = now.Add(time.Duration(2-i) * time.Second)
		b.send("hi")
		f := b.take()
		var id int64
		if _, err := fmt.Sscanf(string(f.Payload), "@%d [#lobby] bob: hi", &id); err != nil || id <= last {
			t.Fatalf("%q after %d: %v", f.Payload, last, err)
		}
		last = id
	}
	c := h.join("/ws") // what it is told of before has the ids that it had
	c.expect("* welcome, guest-1; /help lists the commands", "* guest-1 joined #lobby")
	for range 4 {
		c.take()
	}
	if f := c.take(); !strings.HasPrefix(string(f.Payload), fmt.Sprintf("@%d ", last)) {
		t.Errorf("%q, not with %d", f.Payload, last)
	}
}
