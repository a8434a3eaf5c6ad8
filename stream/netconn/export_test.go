package netconn

// Kept is how many bytes have arrived and were not read.
func Kept(n *Conn) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.in.len
}

// Backlog is how many connections wait for Accept before the listener pauses.
const Backlog = backlog

// Holds reports whether n has a buffer.
func Holds(n *Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.in.first != nil || n.out != nil
}

// Receive is OnRead.
func Receive(n *Conn, p []byte) { n.received(n.c, p) }
