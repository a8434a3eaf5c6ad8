package loop

// A Hook is a watcher of a phase of the loop: made by NewIdle, NewPrepare or
// NewCheck, and called back once a turn while it is started. All its methods
// belong to the loop's goroutine.
type Hook struct {
	Base
	list *hooks
	fn   func()

	// OnClose, if set, is called once after Close.
	OnClose func()
}

// NewIdle returns a hook that runs before the loop polls, and keeps the poll
// from waiting: for work that fills time between events.
func (l *Loop) NewIdle(fn func()) (*Hook, error) {
	if err := l.checkCaller("loop.Loop.NewIdle"); err != nil {
		return nil, err
	}
	return l.newHook(&l.idle, fn, "loop: idle")
}

// NewPrepare returns a hook that runs before the loop polls.
func (l *Loop) NewPrepare(fn func()) (*Hook, error) {
	if err := l.checkCaller("loop.Loop.NewPrepare"); err != nil {
		return nil, err
	}
	return l.newHook(&l.prepare, fn, "loop: prepare")
}

// NewCheck returns a hook that runs after the loop has polled.
func (l *Loop) NewCheck(fn func()) (*Hook, error) {
	if err := l.checkCaller("loop.Loop.NewCheck"); err != nil {
		return nil, err
	}
	return l.newHook(&l.check, fn, "loop: check")
}

func (l *Loop) newHook(list *hooks, fn func(), op string) (*Hook, error) {
	if fn == nil {
		return nil, invalid(op)
	}
	h := &Hook{list: list, fn: fn}
	if err := l.Maker().Attach(h); err != nil {
		return nil, &misuse{op, err}
	}
	return h, nil
}

// Start has the hook called back, from the next time that its phase comes. If the hook is
// started already, nothing changes. Start returns net.ErrClosed after Close.
func (h *Hook) Start() error {
	if err := h.Loop().checkCaller("loop.Hook.Start"); err != nil {
		return err
	}
	if h.Closing() {
		return errClosedHandle
	}
	if !h.Active() {
		h.setActive(true)
		h.list.add(h)
	}
	return nil
}

// Stop ends the callbacks. Start may follow.
func (h *Hook) Stop() error {
	if err := h.Loop().checkCaller("loop.Hook.Stop"); err != nil {
		return err
	}
	if h.Closing() {
		return errClosedHandle
	}
	h.list.remove(h)
	h.setActive(false)
	return nil
}

// Close stops the hook for good; OnClose follows.
func (h *Hook) Close() error {
	if err := h.Loop().checkCaller("loop.Hook.Close"); err != nil {
		return err
	}
	h.list.remove(h)
	if !h.Loop().Maker().BeginClose(h) {
		return errClosedHandle
	}
	h.Loop().Maker().EndClose(h, (*hookEnd)(h))
	return nil
}

// hookEnd keeps the upcall out of Hook's own methods.
type hookEnd Hook

func (h *hookEnd) Finished() {
	if h.OnClose != nil {
		h.Loop().Maker().Call((*Hook)(h), h.OnClose)
	}
}

// hooks are the started hooks of a phase, in the order started.
type hooks struct {
	list []*Hook // with nil where one was stopped while the phase ran
	live int
	busy bool
}

func (s *hooks) any() bool { return s.live > 0 }

func (s *hooks) add(h *Hook) {
	s.list = append(s.list, h)
	s.live++
}

func (s *hooks) remove(h *Hook) {
	for i, o := range s.list {
		if o != h {
			continue
		}
		s.live--
		if s.busy {
			s.list[i] = nil
		} else {
			s.list = append(s.list[:i], s.list[i+1:]...)
		}
		return
	}
}

// run calls each hook that was started when the phase began.
func (s *hooks) run(l *Loop) {
	if s.live == 0 {
		return
	}
	s.busy = true
	for i, n := 0, len(s.list); i < n; i++ {
		if h := s.list[i]; h != nil {
			l.tally.Callbacks++
			l.Maker().Call(h, h.fn)
		}
	}
	s.busy = false
	kept := s.list[:0]
	for _, h := range s.list {
		if h != nil {
			kept = append(kept, h)
		}
	}
	clear(s.list[len(kept):])
	s.list = kept
}
