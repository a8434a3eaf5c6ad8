//go:build darwin || freebsd || linux || netbsd

package readiness

import (
	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// Unacked is for those who want to know that the peer has it.
func (s *stream) Unacked() int {
	if s.fd < 0 {
		return 0
	}
	return sys.Unacked(s.fd)
}

var _ poller.Acker = (*stream)(nil)
