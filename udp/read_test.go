package udp_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"example.com/pike/udp"
)

// filled is a paused socket with datagrams "0", "1", ... waiting in the system.
func filled(t *testing.T, n int) (c, sender *udp.Conn, run func()) {
	t.Helper()
	lp := newLoop(t)
	c, sender = listen(t, lp, anyV4, nil), listen(t, lp, anyV4, nil)
	no(t, c.PauseRead())
	for i := range n {
		writeTo(t, sender, fmt.Sprint(i), c.LocalAddr())
	}
	settle(t, lp)
	left, _ := sender.Buffered()
	equal(t, "datagrams not sent", left, 0)
	sender.Unref()
	return c, sender, func() { t.Helper(); runLoop(t, c) }
}

func runLoop(t *testing.T, c *udp.Conn) {
	t.Helper()
	run(t, c.Loop())
}

// numbers is what n datagrams of filled say.
func numbers(n int) string {
	var s []string
	for i := range n {
		s = append(s, fmt.Sprint(i))
	}
	return strings.Join(s, " ")
}

func TestReadDataAndSender(t *testing.T) {
	for _, addr := range []string{anyV4, anyV6} {
		t.Run(addr, func(t *testing.T) {
			if addr == anyV6 {
				needIPv6(t)
			}
			lp := newLoop(t)
			c, sender := listen(t, lp, addr, nil), listen(t, lp, addr, nil)
			sizes := []int{5, 0, 1, 1472, 60000}
			got := 0
			c.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
				equal(t, "sender", from, sender.LocalAddr())
				equal(t, "size", len(p), sizes[got])
				equal(t, "data", string(p), strings.Repeat("x", len(p)))
				if got++; got == len(sizes) {
					c.Close()
					sender.Close()
				}
			}
			for _, n := range sizes {
				writeTo(t, sender, strings.Repeat("x", n), c.LocalAddr())
			}
			run(t, lp)
			equal(t, "datagrams", got, len(sizes))
		})
	}
}

func TestReadBatch(t *testing.T) {
	const n = 100
	c, sender, run := filled(t, n)
	var got []string
	calls := 0
	c.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { t.Error("OnRead was called beside OnReadBatch") }
	c.OnReadBatch = func(c *udp.Conn, ms []udp.Message) {
		calls++
		for _, m := range ms {
			equal(t, "sender", m.Peer, sender.LocalAddr())
			for p := range m.Datagrams() {
				got = append(got, string(p))
			}
		}
		if len(got) == n {
			c.Close()
		}
	}
	no(t, c.ResumeRead())
	run()
	equal(t, "datagrams", strings.Join(got, " "), numbers(n))
	if calls > n/10 {
		t.Errorf("%d datagrams came in %d batches", n, calls)
	}
}

func TestReadWithoutCallbackDrops(t *testing.T) {
	c, sender, run := filled(t, 3)
	no(t, c.ResumeRead())
	soon(t, c.Loop(), func() {
		c.OnRead = func(c *udp.Conn, p []byte, _ netip.AddrPort) {
			equal(t, "the first datagram with a callback", string(p), "late")
			c.Close()
		}
		writeTo(t, sender, "late", c.LocalAddr())
	})
	run()
}

func TestPauseInTheMiddleOfABatch(t *testing.T) {
	const n = 40
	for _, every := range []int{1, 3, 31, 32, 33} {
		t.Run(fmt.Sprint("at every ", every), func(t *testing.T) {
			c, sender, run := filled(t, n)
			var got []string
			pausing := false
			c.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
				if pausing {
					t.Error("OnRead was called while paused")
				}
				equal(t, "sender", from, sender.LocalAddr())
				got = append(got, string(p))
				if len(got) == n+1 {
					c.Close()
					return
				}
				if len(got)%every != 0 {
					return
				}
				pausing = true
				no(t, c.PauseRead())
				if len(got) == every { // arrives while others are kept, and is the last all the same
					writeTo(t, sender, fmt.Sprint(n), c.LocalAddr())
				}
				c.Loop().Post(func() {
					pausing = false
					no(t, c.ResumeRead())
				})
			}
			no(t, c.ResumeRead())
			run()
			equal(t, "datagrams", strings.Join(got, " "), numbers(n+1))
		})
	}
}

