package conformance

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"example.com/pike/loop"
	"example.com/pike/udp"
)

// The largest datagram that fits an IPv4 packet: 65535 less both headers.
const udpLargest = 65535 - 20 - 8

var _ = add(
	line{id: "U5", name: "send immediate", run: func(e *env) {
		lp := e.loop()
		server := udpOn(e, lp, "127.0.0.1:0", nil)
		client := udpOn(e, lp, "127.0.0.1:0", nil)
		var got []string
		server.OnRead = func(c *udp.Conn, p []byte, _ netip.AddrPort) {
			if got = append(got, string(p)); len(got) == 2 {
				c.Close()
			}
		}
		sent := 0
		for _, s := range []string{"PING", "PANG"} {
			e.no(client.WriteBuffer([]byte(s), server.LocalAddr(), func(err error) {
				e.no(err)
				if sent++; sent == 2 {
					client.Close()
				}
			}))
		}
		e.equal("done before the loop ran", sent, 0)
		e.run(lp)
		e.equal("done", sent, 2)
		e.equal("received", strings.Join(got, " "), "PING PANG")
	}},

	line{id: "U7", name: "datagram too big", run: func(e *env) {
		lp := e.loop()
		server := udpOn(e, lp, "127.0.0.1:0", nil)
		client := udpOn(e, lp, "127.0.0.1:0", nil)
		received := 0
		server.OnRead = func(c *udp.Conn, p []byte, _ netip.AddrPort) {
			received++
			e.equal("the size of what arrived", len(p), udpLargest)
			c.Close()
		}
		var ends []string
		for _, size := range []int{65536, udpLargest + 1, udpLargest} {
			e.no(client.WriteBuffer(make([]byte, size), server.LocalAddr(), func(err error) {
				if size > udpLargest {
					e.is(err, syscall.EMSGSIZE)
				} else {
					e.no(err)
					client.Close()
				}
				ends = append(ends, fmt.Sprint(size))
			}))
		}
		e.run(lp)
		e.equal("done", strings.Join(ends, " "), "65536 65508 65507")
		e.equal("received", received, 1)
	}},

	line{id: "U17", name: "send from idle does not hang", run: func(e *env) {
		// libuv sends to a documentation address (RFC 5737), which on a real
		// machine leaves it by the default route. Loopback, where nobody listens,
		// stays; in a simulated network the address is unreachable.
		to := netip.MustParseAddrPort("127.0.0.1:9")
		if e.backend.sim {
			to = netip.MustParseAddrPort("192.0.2.3:9")
		}
		const total = 1001
		lp := e.loop()
		c := udpOn(e, lp, "0.0.0.0:0", nil)
		data := make([]byte, 1024)
		sent, busy := 0, false
		var idle *loop.Hook
		idle, err := lp.NewIdle(func() {
			if busy {
				return
			}
			busy = true
			e.no(c.WriteBuffer(data, to, func(err error) {
				if err != nil {
					e.is(err, syscall.ENETUNREACH)
				}
				busy = false
				if sent++; sent == total {
					idle.Close()
					c.Close()
				}
			}))
		})
		e.no(err)
		e.no(idle.Start())
		e.run(lp)
		e.equal("sent", sent, total)
	}},

	// libuv counts buffers and refuses 0 of them. Here a datagram is one slice;
	// an empty one is a datagram without data, which UDP has. What cannot be
	// sent is refused, and done is not called.
	line{id: "U19", name: "send without a datagram", run: func(e *env) {
		lp := e.loop()
		server := udpOn(e, lp, "127.0.0.1:0", nil)
		client := udpOn(e, lp, "127.0.0.1:0", nil)
		never := func(error) { e.Error("done was called for what was refused") }
		e.is(client.WriteBuffer([]byte("x"), server.LocalAddr(), nil), os.ErrInvalid)
		e.is(client.WriteBuffer([]byte("x"), netip.AddrPort{}, never), os.ErrInvalid)
		_, err := client.WriteTo([]byte("x"), netip.AddrPort{})
		e.is(err, os.ErrInvalid)
		_, err = client.Write([]byte("x")) // not connected
		e.is(err, os.ErrInvalid)
		n, _ := client.Buffered()
		e.equal("queued", n, 0)

		received := 0
		server.OnRead = func(c *udp.Conn, p []byte, _ netip.AddrPort) {
			received++
			e.equal("bytes", len(p), 0)
			c.Close()
		}
		e.no(client.WriteBuffer(nil, server.LocalAddr(), func(err error) {
			e.no(err)
			client.Close()
		}))
		e.run(lp)
		e.equal("received", received, 1)
	}},

	// There is no try_send: Write queues, and one callback's writes are one
	// batch. What libuv's return value says, done says here: exactly the
	// datagrams that ended without an error arrive.
	line{id: "U20", name: "try send", run: func(e *env) {
		for _, n := range []int{2, 21, 45, 64, 65, 129} {
			udpCase(e, fmt.Sprint(n, " datagrams"), func(e *env) { udpBatch(e, n, -1) })
			udpCase(e, fmt.Sprint(n, " datagrams and one too big"), func(e *env) { udpBatch(e, n, n/2) })
		}
	}},
)

// udpBatch writes n datagrams at once, of which one may be too big, and holds
// what arrives against what was said to be sent.
func udpBatch(e *env, n, big int) {
	lp := e.loop()
	server := udpOn(e, lp, "127.0.0.1:0", nil)
	client := udpOn(e, lp, "127.0.0.1:0", nil)
	var got, want []int
	ended := 0
	finish := func() {
		if ended == n && len(got) == len(want) && !client.Closing() {
			client.Close()
			server.Close()
		}
	}
	server.OnRead = func(_ *udp.Conn, p []byte, _ netip.AddrPort) {
		got = append(got, int(p[0]))
		finish()
	}
	for i := range n {
		size := 100
		if i == big {
			size = 65536
		}
		p := make([]byte, size)
		p[0] = byte(i)
		e.no(client.WriteBuffer(p, server.LocalAddr(), func(err error) {
			e.equal("the order of done", ended, i)
			ended++
			if i == big {
				e.is(err, syscall.EMSGSIZE)
			} else {
				e.no(err)
				want = append(want, i)
			}
			finish()
		}))
	}
	e.run(lp)
	e.equal("arrived", fmt.Sprint(got), fmt.Sprint(want))
}
