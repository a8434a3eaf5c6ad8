package layer_test

import (
	"fmt"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
	"example.com/pike/stream/layer"
	"example.com/pike/tcp"
)

// A Counter is a layer of which the program keeps the sums.
type Counter struct{ Received, Sent int64 }

// Wrap puts a counted stream over below.
func (n *Counter) Wrap(below poller.Stream, h poller.StreamHandler, at poller.Place) (poller.Stream, poller.StreamHandler) {
	s := &counted{sum: n}
	s.in = counts{s.Upcalls(), n}
	s.Init(below, h, &s.in, at)
	return s, &s.in
}

// A counted stream passes on what its owner calls, and counts what is sent. It embeds
// layer.Transparent, and not layer.Base, because it leaves the bytes as they are.
type counted struct {
	layer.Transparent
	in  counts
	sum *Counter
}

func (s *counted) Send(bufs [][]byte) (done bool) {
	for _, b := range bufs {
		s.sum.Sent += int64(len(b))
	}
	return s.Transparent.Send(bufs)
}

func (s *counted) TrySend(p []byte) int {
	n := s.Transparent.TrySend(p)
	s.sum.Sent += int64(n)
	return n
}

// Counts passes on what the stream below tells, and counts what arrives.
type counts struct {
	layer.Upcalls
	sum *Counter
}

func (c *counts) Received(p []byte, err error) {
	c.sum.Received += int64(len(p))
	c.Upcalls.Received(p, err)
}

// Write your own layer in a page: it counts bytes.
func Example() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lp.Close()
	var n Counter
	ln, err := tcp.Listen(lp, "127.0.0.1:0", &tcp.Options{Layer: &n})
	if err != nil {
		fmt.Println(err)
		return
	}
	ln.OnAccept = func(c *tcp.Conn) {
		ln.Close()
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(append(p, p...)) }
	}
	tcp.Dial(lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		if err != nil {
			fmt.Println(err)
			return
		}
		c.OnRead = stream.Discard
		c.WriteString("hello")
		c.CloseWrite()
	})
	if err := lp.Run(); err != nil {
		fmt.Println(err)
	}
	fmt.Println(n.Received, "bytes received,", n.Sent, "sent")
	// Output: 5 bytes received, 10 sent
}
