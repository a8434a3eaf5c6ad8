package udp_test

import (
	"fmt"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
)

// What the system has taken of a batch is told before the rest is taken, in order, and
// Buffered falls with it.
func TestBufferedFallsInManyWorlds(t *testing.T) {
	parts := 0
	for seed := range uint64(100) {
		w := sim.New(seed, sim.Config{Faults: sim.Faults{sim.ShortSend: 500_000}})
		lp := newLoop(t, loop.Options{Poller: w.Host("host")})
		server, client := listen(t, lp, anyV4, nil), listen(t, lp, anyV4, nil)
		const n = 50
		told := 0
		for i := range n {
			no(t, client.WriteBuffer(numbered(uint32(i), 100), server.LocalAddr(), func(err error) {
				no(t, err)
				equal(t, "ended", told, i)
				told++
			}))
		}
		for told < n {
			_, err := lp.RunOnce()
			no(t, err)
			left, bytes := client.Buffered()
			equal(t, fmt.Sprint("seed ", seed, ": datagrams queued"), left, n-told)
			equal(t, "bytes queued", bytes, 100*left)
			if 0 < left && left < n {
				parts++
			}
		}
	}
	if parts == 0 {
		t.Error("no batch was taken in parts in any world")
	}
}

func TestBuffered(t *testing.T) {
	lp := newLoop(t)
	server := listen(t, lp, anyV4, nil)
	client := listen(t, lp, anyV4, nil)
	buffered := func(what string, datagrams, bytes int) {
		t.Helper()
		n, b := client.Buffered()
		equal(t, what+": datagrams", n, datagrams)
		equal(t, what+": bytes", b, bytes)
	}
	buffered("at first", 0, 0)
	writeTo(t, client, "12345", server.LocalAddr())
	no(t, client.WriteBuffer([]byte("123"), server.LocalAddr(), func(error) { buffered("in done", 0, 0) }))
	writeTo(t, client, "", server.LocalAddr())
	buffered("queued", 3, 8)
	_, err := lp.RunNoWait()
	no(t, err)
	buffered("sent", 0, 0)
}
