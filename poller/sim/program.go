package sim

import (
	"fmt"
	"iter"
	"runtime/debug"

	"example.com/pike/poller"
)

// Go starts a program on a host, which is the poller of the program's loop. The
// program runs while World.Run does. It is a coroutine that gives way to others while it
// waits in Poll, so no two programs ever run at once. If it returns an error, the world
// ends. The sockets that it has left open are closed like those of a process that exits.
//
// A host has one program at a time. When that has returned, or the host has crashed, Go
// may start another.
func (w *World) Go(h *Host, program func(h *Host) error) {
	w.owns(h)
	h.start(program, false)
}

// Daemon is Go for a program that World.Run does not wait for. When the others
// have returned its Poll returns ErrOver.
func (w *World) Daemon(h *Host, program func(h *Host) error) {
	w.owns(h)
	h.start(program, true)
}

func (h *Host) start(program func(*Host) error, daemon bool) {
	switch {
	case program == nil:
		panic("sim: no program for " + h.name)
	case h.program != nil:
		panic("sim: " + h.name + " runs a program already")
	}
	h.program, h.daemon, h.begun = program, daemon, false
	h.gone = nil // or else a Kill before it begins would pass it by
	if !daemon {
		h.w.running++
	}
	h.beginAt(h.w.now)
}

func (h *Host) beginAt(at poller.Time) {
	h.life++
	h.w.queue.push(at, evBegin, h, h.life)
}

// begin makes the coroutine; its first turn comes with that.
func (h *Host) begin(life int64) bool {
	if life != h.life || h.program == nil || h.resumed != nil {
		return false
	}
	h.m.powerOn() // which World.Go does, too
	h.begun = true
	h.paused, h.stopped = 0, stops{} // what had been was the pause of another process
	if h.chief == h {
		h.closed, h.gone, h.futile = false, nil, 0
		h.woken.Store(false)
		h.workers = nil
	}
	h.result = nil
	h.note(vBegin, 0, nil, 0, eOK)
	h.resumed, _ = iter.Pull(func(yield func(struct{}) bool) {
		h.yield = yield
		h.finished = false
		defer h.caught()
		h.result = h.program(h)
		h.finished = true
	})
	return true
}

// A panicked is what a program has panicked with, and where. The place is kept because
// iter.Pull goes on with the panic on the stack of the goroutine that resumed the program.
type panicked struct {
	host  string
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("%s: %v\n%s", p.host, p.value, p.stack) }

func (p *panicked) Unwrap() error {
	err, _ := p.value.(error)
	return err
}

// caught adds to a panic what it would lose.
func (h *Host) caught() {
	if v := recover(); v != nil {
		panic(&panicked{h.name, v, debug.Stack()})
	}
	if !h.finished {
		h.w.exit = exitPlace()
	}
}

// resume lets the program run until it waits again, or returns.
func (h *Host) resume() {
	next := h.resumed
	h.resumed = nil // if it panics it is not to be resumed again
	if _, alive := next(); alive {
		h.resumed = next
		return
	}
	h.yield = nil
	h.returned()
}

// returned clears up after a program.
func (h *Host) returned() {
	h.note(vReturn, 0, nil, 0, eOK)
	h.endThreads(ErrKilled)
	h.drop(false)
	h.m.dropLooseOf(h)
	h.closed = true
	if h.gone == ErrKilled && h.Restart > 0 {
		return // it stays the program of h
	}
	h.program = nil
	if h.chief != h {
		h.threadReturned()
		return
	}
	if !h.daemon {
		h.w.running--
	}
	if h.result != nil && h.gone == nil {
		h.w.fail(fmt.Errorf("sim: %s: %w", h.name, h.result))
	}
}

// Kill ends the process at once, as SIGKILL does. The system closes its sockets, and
// resets those with unread data. It takes effect when the code that is running now waits.
func (h *Host) Kill() { h.w.queue.push(h.w.now, evHalt, h, 0) }

