package sim

import (
	"fmt"

	"example.com/pike/poller"
)

// A thread is a Host that has no process of its own: one more poller and one more program of the process of
// another Host, its chief. Threads share the addresses, the descriptors, the workers and the signals of the
// process, and end with it.

// OpenThread opens one more poller of the process of h, for a loop of its own: see poller.Spawner.
func (h *Host) OpenThread() (poller.Poller, error) {
	c := h.chief
	if c.gone != nil || c.closed {
		return nil, eBADF.of("poller")
	}
	for _, t := range c.threads {
		if t.closed && t.program == nil {
			t.renew()
			return t, nil
		}
	}
	t := h.w.process(h.m, fmt.Sprintf("%s#%d", c.name, len(c.threads)+1))
	t.chief = c
	c.threads = append(c.threads, t)
	t.renew()
	return t, nil
}

// renew makes a thread one that has not begun.
func (h *Host) renew() {
	h.UID, h.GID = h.chief.UID, h.chief.GID
	h.closed, h.gone, h.futile, h.events = false, nil, 0, 0
	h.marks, h.waits, h.explain, h.paused = nil, nil, nil, 0
	h.woken.Store(false)
	h.life++
}

// Spawn runs run as the program of a thread: see poller.Spawner.
func (h *Host) Spawn(p poller.Poller, run func()) (wait func()) {
	t, ok := p.(*Host)
	if !ok || t == t.chief || t.chief != h.chief || t.program != nil {
		panic("sim: Spawn of what is no thread of " + h.name + ", or runs already")
	}
	if t.gone != nil {
		return func() {}
	}
	t.program, t.daemon, t.begun = func(*Host) error { run(); return nil }, true, true
	t.beginAt(h.w.now)
	return func() { h.join(t) }
}

// join waits for the end of a thread.
func (h *Host) join(t *Host) {
	for t.program != nil {
		if h.gone != nil || h.w.err != nil { // nobody but h can end it now
			t.leave(h.why())
			return
		}
		h.joins = t
		h.woken.Store(false) // whatever it was for, its loop has ended
		h.wait(poller.Never)
		h.joins = nil
		if h.marks != nil {
			h.marks.Store(poller.Awake)
		}
	}
}

// why is why h cannot go on.
func (h *Host) why() error {
	if h.gone != nil {
		return h.gone
	}
	return h.w.err
}

// leave has a thread return, because its process is gone.
func (h *Host) leave(why error) {
	if h.gone == nil {
		h.gone = why
		h.drop(why == ErrKilled && h.m.off)
	}
	h.life++
	switch {
	case h.resumed != nil:
		h.resume()
	case h.program != nil:
		h.returned()
	}
}

// endThreads ends the threads of a process, before or after its own program has.
func (h *Host) endThreads(why error) {
	for _, t := range h.threads {
		if t.program != nil || !t.closed {
			t.leave(why)
			t.closed = true
		}
	}
}

// threadReturned tells the chief, which may wait for it.
func (h *Host) threadReturned() {
	if c := h.chief; c.joins == h {
		c.rouse()
	}
}

// process calls f for all threads of the process, the chief first.
func (h *Host) process(f func(t *Host)) {
	f(h.chief)
	for _, t := range h.chief.threads {
		f(t)
	}
}
