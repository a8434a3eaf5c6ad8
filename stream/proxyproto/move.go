package proxyproto

import (
	"syscall"

	"example.com/pike/poller"
)

// Leave implements [poller.Mover]. What came with the header, and waits for Start, goes along.
func (s *accepted) Leave() error {
	if in := s.in; in != nil && in.due && !poller.Withdraw(in.env, in) {
		return syscall.EBUSY
	}
	err := s.Movable.Leave()
	if err != nil && s.in != nil && s.in.due {
		s.in.env.Defer(s.in)
	}
	return err
}

// Enter implements [poller.Mover].
func (s *accepted) Enter(env poller.Env) {
	s.Movable.Enter(env)
	if in := s.in; in != nil {
		if in.env = env; in.due {
			env.Defer(in)
		}
	}
}
