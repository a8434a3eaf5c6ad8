package loop_test

import (
	"net/netip"
	"os"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/signal"
	"example.com/pike/tcp"
	"example.com/pike/timer"
	"example.com/pike/udp"
)

func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	no(t, err)
	return len(open)
}

// useEverything opens one of each, uses what it can, and closes only the loop.
func useEverything(t *testing.T) {
	lp, err := loop.New(loop.Options{})
	no(t, err)
	watches(t, lp)
	done := 0
	end := func() {
		if done++; done == 3 {
			lp.Stop()
		}
	}
	_, err = signal.Notify(lp, func(os.Signal) {}, os.Interrupt)
	no(t, err)
	_, err = timer.After(lp, 0, end)
	no(t, err)
	pair(t, lp, func(c *tcp.Conn) {
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
	}, func(c *tcp.Conn) {
		c.WriteString("hello")
		c.OnRead = func(*tcp.Conn, []byte) { end() }
	})
	c, err := udp.Listen(lp, "127.0.0.1:0", nil)
	no(t, err)
	c.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { end() }
	_, err = c.WriteTo([]byte("hello"), c.LocalAddr())
	no(t, err)
	run(t, lp)
	no(t, lp.Close())
}

// TestMain looks after the goroutines.
func TestCloseGivesDescriptorsBack(t *testing.T) {
	use := func(t *testing.T) { useEverything(t) }
	t.Run("first", use) // the runtime opens some for itself, once
	before := descriptors(t)
	for range 10 {
		t.Run("again", use)
	}
	equal(t, "descriptors", descriptors(t), before)
}

func TestFailedNewLeavesNothing(t *testing.T) {
	before := descriptors(t)
	_, err := loop.New(loop.Options{Backend: "abacus"})
	if err == nil {
		t.Error("there is an abacus")
	}
	equal(t, "descriptors", descriptors(t), before)
}
