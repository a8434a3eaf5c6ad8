//go:build !kqfake

package poller

// NewCoarse is NewEpoll on a system that has no epoll_pwait2 (before Linux 5.11,
// or under a filter of system calls).
func NewCoarse() (Poller, error) {
	p, err := NewEpoll()
	if err == nil {
		p.(*readiness).coarse = true
	}
	return p, err
}
