package stream

import (
	"errors"

	"example.com/pike/poller"
)

// PeerCred is for packages of networks; unix has a PeerCred for users. It is who the peer is, asked
// of the socket below all layers.
func PeerCred(c *Conn) (poller.Cred, error) {
	if err := c.lp().Check("stream.PeerCred"); err != nil {
		return poller.Cred{}, err
	}
	if err := c.optionable(); err != nil {
		return poller.Cred{}, c.fail("get", err)
	}
	s, ok := poller.Bottom(c.s).(poller.Credentialed)
	if !ok {
		return poller.Cred{}, c.fail("get", errors.ErrUnsupported)
	}
	cred, err := s.PeerCred()
	if err != nil {
		return poller.Cred{}, c.fail("get", err)
	}
	return cred, nil
}
