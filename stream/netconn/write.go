package netconn

import (
	"syscall"

	"example.com/pike/stream"
)

// Write has p sent. It returns when the connection has taken all of it, or with what it has taken when it cannot
// go on; see the package comment. Nothing of p is kept.
func (n *Conn) Write(p []byte) (int, error) {
	w := &n.write
	w.turn.Lock()
	defer w.turn.Unlock()
	n.enter()
	n.mu.Lock()
	err := n.refusesWrite()
	switch {
	case err != nil || len(p) == 0:
		n.mu.Unlock()
	case n.out.room() >= len(p):
		if n.out == nil {
			n.out = newChunk()
		}
		n.out.write(p)
		n.askAndUnlock()
	default:
		return n.writeThrough(p)
	}
	if err != nil {
		return 0, n.fail("write", err)
	}
	return len(p), nil
}

// writeThrough has the loop take p from where it is. It unlocks.
func (n *Conn) writeThrough(p []byte) (int, error) {
	w := &n.write
	w.p = p
	n.askAndUnlock()
	n.mu.Lock()
	err := n.refusesWrite()
	for err == nil && len(w.p) > 0 {
		n.wait(w)
		err = n.refusesWrite()
	}
	left := len(w.p)
	w.p = nil
	n.mu.Unlock()
	if left == 0 {
		return len(p), nil
	}
	return len(p) - left, n.fail("write", err)
}

// refusesWrite is refuses for what is written.
func (n *Conn) refusesWrite() error {
	err := n.refuses(&n.write)
	if err == nil && n.fin {
		err = syscall.EPIPE
	}
	if err == nil {
		err = n.write.err
	}
	return err
}

// askAndUnlock has the loop call serve.
func (n *Conn) askAndUnlock() {
	ask := !n.asked && !n.ended
	n.asked = n.asked || ask
	n.mu.Unlock()
	if ask {
		n.b.add(n)
	}
}

// serve does on the loop what calls have asked for.
func (n *Conn) serve() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = false
	if n.ended {
		return
	}
	if n.resume {
		n.resume = false
		n.c.ResumeRead()
	}
	switch {
	case n.reset:
		n.c.Abort()
	case n.closed:
		n.takeOut()
		n.c.Close()
	case n.fin:
		n.takeOut()
		n.c.CloseWrite()
	default:
		n.take()
	}
}

// take gives the connection what was written, as far as there is room.
func (n *Conn) take() {
	w := &n.write
	room := queuedMost - n.c.Buffered()
	if n.out != nil && room >= n.out.to {
		room -= n.takeOut()
	}
	if n.out == nil && len(w.p) > 0 && room > 0 && w.err == nil {
		k, err := n.c.Write(w.p[:min(room, len(w.p))])
		w.p = w.p[k:]
		if err != nil {
			w.end(err)
		} else if len(w.p) == 0 {
			w.cond.Signal()
			n.b.handOver()
		}
	}
	n.full = w.err == nil && (n.out != nil || len(w.p) > 0)
}

// takeOut gives the connection what calls have left behind.
func (n *Conn) takeOut() int {
	if n.out == nil {
		return 0
	}
	k, err := n.c.Write(n.out.data[:n.out.to])
	if err != nil {
		n.write.end(err)
	}
	n.out.free()
	n.out = nil
	return k
}

// written is OnWrite.
func (n *Conn) written(*stream.Conn) {
	if !n.full {
		return
	}
	n.mu.Lock()
	if !n.closed && !n.fin {
		n.take()
	}
	n.mu.Unlock()
}
