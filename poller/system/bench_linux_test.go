package system_test

import (
	"testing"

	"example.com/pike/poller"
	"example.com/pike/poller/system"
)

func benchPoller(b *testing.B) poller.Poller {
	p, err := system.Open("")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Close() })
	return p
}

// BenchmarkEcho is a message there and back between two sockets of one poller.
func BenchmarkEcho(b *testing.B) {
	p := benchPoller(b)
	a, z := pair(b, p, local)
	message, echo := [][]byte{make([]byte, 64)}, make([][]byte, 1)
	got := 0
	z.received = func(p []byte, _ error) {
		echo[0] = p
		z.Send(echo)
	}
	a.received = func(p []byte, _ error) { got += len(p) }
	a.Start()
	z.Start()
	b.ReportAllocs()
	for b.Loop() {
		a.Send(message)
		for got = 0; got < 64; {
			p.Poll(poller.Never)
		}
	}
}

// BenchmarkPoll is a poll that finds nothing and does not wait.
func BenchmarkPoll(b *testing.B) {
	p := benchPoller(b)
	b.ReportAllocs()
	for b.Loop() {
		p.Poll(0)
	}
}

// BenchmarkWake is a wake-up, and the poll that it ends.
func BenchmarkWake(b *testing.B) {
	p := benchPoller(b)
	b.ReportAllocs()
	for b.Loop() {
		p.Wake()
		p.Poll(poller.Never)
	}
}
