package udp_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"example.com/pike/timer"
	"example.com/pike/udp"
)

// nobody is an address where datagrams get lost without a word to unconnected
// sockets.
var nobody = netip.MustParseAddrPort("127.0.0.1:9")

func TestCloseSendsWhatIsQueued(t *testing.T) {
	for name, close := range map[string]func(y *tally){
		"before the loop ran":  func(y *tally) { no(y.t, y.client.Close()) },
		"by closing the loop":  func(y *tally) { y.client.Loop().Stop() },
		"from another's turn":  func(y *tally) { y.client.Loop().Post(func() { no(y.t, y.client.Close()) }) },
		"although it is Unref": func(y *tally) { y.client.Unref(); no(y.t, y.client.Close()) },
	} {
		t.Run(name, func(t *testing.T) {
			const n = 100
			y := newTally(t, n)
			y.server.Unref()
			closed := 0
			y.client.OnClose = func(*udp.Conn) {
				equal(t, "ended before OnClose", y.ended, n)
				closed++
			}
			for i := range n {
				y.send(i, 100, nil)
			}
			close(y)
			equal(t, "ended inside Close", y.ended, 0)
			run(t, y.client.Loop())
			if name == "by closing the loop" {
				no(t, y.client.Loop().Close())
			}
			equal(t, "ended", y.ended, n)
			equal(t, "close callbacks", closed, 1)
		})
	}
}

func TestAbortDropsWhatIsQueued(t *testing.T) {
	for _, first := range []string{"", "Close"} {
		t.Run("after "+first, func(t *testing.T) {
			lp := newLoop(t)
			server, client := listen(t, lp, anyV4, nil), listen(t, lp, anyV4, nil)
			server.Unref()
			server.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { t.Error("a datagram of an aborted socket arrived") }
			ended, closed := 0, 0
			for i := range 10 {
				no(t, client.WriteBuffer([]byte("x"), server.LocalAddr(), func(err error) {
					equal(t, "the datagram that ended", i, ended)
					ended++
					opIs(t, err, "write", server.LocalAddr(), net.ErrClosed)
					is(t, client.WriteBuffer(nil, nobody, func(error) {}), net.ErrClosed)
				}))
			}
			writeTo(t, client, "x", server.LocalAddr())
			client.OnClose = func(*udp.Conn) {
				equal(t, "ended before OnClose", ended, 10)
				closed++
			}
			if first == "Close" {
				no(t, client.Close())
			}
			no(t, client.Abort())
			is(t, client.Abort(), net.ErrClosed)
			equal(t, "ended inside Abort", ended, 0)
			run(t, lp)
			equal(t, "close callbacks", closed, 1)
		})
	}
}

// An ender is a way to end a socket, and what is true of it.
var enders = map[string]func(*udp.Conn) error{"Close": (*udp.Conn).Close, "Abort": (*udp.Conn).Abort}

// callbacks arrange that a callback of c is made, which then calls end. More of
// the same is on its way, and must not be called back for.
var callbacks = map[string]func(t *testing.T, c, peer *udp.Conn, end func()){
	"OnRead": func(t *testing.T, c, peer *udp.Conn, end func()) {
		c.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { end() }
		for range 3 {
			writeTo(t, peer, "x", c.LocalAddr())
		}
	},
	"OnReadBatch": func(t *testing.T, c, peer *udp.Conn, end func()) {
		c.OnReadBatch = func(*udp.Conn, []udp.Message) { end() }
		for range 300 { // several batches
			writeTo(t, peer, "x", c.LocalAddr())
		}
	},
	"OnError of a write": func(t *testing.T, c, peer *udp.Conn, end func()) {
		c.OnError = func(*udp.Conn, error) { end() }
		for range 3 {
			writeTo(t, c, strings.Repeat("x", tooBig), nobody)
		}
	},
	"OnError of a read": func(t *testing.T, c, peer *udp.Conn, end func()) {
		no(t, c.Connect(refused(t, c.Loop(), anyV4)))
		c.OnError = func(*udp.Conn, error) { end() }
		writeTo(t, c, "x", c.RemoteAddr())
		// FreeBSD refuses 200 datagrams in a second and is silent to more (net.inet.icmp.icmplim).
		again, err := timer.Every(c.Loop(), time.Second, func() {
			if !c.Closing() {
				writeTo(t, c, "x", c.RemoteAddr())
			}
		})
		no(t, err)
		again.Unref()
	},
	"OnWrite": func(t *testing.T, c, peer *udp.Conn, end func()) {
		c.OnWrite = func(*udp.Conn) { end() }
		writeTo(t, c, "x", nobody)
	},
	"done": func(t *testing.T, c, peer *udp.Conn, end func()) {
		no(t, c.WriteBuffer([]byte("x"), nobody, func(error) { end() }))
	},
	"done with an error": func(t *testing.T, c, peer *udp.Conn, end func()) {
		no(t, c.WriteBuffer(make([]byte, tooBig), nobody, func(error) { end() }))
	},
}

