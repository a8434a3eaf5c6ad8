package sim

import (
	"os"
	"syscall"
	"time"

	"example.com/pike/poller"
)

// stops are what keeps a process from running besides the fault Pause.
type stops struct {
	until  poller.Time // by Host.Pause
	signal bool        // by SIGSTOP
	acts   int         // acts of Nemesis that last
	jobs   []*job      // that wait for the process to go on
}

func (s *stops) any() bool { return s.until != 0 || s.signal || s.acts > 0 }

// Pause keeps the process from running for d, as SIGSTOP does until SIGCONT: no callback and no job of it begins.
// Its system goes on and acknowledges what comes. If it is paused already, the pause that lasts longer decides. Pause
// takes effect when the code that is running now waits. What d is not positive pauses nobody.
func (h *Host) Pause(d time.Duration) {
	h = h.chief
	until := h.w.now.Add(d)
	if until <= max(h.w.now, h.stopped.until) || h.gone != nil || h.closed {
		return
	}
	h.stopped.until = until
	how, n := label("for " + clock(until-h.w.now))
	h.note(vPaused, 0, how, n, eOK)
	h.w.queue.push(until, evCall, call(func() {
		if h.stopped.until == until {
			h.stopped.until = 0
			h.goOn()
		}
	}), 0)
}

// stops reports whether h may not run at a time.
func (h *Host) stops(at poller.Time) bool {
	c := h.chief
	return at < h.paused || at < c.stopped.until || c.stopped.signal || c.stopped.acts > 0
}

// goOn ends a pause of the whole process, if no other lasts. h is its chief.
func (h *Host) goOn() {
	w := h.w
	if h.gone != nil || h.closed || h.stops(w.now) {
		return
	}
	h.note(vResumed, 0, nil, 0, eOK)
	for _, j := range h.stopped.jobs {
		w.queue.push(w.now, evCall, j, 0)
	}
	h.stopped.jobs = nil
	h.process(func(t *Host) {
		if w.now >= t.paused {
			t.paused = 0
		}
		if t.waiting && t.roused && !t.stops(w.now) {
			t.schedule(w.now)
		}
	})
}

// obeys carries out what the system does with a signal, without the process.
func (h *Host) obeys(s os.Signal) bool {
	switch {
	case s == stopSignal:
		if !h.stopped.signal {
			h.stopped.signal = true
			how, n := label("by " + s.String())
			h.note(vPaused, 0, how, n, eOK)
		}
	case s == continueSignal && h.stopped.signal:
		h.stopped.signal = false
		h.goOn()
		return false // a process may listen for it
	case s == syscall.SIGKILL && h.stops(h.w.now):
		h.Kill()
	default:
		return false
	}
	return true
}
