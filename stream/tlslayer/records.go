package tlslayer

import "crypto/tls"

// records opens and seals the records of a connection after its handshake. Nothing
// else calls crypto/tls then: ConnectionState alone is harmless. Before, a tls.Conn holds
// its locks for as long as the handshake lasts, and a call from the loop would hang it.
type records struct {
	conn *tls.Conn // nil until the handshake is over
	own  *own      // instead of conn; see Options.OwnRecords
}

// take is when the handshake is over.
func (r *records) take(h *handshake) {
	if r.own = h.own; r.own == nil {
		r.conn = h.conn
	}
}

// state is what crypto/tls says of the connection.
func (r *records) state() tls.ConnectionState {
	if r.own != nil {
		return r.own.state
	}
	return r.conn.ConnectionState()
}

// open reads the next record, or less, into p, which has room for the plaintext of one. It
// asks the wire for what has arrived; errWait is that it needs more. n bytes may come with
// an error: crypto/tls looks ahead for a close_notify. io.EOF is that, or the end of the wire.
func (r *records) open(p []byte) (n int, err error) { return r.conn.Read(p) }

// seal makes records of p, and writes them to the wire.
func (r *records) seal(p []byte) error {
	_, err := r.conn.Write(p)
	return err
}

// notify writes close_notify to the wire.
func (r *records) notify() { r.conn.CloseWrite() }
