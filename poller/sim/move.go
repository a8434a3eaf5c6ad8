package sim

import (
	"errors"
	"net"
	"os"
	"slices"
	"syscall"

	"example.com/pike/poller"
)

// Streams go from one process of a machine to another, as they go from one poller of a process to
// another in a real one. What was detached is its process's until another has it: a process that is
// killed meanwhile takes it along. It is the machine's if the poller was closed in order, as then the process goes on.

// Detach takes s out of its poller.
func (s *stream) Detach() error {
	switch {
	case s.closed:
		return net.ErrClosed
	case s.away, s.dialing, s.parcel != nil:
		return os.NewSyscallError("detach", syscall.EBUSY)
	}
	h := s.h
	s.started, s.awaits, s.away = false, false, true
	if s.queued {
		s.queued = false
		is := func(e endpoint) bool { return e == endpoint(s) }
		h.ready = slices.DeleteFunc(h.ready, is)
		if i := slices.IndexFunc(h.told, is); i >= 0 { // which deliver goes through
			h.told[i] = nil
		}
	}
	if s.handler == nil {
		h.left = s
	}
	h.note(vDetached, s.id, &s.peer, 0, eOK)
	return nil
}

// Attach takes a stream that has left another poller of the machine.
func (h *Host) Attach(st poller.Stream, owner poller.StreamHandler) error {
	s, ok := st.(*stream)
	switch {
	case !ok || s.h.m != h.m:
		return errors.ErrUnsupported
	case s.closed, h.closed, h.gone != nil:
		return net.ErrClosed
	case !s.away:
		return os.NewSyscallError("attach", syscall.EBUSY)
	}
	s.leave()
	s.away = false
	s.h, s.at = h, int32(len(h.sockets))
	h.sockets = append(h.sockets, s)
	if owner != nil {
		s.handler = owner
	}
	h.note(vAttached, s.id, &s.peer, 0, eOK)
	s.wake()
	return nil
}

// leave takes a detached stream from who has it now.
func (s *stream) leave() {
	m := s.h.m
	if i := slices.Index(m.loose, s); i >= 0 {
		m.loose = slices.Delete(m.loose, i, i+1)
	} else {
		s.remove()
	}
}

// discard is Close of a stream that no poller has.
func (s *stream) discard() {
	s.closed = true
	s.h.note(vClose, s.id, &s.peer, 0, eOK)
	s.leave()
	s.drop(false, s.reset || s.opt.linger == 0)
	s.busy, s.held, s.bufs, s.left = false, nil, nil, 0
}

// letGo makes what was detached the machine's.
func (h *Host) letGo() {
	for _, e := range slices.Clone(h.sockets) {
		if s, ok := e.(*stream); ok && s.away {
			s.remove()
			h.m.loose = append(h.m.loose, s)
		}
	}
}

// dropLooseOf is when a process is gone.
func (m *machine) dropLooseOf(h *Host) {
	for _, s := range slices.Clone(m.loose) {
		if s.h.chief == h {
			m.loose = slices.DeleteFunc(m.loose, func(o *stream) bool { return o == s })
			s.abandon(false)
		}
	}
}

// dropLoose is when the machine has lost its power.
func (m *machine) dropLoose() {
	loose := m.loose
	m.loose = nil
	for _, s := range loose {
		s.abandon(true)
	}
}

var (
	_ poller.Detacher = (*stream)(nil)
	_ poller.Attacher = (*Host)(nil)
)
