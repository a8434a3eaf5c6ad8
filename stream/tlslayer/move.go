package tlslayer

import (
	"net"
	"syscall"

	"example.com/pike/poller"
)

// Leave implements [poller.Mover]. Keys, what is sealed and what was not opened yet go along: crypto/tls is
// driven in place, and no goroutine has anything of a stream after its handshake.
func (s *stream) Leave() error {
	switch {
	case s.is(closed | released):
		return net.ErrClosed
	case s.hs != nil, s.is(reading | protecting), s.is(deferred) && !poller.Withdraw(s.env, s):
		return syscall.EBUSY
	}
	s.unmark(started | watching | onBelow)
	return nil
}

// Enter implements [poller.Mover].
func (s *stream) Enter(env poller.Env) {
	s.env, s.pool = env, poolOf(env, s.depth)
	if s.is(deferred) {
		env.Defer(s)
	}
	if s.is(gotNotice) && !s.is(wireEnded) && s.depth > 0 { // as in endRead
		if w, ok := poller.As[poller.EndWatcher](s.below); ok {
			w.WatchEnd()
		}
	}
}

var _ poller.Mover = (*stream)(nil)
