package tlslayer

import (
	"bytes"
	"errors"
	"net"
	"syscall"
)

// Block implements [poller.Blocker]: the connection goes on as a *tls.Conn, with all that has arrived.
// The wire is its own from now on, and nothing here touches it any more.
func (s *stream) Block(below net.Conn) (net.Conn, error) {
	switch {
	case !s.is(ready), s.is(closed | failed | broken), s.is(readEnded) && !s.is(gotNotice):
		return nil, net.ErrClosed
	case s.out != nil, s.held != nil:
		return nil, syscall.EBUSY
	case s.records.own != nil: // there is no tls.Conn any more, and crypto/tls cannot make one of keys
		return nil, errors.ErrUnsupported
	}
	s.mark(released | closed)
	s.unmark(started)
	s.wire.in = bytes.Clone(s.wire.in) // in Received it is the poller's
	s.wire.nc = below
	return s.records.conn, nil
}
