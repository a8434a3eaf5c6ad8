//go:build !kqfake

// It uses crowd of cost_test.go; figures of the model would tell nothing.

package stream_test

import (
	"fmt"
	"testing"

	"example.com/pike/tcp"
)

// turn runs a turn of the loop.
func (r *rig) turn() {
	if _, err := r.lp.RunNoWait(); err != nil {
		r.Fatal(err)
	}
}

// BenchmarkEcho is a message there and back, both ends on one loop: two sends, two receives, and the turns they take.
func BenchmarkEcho(b *testing.B) {
	for _, size := range []int{64, 16 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			r := newRig(b)
			client, server := r.pair()
			back := 0
			server.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
			client.OnRead = func(_ *tcp.Conn, p []byte) { back += len(p) }
			message := make([]byte, size)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				client.Write(message)
				for want := back + size; back < want; {
					r.turn()
				}
			}
		})
	}
}

// BenchmarkFrames is 16 writes that leave as one send.
func BenchmarkFrames(b *testing.B) {
	r := newRig(b)
	client, server := r.pair()
	heard := 0
	server.OnRead = func(_ *tcp.Conn, p []byte) { heard += len(p) }
	frame := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		for range 16 {
			client.Write(frame)
		}
		for want := heard + 16*len(frame); heard < want; {
			r.turn()
		}
	}
}

// BenchmarkBroadcast is a message to 400 connections, and its arrival.
func BenchmarkBroadcast(b *testing.B) {
	r := newRig(b)
	all, heard := r.crowd(400)
	message := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		for _, c := range all {
			c.Write(message)
		}
		for want := *heard + len(all)*len(message); *heard < want; {
			r.turn()
		}
	}
}

// BenchmarkAccept is a connection made, accepted and closed.
func BenchmarkAccept(b *testing.B) {
	r := newRig(b)
	closed := 0
	ln := r.listen(nil, func(c *tcp.Conn) {
		c.OnClose = func(*tcp.Conn, error) { closed++ }
	})
	b.ReportAllocs()
	for b.Loop() {
		c := r.dial(ln, nil)
		c.Close()
		for want := closed + 1; closed < want; {
			r.turn()
		}
	}
}