// What is kept must be delivered wherever ResumeRead is called, also inside
// another upcall of the same socket.
func TestResumeInsideCallbacks(t *testing.T) {
	resume := func(t *testing.T, c *udp.Conn) func() {
		return func() { no(t, c.ResumeRead()) }
	}
	for name, arrange := range map[string]func(t *testing.T, c *udp.Conn){
		"OnRead": func(t *testing.T, c *udp.Conn) { resume(t, c)() },
		"done": func(t *testing.T, c *udp.Conn) {
			no(t, c.WriteBuffer([]byte("x"), netip.MustParseAddrPort("127.0.0.1:9"), func(error) { resume(t, c)() }))
		},
		"OnWrite": func(t *testing.T, c *udp.Conn) {
			c.OnWrite = func(c *udp.Conn) { resume(t, c)() }
			writeTo(t, c, "x", netip.MustParseAddrPort("127.0.0.1:9"))
		},
		"OnError": func(t *testing.T, c *udp.Conn) {
			c.OnError = func(c *udp.Conn, _ error) { resume(t, c)() }
			writeTo(t, c, strings.Repeat("x", 65536), netip.MustParseAddrPort("127.0.0.1:9"))
		},
		"a flush that is due already": func(t *testing.T, c *udp.Conn) {
			c.Loop().Post(func() {
				writeTo(t, c, "x", netip.MustParseAddrPort("127.0.0.1:9"))
				resume(t, c)()
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, _, run := filled(t, 5)
			var got []string
			c.OnRead = func(c *udp.Conn, p []byte, _ netip.AddrPort) {
				switch got = append(got, string(p)); len(got) {
				case 2:
					no(t, c.PauseRead())
					arrange(t, c)
				case 5:
					c.Close()
				}
			}
			no(t, c.ResumeRead())
			run()
			equal(t, "datagrams", strings.Join(got, " "), numbers(5))
		})
	}
}

func TestPauseKeepsForTheBatchForm(t *testing.T) {
	c, _, run := filled(t, 6)
	var got []string
	c.OnRead = func(c *udp.Conn, p []byte, _ netip.AddrPort) {
		got = append(got, string(p))
		no(t, c.PauseRead())
		c.OnReadBatch = func(c *udp.Conn, ms []udp.Message) {
			for _, m := range ms {
				for p := range m.Datagrams() {
					got = append(got, string(p))
				}
			}
			c.Close()
		}
		soon(t, c.Loop(), func() { no(t, c.ResumeRead()) })
	}
	no(t, c.ResumeRead())
	run()
	equal(t, "datagrams", strings.Join(got, " "), numbers(6))
}

// A pause in the middle of a batch, and then Close: nothing is delivered.
func TestCloseDropsWhatIsKept(t *testing.T) {
	for name, end := range map[string]func(*udp.Conn) error{"Close": (*udp.Conn).Close, "Abort": (*udp.Conn).Abort} {
		t.Run(name, func(t *testing.T) {
			c, _, run := filled(t, 5)
			reads, closed := 0, 0
			c.OnRead = func(c *udp.Conn, p []byte, _ netip.AddrPort) {
				reads++
				no(t, c.PauseRead())
				soon(t, c.Loop(), func() {
					no(t, c.ResumeRead())
					no(t, end(c))
				})
			}
			c.OnClose = func(*udp.Conn) { closed++ }
			no(t, c.ResumeRead())
			run()
			equal(t, "datagrams", reads, 1)
			equal(t, "close callbacks", closed, 1)
		})
	}
}

// PauseRead leaves datagrams with the system, whose buffer bounds them.
func TestPausedDatagramsStayWithTheSystem(t *testing.T) {
	c, _, run := filled(t, 10)
	soon(t, c.Loop(), func() {
		if got := c.Loop().Metrics().Turns; got > 10 {
			t.Errorf("%d turns while paused", got)
		}
		got := 0
		c.OnRead = func(c *udp.Conn, _ []byte, _ netip.AddrPort) {
			if got++; got == 10 {
				c.Close()
			}
		}
		no(t, c.ResumeRead())
	})
	run()
}
