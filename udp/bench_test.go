package udp_test

import (
	"net/netip"
	"testing"

	"example.com/pike/udp"
)

// benchRun is how many datagrams these benchmarks write at once: a little more than
// the system takes as one.
const benchRun = 64

// BenchmarkSend is 1 KiB datagrams to one peer, which does not read them: what
// does not fit there is dropped when it arrives.
func BenchmarkSend(b *testing.B) {
	payload := make([]byte, 1024)
	done := func(error) {}
	for _, way := range []struct {
		name  string
		o     *udp.Options
		write func(c *udp.Conn, to netip.AddrPort)
	}{
		{"WriteTo", nil, func(c *udp.Conn, to netip.AddrPort) { c.WriteTo(payload, to) }},
		{"WriteBuffer", nil, func(c *udp.Conn, to netip.AddrPort) { c.WriteBuffer(payload, to, done) }},
		{"WriteTo, no offload", &udp.Options{NoOffload: true}, func(c *udp.Conn, to netip.AddrPort) { c.WriteTo(payload, to) }},
	} {
		b.Run(way.name, func(b *testing.B) {
			lp := newLoop(b)
			sink, c := listen(b, lp, anyV4, nil), listen(b, lp, anyV4, way.o)
			no(b, sink.PauseRead())
			to := sink.LocalAddr()
			b.ReportAllocs()
			b.SetBytes(int64(len(payload)))
			b.ResetTimer()
			for n := 0; n < b.N; n += benchRun {
				for range benchRun {
					way.write(c, to)
				}
				lp.RunNoWait()
			}
		})
	}
}

// BenchmarkTransfer is 1 KiB datagrams from one socket to another on the same
// loop: sending and receiving together.
func BenchmarkTransfer(b *testing.B) {
	payload := make([]byte, 1024)
	for _, way := range []struct {
		name  string
		o     *udp.Options
		batch bool
	}{
		{"OnRead", nil, false},
		{"OnReadBatch", nil, true},
		{"OnRead, no offload", &udp.Options{NoOffload: true}, false},
	} {
		b.Run(way.name, func(b *testing.B) {
			lp := newLoop(b)
			sink, c := listen(b, lp, anyV4, way.o), listen(b, lp, anyV4, way.o)
			got := 0
			sink.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { got++ }
			if way.batch {
				sink.OnReadBatch = func(_ *udp.Conn, ms []udp.Message) {
					for i := range ms {
						got += ms[i].Count()
					}
				}
			}
			to := sink.LocalAddr()
			b.ReportAllocs()
			b.SetBytes(int64(len(payload)))
			b.ResetTimer()
			for n := 0; n < b.N; n += benchRun {
				for range benchRun {
					c.WriteTo(payload, to)
				}
				for want := n + benchRun; got < want; {
					lp.RunNoWait()
				}
			}
		})
	}
}

// BenchmarkPummel is libuv's: 45-byte datagrams, one outstanding for each sender,
// which sends the next when the system has taken one.
func BenchmarkPummel(b *testing.B) {
	for _, pairs := range []struct {
		name string
		n    int
	}{{"1v1", 1}, {"10v10", 10}} {
		b.Run(pairs.name, func(b *testing.B) {
			lp := newLoop(b)
			payload := []byte("RANG TANG DING DONG I AM THE JAPANESE SANDMAN")
			sent, received := 0, 0
			for range pairs.n {
				r, s := listen(b, lp, anyV4, nil), listen(b, lp, anyV4, nil)
				to := r.LocalAddr()
				r.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { received++ }
				var done func(error)
				done = func(error) {
					sent++
					s.WriteBuffer(payload, to, done)
				}
				s.WriteBuffer(payload, to, done)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for sent < b.N {
				lp.RunNoWait()
			}
			if received < sent/2 {
				b.Errorf("%d of %d were received", received, sent)
			}
		})
	}
}
