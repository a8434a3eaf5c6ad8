package layer

import (
	"errors"

	"example.com/pike/poller"
)

// A Transparent is a Base for a layer that leaves the bytes as they are, so that the
// connection can be handed over below it (poller.Releaser and poller.Duplicator): what goes on
// then, stream.Conn.NetConn say, does so without the layer.
type Transparent struct{ Base }

// Release gives the descriptor of the stream below back.
func (t *Transparent) Release() (uintptr, error) {
	r, ok := t.Stream.(poller.Releaser)
	if t.keeps() {
		return 0, errKept
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

// Duplicate is another descriptor of the socket.
func (t *Transparent) Duplicate() (uintptr, error) {
	d, ok := t.Stream.(poller.Duplicator)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	return d.Duplicate()
}