func TestEndInsideEachCallback(t *testing.T) {
	for callback, arrange := range callbacks {
		for name, ender := range enders {
			for _, queue := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s in %s, more to send %v", name, callback, queue), func(t *testing.T) {
					lp := newLoop(t)
					c, peer := listen(t, lp, anyV4, nil), listen(t, lp, anyV4, nil)
					c.OnError = nil
					peer.Unref()
					calls, closed, ended := 0, 0, 0
					arrange(t, c, peer, func() {
						if calls++; calls > 1 {
							t.Error("a callback after " + name)
						}
						if queue {
							to := peer.LocalAddr()
							if c.RemoteAddr().IsValid() { // BSDs and macOS send nowhere else
								to = c.RemoteAddr()
							}
							no(t, c.WriteBuffer([]byte("y"), to, func(err error) {
								ended++
								if name == "Close" {
									no(t, err)
								} else {
									is(t, err, net.ErrClosed)
								}
							}))
						}
						no(t, ender(c))
						is(t, c.Close(), net.ErrClosed)
						equal(t, "closing", c.Closing(), true)
						equal(t, "ended inside the callback", ended, 0)
						equal(t, "closed inside the callback", closed, 0)
					})
					c.OnClose = func(c *udp.Conn) {
						closed++
						is(t, c.Close(), net.ErrClosed)
						is(t, c.Abort(), net.ErrClosed)
					}
					run(t, lp)
					equal(t, "callbacks", calls, 1)
					equal(t, "close callbacks", closed, 1)
					if queue {
						equal(t, "ended", ended, 1)
					}
				})
			}
		}
	}
}

// Two sockets are ready in the same poll; whoever is first ends the other.
func TestEndOfAnotherInTheSameBatch(t *testing.T) {
	for name, end := range enders {
		t.Run(name, func(t *testing.T) {
			lp := newLoop(t)
			sender := listen(t, lp, anyV4, nil)
			sender.Unref()
			pair := []*udp.Conn{listen(t, lp, anyV4, nil), listen(t, lp, anyV4, nil)}
			reads, closed := 0, 0
			for i, c := range pair {
				c.OnRead = func(c *udp.Conn, _ []byte, _ netip.AddrPort) {
					reads++
					no(t, end(pair[1-i]))
					no(t, end(c))
				}
				c.OnClose = func(*udp.Conn) { closed++ }
				writeTo(t, sender, "x", c.LocalAddr())
				writeTo(t, sender, "x", c.LocalAddr())
			}
			run(t, lp)
			equal(t, "reads", reads, 1)
			equal(t, "close callbacks", closed, 2)
		})
	}
}

