package sim

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"

	"example.com/pike/poller"
)

// How long jobs take.
const (
	jobLeast = 10 * microsecond
	jobMost  = 2 * millisecond
)

// Submit has job run after a time that the seed decides. At most Config.Workers jobs of a
// process run at once. A job first takes its time, and then runs in an instant, on a
// goroutine of its own. The world stands still for it.
//
// A job may wait for something that the world has yet to do, such as a callback or another
// job. Then the world goes on without it, and the job keeps no worker. When it has what it
// waits for it goes on, in an instant again. If nothing can happen any more the world ends
// with [ErrDeadlock], and the report says where the job waits. The goroutine of such a job
// stays as long as nobody releases it.
func (h *Host) Submit(run func()) error {
	h.w.enter()
	h.w.inbox.put(func(b *inbox) { b.jobs = append(b.jobs, &job{h: h, life: h.life, run: run}) })
	return nil
}

// work finds the worker that is free first.
func (h *Host) work(j *job) {
	if h.gone != nil || h.closed {
		return
	}
	w := h.w
	c := h.chief
	if c.workers == nil {
		c.workers = make([]poller.Time, w.cfg.Workers)
	}
	first := 0
	for i, free := range c.workers {
		if free < c.workers[first] {
			first = i
		}
	}
	took := w.dice.between(dieJob, jobLeast, jobMost)
	if h.strikes(SlowJob, h.m, h.m, 0, nil) {
		took += w.span(SlowJob)
	}
	end := max(c.workers[first], w.now) + took
	c.workers[first] = end
	c.jobs++
	j.n = c.jobs
	h.note(vSubmit, 0, nil, j.n, eOK)
	w.queue.push(end, evCall, j, 0)
}

// LookupNetIP answers at once, with what World.Name and World.Host said. It is called in the
// job that looks a name up, and that job takes the time.
func (h *Host) LookupNetIP(ctx context.Context, network, name string) ([]netip.Addr, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !h.w.enter() {
		return nil, ErrOver
	}
	if ip, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{ip}, nil
	}
	to, n := label(name)
	h.w.trace.hash = mix(h.w.trace.hash, uint64(n))
	if h.strikes(LookupFail, h.m, h.m, 0, to) {
		return nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	}
	var found []netip.Addr
	for _, ip := range h.w.names[folded(name)] {
		if network == "ip" || ip.Is4() == (network == "ip4") {
			found = append(found, ip)
		}
	}
	h.note(vLookup, 0, to, int64(len(found)), eOK)
	if len(found) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return found, nil
}

// A subscription is one call of Signals.
type subscription struct {
	notify func(os.Signal)
	sigs   []os.Signal
	over   bool
}

// Signals has notify called for the signals that Host.Signal sends.
func (h *Host) Signals(notify func(os.Signal), sigs ...os.Signal) (stop func()) {
	s := &subscription{notify: notify, sigs: slices.Clone(sigs)}
	h.subs = append(h.subs, s)
	return func() {
		s.over = true
		h.subs = slices.DeleteFunc(slices.Clone(h.subs), func(o *subscription) bool { return o == s })
	}
}

// Signal sends a signal to the process. An interrupt or SIGTERM ends it if nobody
// listens. SIGKILL always ends it. SIGSTOP pauses it until SIGCONT, where the system that runs the test has these.
func (h *Host) Signal(s os.Signal) {
	if h.gone == nil && !h.closed {
		h.w.queue.push(h.w.now, evSignal, arrival{h, s}, 0)
	}
}

// An arrival is a signal on its way to a process.
type arrival struct {
	h *Host
	s os.Signal
}

func (a arrival) happen(kind, int64) {
	if a.h.gone != nil || a.h.closed || a.h.chief.obeys(a.s) {
		return
	}
	heard := false
	a.h.process(func(t *Host) {
		if t.hears(a.s) {
			heard = true
			t.signals = append(t.signals, a.s)
			t.rouse()
		}
	})
	if c := a.h.chief; !heard { // which knows what becomes of it
		c.signals = append(c.signals, a.s)
		c.rouse()
	}
}

// hears reports whether somebody on h has asked for a signal.
func (h *Host) hears(s os.Signal) bool {
	return slices.ContainsFunc(h.subs, func(sub *subscription) bool { return len(sub.sigs) == 0 || slices.Contains(sub.sigs, s) })
}

func (h *Host) deliverSignals() {
	if len(h.signals) == 0 {
		return
	}
	sigs := h.signals
	h.signals = nil
	for _, s := range sigs {
		name, n := label(s.String())
		h.note(vSignal, 0, name, n, eOK)
		heard := false
		for _, sub := range h.subs { // a copy, for stop makes a new one
			if !sub.over && s != syscall.SIGKILL && (len(sub.sigs) == 0 || slices.Contains(sub.sigs, s)) {
				heard = true
				sub.notify(s)
			}
		}
		if !heard && slices.Contains([]os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGKILL}, s) {
			h.Kill()
			return
		}
	}
}