// Crash takes the power from the machine. If the machine has none already, the cut that
// lasts longer decides when the power is back. Peers learn of it only if they send something
// when the machine is on again (Restart, Boot, World.Go), or if they get no answer for too
// long. Crash takes effect when the code that is running now waits.
func (h *Host) Crash() { h.loses(0) }

// Boot gives the machine its power back. Its process is then polled from outside.
func (h *Host) Boot() {
	h.m.powerOn()
	h.revive()
}

// revive lets a process that is polled from outside be polled again.
func (h *Host) revive() {
	if h.program == nil {
		h.closed, h.gone, h.futile, h.paused, h.stopped = false, nil, 0, 0, stops{}
		h.woken.Store(false)
	}
}

// loses is Crash, and the power comes back after span if that is not 0.
func (h *Host) loses(span poller.Time) { h.w.queue.push(h.w.now, evPowerOff, h, int64(span)) }

// powerOff takes the power away for a span, 0 for as long as Restart says. If there is
// none already, the longer cut decides.
func (m *machine) powerOff(span poller.Time) {
	if span == 0 {
		span = m.restart()
	}
	until := poller.Never
	if span > 0 {
		until = m.w.now + span
	}
	m.lose()
	if until <= m.offUntil {
		return
	}
	if m.offUntil = until; until != poller.Never {
		m.w.queue.push(until, evCall, call(func() { m.backAt(until) }), 0)
	}
}

// lose takes the power away, until powerOn.
func (m *machine) lose() {
	if m.off {
		return
	}
	m.off, m.offUntil = true, 0
	m.first.note(vOff, 0, nil, 0, eOK)
	for _, h := range m.hosts {
		h.halt(true)
		h.life++ // without power a process that was killed before does not begin again
	}
	m.dropLoose()
	clear(m.ports)
}

// backAt is the end of a cut of the power, if no other has taken its place.
func (m *machine) backAt(until poller.Time) {
	if m.off && m.offUntil == until && m.held == 0 {
		m.powerOn()
	}
}

// hold is a cut of the power by an act of Nemesis, and release its end.
func (m *machine) hold() {
	m.held++
	m.lose()
}

func (m *machine) release() {
	if m.held--; m.held == 0 && m.off && m.offUntil <= m.w.now {
		m.powerOn()
	}
}

// restart is how long the machine takes to start again after a crash: as long as the
// first of its processes that does.
func (m *machine) restart() poller.Time {
	for _, h := range m.hosts {
		if h.Restart > 0 {
			return poller.Time(h.Restart)
		}
	}
	return 0
}

func (m *machine) powerOn() {
	if !m.off {
		return
	}
	m.off = false
	m.first.note(vOn, 0, nil, 0, eOK)
	for _, h := range m.hosts {
		if h.program != nil && h.resumed == nil {
			h.beginAt(m.w.now)
		}
	}
}

// halt ends the process. If vanish, its sockets do so without telling peers.
func (h *Host) halt(vanish bool) {
	if h.gone != nil || h.closed && h.program == nil {
		return
	}
	h.note(vKilled, 0, nil, 0, eOK)
	h.gone = ErrKilled
	h.endThreads(ErrKilled)
	h.drop(vanish)
	h.life++ // a program that was to begin does not
	switch {
	case h.resumed != nil:
		h.resume()
	case h.program != nil:
		h.returned()
	case h.waiting:
		h.schedule(h.w.now) // it is polled from outside, and is to learn it
	}
	if h.program != nil && !vanish {
		h.beginAt(h.w.now + poller.Time(h.Restart))
	}
}

// over has the program return because the world has ended.
func (h *Host) over() {
	if h.gone == nil {
		h.gone = ErrOver
	}
	h.endThreads(h.gone)
	h.drop(false)
	if h.resumed != nil {
		h.resume()
	}
	h.program = nil
}

// leaving is what Poll returns to a program that is to return.
func (h *Host) leaving() error {
	if h.futile++; h.futile > 1000 {
		panic(fmt.Sprintf("sim: %s goes on polling after %v", h.name, h.gone))
	}
	return h.gone
}
