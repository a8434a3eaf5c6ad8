package udp_test

import (
	"net/netip"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/udp"
)

// Datagrams are counted one by one, however they went: alone, with a function, as a run. What reading has
// left over is counted once.
func TestPacketsAreCounted(t *testing.T) {
	const datagrams, bytes = 5, 5 + 6 + 3*100
	w := sim.New(1, sim.Config{})
	lp := newLoop(t, loop.Options{Poller: w.Host("host")})
	c, err := udp.Listen(lp, "127.0.0.1:0", nil)
	no(t, err)
	got := 0
	c.OnRead = func(c *udp.Conn, p []byte, _ netip.AddrPort) {
		switch got++; got {
		case 2: // the rest is kept until reading goes on
			no(t, c.PauseRead())
			no(t, lp.Post(func() { no(t, c.ResumeRead()) }))
		case datagrams:
			no(t, c.Close())
		}
	}
	to := c.LocalAddr()
	_, err = c.WriteTo([]byte("alone"), to)
	no(t, err)
	no(t, c.WriteBuffer([]byte("buffer"), to, func(err error) { no(t, err) }))
	no(t, c.WriteMessage(udp.Message{Data: make([]byte, 300), Segment: 100, Peer: to}))
	run(t, lp)
	equal(t, "datagrams that came", got, datagrams)
	equal(t, "counted", lp.Metrics().Packets, loop.Traffic{BytesIn: bytes, BytesOut: bytes, MessagesIn: datagrams, MessagesOut: datagrams})
}

// What the system has no room for is queued, until it has, or until the socket has ended.
func TestQueuedPacketsAreCounted(t *testing.T) {
	for _, abort := range []bool{false, true} {
		lp, _ := newSlowLoop(t, 1)
		c, err := udp.Listen(lp, "127.0.0.1:0", nil)
		no(t, err)
		for range 4 {
			_, err = c.WriteTo(make([]byte, 10), c.LocalAddr())
			no(t, err)
		}
		for turn := range 2 {
			_, err = lp.RunNoWait()
			no(t, err)
			_, bytes := c.Buffered()
			equal(t, "queued", lp.Metrics().Packets.Queued, bytes)
			if turn == 0 && bytes == 0 {
				t.Fatal("nothing is queued")
			}
		}
		if abort {
			no(t, c.Abort())
		} else {
			no(t, c.Close())
		}
		run(t, lp)
		equal(t, "queued in the end", lp.Metrics().Packets.Queued, 0)
	}
}
