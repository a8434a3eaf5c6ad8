package main

import (
	"encoding/binary"
	"slices"

	"example.com/pike/bench/peers/work"
	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/tcp"
)

// serve has every connection go through l, unless that is nil.
func serve(accept func(*tcp.Conn), l poller.Layer) func(*loop.Loop, []string) error {
	return func(lp *loop.Loop, args []string) error {
		addr := "127.0.0.1:0"
		if len(args) > 0 {
			addr = args[0]
		}
		ln, err := tcp.Listen(lp, addr, &tcp.Options{Layer: l})
		if err != nil {
			return err
		}
		ln.OnAccept = accept
		work.Announce("tcp", ln.LocalAddr())
		return nil
	}
}

func echo(c *tcp.Conn) {
	c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
}

// sink counts what it reads and answers the end with the count.
func sink(c *tcp.Conn) {
	var count uint64
	c.OnRead = func(_ *tcp.Conn, p []byte) { count += uint64(len(p)) }
	c.OnEOF = func(c *tcp.Conn) {
		c.Write(binary.LittleEndian.AppendUint64(nil, count))
		c.Close()
	}
}

var piece = work.Pattern(work.Piece)

// pump writes without end. It writes a piece when the system has taken the last one.
func pump(c *tcp.Conn) {
	c.OnWrite = func(c *tcp.Conn) { c.Write(piece) }
	c.Write(piece)
}

// pumpBuffers is pump without a copy, as libuv's.
func pumpBuffers(c *tcp.Conn) {
	bufs := [][]byte{piece}
	var next func(error)
	next = func(err error) {
		if err == nil {
			c.WriteBuffers(bufs, next)
		}
	}
	next(nil)
}

// burst answers each message by many small writes at once.
func burst(c *tcp.Conn) {
	small := work.Pattern(work.BurstSize)
	c.OnRead = func(c *tcp.Conn, _ []byte) {
		for range work.BurstWrites {
			c.Write(small)
		}
	}
}

var conns []*tcp.Conn // all there are, in no order

// broadcast sends each message to all connections.
func broadcast(c *tcp.Conn) {
	conns = append(conns, c)
	c.OnRead = func(_ *tcp.Conn, p []byte) {
		for _, other := range conns {
			other.Write(p)
		}
	}
	c.OnClose = func(c *tcp.Conn, _ error) {
		i := slices.Index(conns, c)
		conns[i] = conns[len(conns)-1]
		conns = conns[:len(conns)-1]
	}
}
