//go:build !kqfake

// The model of kqueue allocates.

package tlslayer_test

import (
	"testing"

	"example.com/pike/loop"
	"example.com/pike/stream/tlslayer"
	"example.com/pike/tcp"
)

// trips returns what sends size bytes through TLS to an echo, and waits until they are back.
func trips(t testing.TB, o *tlslayer.Options) (trip func(size int)) {
	t.Helper()
	server, client := configs(t)
	server.DynamicRecordSizingDisabled, client.DynamicRecordSizingDisabled = true, true
	lp, err := loop.New(loop.Options{})
	no(t, err)
	t.Cleanup(func() { lp.Close() })
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
	message := make([]byte, 100<<10)
	return func(size int) {
		got = 0
		c.Write(message[:size])
		for got < size {
			if _, err := lp.RunOnce(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestAllocations has a message of each size go to an echo and back. A record that is received costs one allocation,
// of crypto/tls (Conn.readFromUntil), and one that is sent costs none.
func TestAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	trip := trips(t, &tlslayer.Options{OnLoop: true})
	for _, size := range []int{1, 64, 16 << 10, 100 << 10} {
		for range 20 {
			trip(size) // buffers find their places
		}
		records := 2 * ((size + 16<<10 - 1) / (16 << 10))
		// An echo of much sends what it has received at once, in records that are less full.
		if n := testing.AllocsPerRun(100, func() { trip(size) }); n > float64(records) && size <= 16<<10 || n > 3*float64(records) {
			t.Errorf("a round trip of %d bytes allocates %v times, for %d records", size, n, records)
		}
	}
}

// BenchmarkEcho is a message of 64 bytes through TLS to an echo and back: four records, both ends on one loop.
func BenchmarkEcho(b *testing.B) {
	for _, way := range []struct {
		name string
		own  bool
	}{{"crypto-tls", false}, {"own-records", true}} {
		b.Run(way.name, func(b *testing.B) {
			trip := trips(b, &tlslayer.Options{OnLoop: true, OwnRecords: way.own})
			b.ReportAllocs()
			for b.Loop() {
				trip(64)
			}
		})
	}
}
