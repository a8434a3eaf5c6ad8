package layer

import (
	"errors"

	"example.com/pike/poller"
)

// A Transparent is a Base for a layer that leaves the bytes as they are, so that the
// connection can be handed over below it (poller.Releaser and poller.Duplicator): what goes on
// then, stream.Conn.NetConn say, does so without the layer.
type Transparent struct{ Base }

// Release gives the descriptor of the stream below back. While something waits in the layer, a
// handshake say, it is syscall.EBUSY.
func (t *Transparent) Release() (uintptr, error) {
	r, ok := t.Stream.(poller.Releaser)
	if t.held != nil {
		return 0, errHolds
	}
	if !ok {
		return 0, errors.ErrUnsupported
	}
	fd, err := r.Release()
	if err == nil {
		t.marks |= closed
	}
	return fd, err
}

// Duplicate is another descriptor of the socket. It fails where Release would.
func (t *Transparent) Duplicate() (uintptr, error) {
	d, ok := t.Stream.(poller.Duplicator)
	if t.held != nil {
		return 0, errHolds
	}
	if !ok {
		return 0, errors.ErrUnsupported
	}
	return d.Duplicate()
}
