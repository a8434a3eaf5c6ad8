package netconn

import (
	"io"

	"example.com/pike/stream"
)

// Read reads what has arrived, and waits for something if nothing has. At the peer's end it is io.EOF.
func (n *Conn) Read(p []byte) (int, error) {
	r := &n.read
	r.turn.Lock()
	defer r.turn.Unlock()
	n.enter()
	n.mu.Lock()
	if !n.closed && len(p) == 0 { // before the deadline, as package net does
		n.mu.Unlock()
		return 0, nil
	}
	err := n.refuses(r)
	if err == nil && n.in.len > 0 {
		return n.readKept(p), nil
	}
	r.p, r.n = p, 0
	for err == nil && r.n == 0 {
		if err = r.err; err == nil {
			n.wait(r)
			if r.n == 0 { // else it is taken from the connection already
				err = n.refuses(r)
			}
		}
	}
	r.p = nil
	got := r.n
	n.mu.Unlock()
	switch {
	case got > 0:
		return got, nil
	case err == io.EOF:
		return 0, io.EOF
	}
	return 0, n.fail("read", err)
}

// readKept reads what has come while nobody read, and unlocks.
func (n *Conn) readKept(p []byte) int {
	got := n.in.read(p)
	if n.paused && n.in.len <= resumeAt {
		n.paused, n.resume = false, true
		n.askAndUnlock()
	} else {
		n.mu.Unlock()
	}
	return got
}

// received is OnRead.
func (n *Conn) received(c *stream.Conn, p []byte) {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return
	}
	r := &n.read
	waits := len(r.p) > 0 && n.in.len == 0
	if waits {
		got := copy(r.p[r.n:], p)
		r.n += got
		p = p[got:]
	}
	n.in.write(p)
	if n.in.len >= pauseAt {
		n.paused = true
		c.PauseRead()
	}
	n.mu.Unlock()
	if waits {
		r.cond.Signal()
		n.b.handOver()
	}
}

// eof is OnEOF.
func (n *Conn) eof(*stream.Conn) {
	n.mu.Lock()
	n.read.end(io.EOF)
	n.mu.Unlock()
	n.b.handOver()
}
