package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"sync"

	"example.com/pike/bench/peers/work"
)

func echo(conn net.Conn) {
	p := make([]byte, *size)
	for {
		n, err := conn.Read(p)
		if err != nil {
			return
		}
		if _, err := conn.Write(p[:n]); err != nil {
			return
		}
	}
}

// echoFrames answers each frame by a Write, and so by a system call.
func echoFrames(conn net.Conn) {
	r := bufio.NewReaderSize(conn, *size)
	p := make([]byte, *frame)
	for {
		if _, err := io.ReadFull(r, p); err != nil {
			return
		}
		if _, err := conn.Write(p); err != nil {
			return
		}
	}
}

// echoBuffered answers each frame by a Write to a buffer, which it flushes when there is nothing more to answer.
func echoBuffered(conn net.Conn) {
	r, w := bufio.NewReaderSize(conn, *size), bufio.NewWriterSize(conn, *size)
	p := make([]byte, *frame)
	for {
		if _, err := io.ReadFull(r, p); err != nil {
			return
		}
		w.Write(p)
		if r.Buffered() < len(p) {
			if err := w.Flush(); err != nil {
				return
			}
		}
	}
}

// sink counts what it reads and answers the end with the count.
func sink(conn net.Conn) {
	p := make([]byte, *size)
	var count uint64
	for {
		n, err := conn.Read(p)
		count += uint64(n)
		if err != nil {
			break
		}
	}
	conn.Write(binary.LittleEndian.AppendUint64(nil, count))
}

func pump(conn net.Conn) {
	p := work.Pattern(work.Piece)
	for {
		if _, err := conn.Write(p); err != nil {
			return
		}
	}
}

func burst(conn net.Conn) { burstTo(conn, conn, func() error { return nil }) }

func burstBuffered(conn net.Conn) {
	w := bufio.NewWriter(conn)
	burstTo(conn, w, w.Flush)
}

func burstTo(conn net.Conn, w io.Writer, flush func() error) {
	trigger, p := make([]byte, 8), work.Pattern(work.BurstSize)
	for {
		if _, err := io.ReadFull(conn, trigger); err != nil {
			return
		}
		for range work.BurstWrites {
			if _, err := w.Write(p); err != nil {
				return
			}
		}
		if flush() != nil {
			return
		}
	}
}

var everyone = struct {
	sync.Mutex
	conns map[net.Conn]struct{}
}{conns: map[net.Conn]struct{}{}}

func join(conn net.Conn) {
	everyone.Lock()
	defer everyone.Unlock()
	everyone.conns[conn] = struct{}{}
}

// broadcast sends each message to all connections that have joined.
func broadcast(conn net.Conn) {
	defer func() {
		everyone.Lock()
		delete(everyone.conns, conn)
		everyone.Unlock()
	}()
	p := make([]byte, *size)
	for {
		n, err := conn.Read(p)
		if err != nil {
			return
		}
		everyone.Lock()
		for c := range everyone.conns {
			c.Write(p[:n])
		}
		everyone.Unlock()
	}
}
