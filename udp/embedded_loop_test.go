package udp_test

import (
	"testing"

	"example.com/pike/udp"
)

// Whoever embeds a loop must not sleep on what a socket has still to tell: that
// it is closed, or that a datagram was refused at once.
func TestTimeoutOfAnEmbeddedLoop(t *testing.T) {
	lp := newLoop(t)
	if _, ok := lp.Fd(); !ok {
		t.Skip("this loop has no descriptor to be embedded by")
	}
	c := listen(t, lp, anyV4, nil)
	_, err := lp.RunNoWait()
	no(t, err)
	if d := lp.Timeout(); d >= 0 {
		t.Errorf("the loop wants a turn in %v, though nothing happens", d)
	}

	told, closed := 0, 0
	c.OnError = func(*udp.Conn, error) { told++ }
	c.OnClose = func(*udp.Conn) { closed++ }
	writeTo(t, c, string(make([]byte, tooBig)), nobody)
	turns(t, c, "a write", func() bool { return told == 1 })
	no(t, c.Close())
	turns(t, c, "Close", func() bool { return closed == 1 })
}

// turns runs the loop as an embedder that sees no descriptor does.
func turns(t *testing.T, c *udp.Conn, what string, over func() bool) {
	t.Helper()
	for range 10 {
		if d := c.Loop().Timeout(); d != 0 {
			t.Fatalf("after %s the loop wants a turn in %v", what, d)
		}
		_, err := c.Loop().RunNoWait()
		no(t, err)
		if over() {
			return
		}
	}
	t.Errorf("%s has not been told after ten turns", what)
}
