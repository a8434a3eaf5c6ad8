//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"errors"
	"net"
	"os"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// PeerCred asks the system who has the other end. Of a TCP socket it would answer too, with nobody.
func (s *stream) PeerCred() (poller.Cred, error) {
	switch {
	case s.is(closing):
		return poller.Cred{}, net.ErrClosed
	case !s.local():
		return poller.Cred{}, errors.ErrUnsupported
	}
	c, err := sys.PeerCred(s.fd)
	return c, os.NewSyscallError("getsockopt", err)
}
