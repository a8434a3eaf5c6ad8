//go:build !kqfake

// The model of kqueue allocates.

package tlslayer_test

import (
	"testing"

	"example.com/pike/loop"
	"example.com/pike/stream/tlslayer"
	"example.com/pike/tcp"
)

// TestAllocations has a message of each size go to an echo and back. A record that is received costs one allocation,
// of crypto/tls (Conn.readFromUntil), and one that is sent costs none.
func TestAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	server, client := configs(t)
	server.DynamicRecordSizingDisabled, client.DynamicRecordSizingDisabled = true, true
	lp, err := loop.New(loop.Options{})
	no(t, err)
	defer lp.Close()
	o := &tlslayer.Options{OnLoop: true}
	ln, err := tcp.Listen(lp, "127.0.0.1:0", serverOptions(server, o))
	no(t, err)
	ln.OnAccept = echo
	var c *tcp.Conn
	got := 0
	_, err = tcp.Dial(lp, ln.LocalAddr().String(), clientOptions(client, o), func(d *tcp.Conn, err error) {
		no(t, err)
		c = d
		c.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
	})
	no(t, err)
	for c == nil {
		_, err := lp.RunOnce()
		no(t, err)
	}
	for _, size := range []int{1, 64, 16 << 10, 100 << 10} {
		p := make([]byte, size)
		trip := func() {
			got = 0
			c.Write(p)
			for got < size {
				if _, err := lp.RunOnce(); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 20 {
			trip() // buffers find their places
		}
		records := 2 * ((size + 16<<10 - 1) / (16 << 10))
		// An echo of much sends what it has received at once, in records that are less full.
		if n := testing.AllocsPerRun(100, trip); n > float64(records) && size <= 16<<10 || n > 3*float64(records) {
			t.Errorf("a round trip of %d bytes allocates %v times, for %d records", size, n, records)
		}
	}
}