// Every method of a socket that is closed, or about to be, says so.
func TestMethodsAfterClose(t *testing.T) {
	never := func(error) { t.Error("done was called for what was refused") }
	group := netip.MustParseAddr("239.255.77.1")
	methods := map[string]func(c *udp.Conn) error{
		"WriteTo":               func(c *udp.Conn) error { _, err := c.WriteTo([]byte("x"), nobody); return err },
		"Write":                 func(c *udp.Conn) error { _, err := c.Write([]byte("x")); return err },
		"WriteBuffer":           func(c *udp.Conn) error { return c.WriteBuffer([]byte("x"), nobody, never) },
		"WriteMessage":          func(c *udp.Conn) error { return c.WriteMessage(udp.Message{Peer: nobody}) },
		"WriteBatch":            func(c *udp.Conn) error { _, err := c.WriteBatch(make([]udp.Message, 2)); return err },
		"WriteBuffers":          func(c *udp.Conn) error { _, err := c.WriteBuffers(nil, never); return err },
		"Connect":               func(c *udp.Conn) error { return c.Connect(nobody) },
		"dissolve":              func(c *udp.Conn) error { return c.Connect(netip.AddrPort{}) },
		"PauseRead":             (*udp.Conn).PauseRead,
		"ResumeRead":            (*udp.Conn).ResumeRead,
		"Close":                 (*udp.Conn).Close,
		"SetReadBuffer":         func(c *udp.Conn) error { return c.SetReadBuffer(1 << 16) },
		"ReadBufferSize":        func(c *udp.Conn) error { _, err := c.ReadBufferSize(); return err },
		"SetWriteBuffer":        func(c *udp.Conn) error { return c.SetWriteBuffer(1 << 16) },
		"WriteBufferSize":       func(c *udp.Conn) error { _, err := c.WriteBufferSize(); return err },
		"SetBroadcast":          func(c *udp.Conn) error { return c.SetBroadcast(true) },
		"SetTTL":                func(c *udp.Conn) error { return c.SetTTL(1) },
		"TTL":                   func(c *udp.Conn) error { _, err := c.TTL(); return err },
		"SetTrafficClass":       func(c *udp.Conn) error { return c.SetTrafficClass(0) },
		"SetMulticastTTL":       func(c *udp.Conn) error { return c.SetMulticastTTL(1) },
		"SetMulticastLoopback":  func(c *udp.Conn) error { return c.SetMulticastLoopback(true) },
		"SetMulticastInterface": func(c *udp.Conn) error { return c.SetMulticastInterface(nil) },
		"Join":                  func(c *udp.Conn) error { return c.Join(nil, group, netip.Addr{}) },
		"Leave":                 func(c *udp.Conn) error { return c.Leave(nil, group, netip.Addr{}) },
		"SyscallConn":           func(c *udp.Conn) error { _, err := c.SyscallConn(); return err },
	}
	lp := newLoop(t)
	c := listen(t, lp, anyV4, nil)
	try := func(when string) {
		for name, method := range methods {
			if op, ok := method(c).(*net.OpError); !ok || op.Err != net.ErrClosed {
				t.Errorf("%s %s: %v, want net.ErrClosed in a *net.OpError", name, when, op)
			}
		}
		n, bytes := c.Buffered()
		equal(t, "datagrams queued", n, 0)
		equal(t, "bytes queued", bytes, 0)
	}
	c.OnClose = func(*udp.Conn) { try("in OnClose") }
	no(t, c.Close())
	try("after Close")
	run(t, lp)
	try("after OnClose")
	is(t, c.Abort(), net.ErrClosed)
	equal(t, "address", c.LocalAddr(), netip.AddrPort{})
	equal(t, "active", c.Active(), false)
	no(t, lp.Close())
	try("after the loop has closed")
	c.Ref()
	c.Unref()
}

func TestClosedLoop(t *testing.T) {
	lp := newLoop(t)
	no(t, lp.Close())
	_, err := udp.Listen(lp, anyV4, nil)
	opIs(t, err, "listen", netip.MustParseAddrPort(anyV4), net.ErrClosed)
	_, err = udp.Dial(lp, nobody.String(), nil)
	is(t, err, net.ErrClosed)
}
