package server

import (
	"testing"
)

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
