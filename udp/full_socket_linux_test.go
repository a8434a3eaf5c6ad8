package udp_test

import (
	"fmt"
	"net/netip"
	"testing"

	"example.com/pike/udp"
)

// TestFullSocket has a send buffer of the system fill up. Loopback takes what
// is sent at once, so that takes a network of our own whose loopback is slow.
func TestFullSocket(t *testing.T) {
	runChild(t, "TestFullSocketChild",
		"ip link set lo up && tc qdisc add dev lo root tbf rate 40mbit burst 16kb latency 1s", "unshare", "-rn")
}

func TestFullSocketChild(t *testing.T) {
	needChild(t)
	for _, ends := range []string{"OnWrite", "Close", "Abort"} {
		t.Run(ends, func(t *testing.T) { fullSocket(t, ends) })
	}
}

func fullSocket(t *testing.T, ends string) {
	const n, size = 200, 1000
	lp := newLoop(t)
	server := listen(t, lp, anyV4, nil)
	client := listen(t, lp, anyV4, &udp.Options{WriteBuffer: 1}) // the least there is
	var got, sent, dropped, writes int
	closed := false
	finish := func() { // what is behind the bottleneck still comes, and nothing else
		if closed && got == sent {
			soon(t, lp, func() { server.Close() })
		}
	}
	server.OnRead = func(_ *udp.Conn, p []byte, _ netip.AddrPort) {
		equal(t, "datagram", string(p[:4]), fmt.Sprintf("%04d", got))
		equal(t, "size", len(p), size)
		got++
		finish()
	}
	client.OnWrite = func(c *udp.Conn) {
		writes++
		c.Close()
	}
	client.OnClose = func(*udp.Conn) {
		equal(t, "ended", sent+dropped, n)
		closed = true
		finish()
	}
	for i := range n {
		p := append([]byte(fmt.Sprintf("%04d", i)), make([]byte, size-4)...)
		no(t, client.WriteBuffer(p, server.LocalAddr(), func(err error) {
			equal(t, "the datagram that ended", i, sent+dropped)
			if err == nil {
				sent++
			} else {
				dropped++
			}
		}))
	}
	_, err := lp.RunNoWait()
	no(t, err)
	left, bytes := client.Buffered()
	if left == 0 || bytes != left*size {
		t.Errorf("%d datagrams, %d bytes are queued behind a full socket", left, bytes)
	}
	switch ends {
	case "Close":
		no(t, client.Close())
	case "Abort":
		no(t, client.Abort())
	}
	run(t, lp)
	equal(t, "received", got, sent)
	if turns := lp.Metrics().Turns; turns > 5*n {
		t.Errorf("%d turns for %d datagrams", turns, n)
	}
	switch ends {
	case "OnWrite":
		equal(t, "calls of OnWrite", writes, 1)
		equal(t, "sent", sent, n)
	case "Close":
		equal(t, "sent", sent, n)
	case "Abort":
		if sent == 0 || dropped == 0 {
			t.Errorf("%d sent, %d dropped", sent, dropped)
		}
	}
}
