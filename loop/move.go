package loop

import (
	"net"
	"syscall"
)

// A Traveler is what a handle that goes to another loop has to do; see Maker.Move. Its methods are
// upcalls.
type Traveler interface {
	// Leave is called on the loop that the handle is on. It takes everything of the handle off that loop, to be
	// used by the goroutine of to next. An error leaves the handle as it was.
	Leave(to *Loop) error

	// Enter is called on the loop that the handle is on now, after Leave. That is the one that it came from, if
	// it cannot be on the other. An error is why it cannot be here, and leaves it as it was.
	Enter() error

	// Strand ends the handle on this loop, after an Enter that has failed, as nobody can have it.
	Strand(err error)

	// Moved says, once, how it has ended: with nil on the new loop, or with why the handle is where it was. Of
	// a handle that closes before Leave it may come after Finished.
	Moved(err error)
}

// Move has h go to another loop, or, if to is m itself, says so by Moved. It returns at once. h stays
// on m until the functions that were posted before have run. From then on it is on no loop, and all that
// is called on it is off its loop, until it is on to. What is posted about it (Maker.Post) in all that time
// comes to the loop that it is on in the end, in order.
//
// The errors are net.ErrClosed if h closes, or if to is closed; ErrShutdown; and syscall.EALREADY if
// it is on its way already. Moved is not called then. It is told later that to has been closed, or shuts down.
func (m *Maker) Move(h Handle, to *Loop, t Traveler) error {
	l, b := m.l(), h.base()
	if err := l.checkCaller("loop.Maker.Move"); err != nil {
		return err
	}
	switch {
	case b.Closing(), l.closed, to.mail.isClosed():
		return net.ErrClosed
	case l.shutdown != nil:
		return ErrShutdown
	}
	j := &journey{h: h, t: t, from: l, to: to}
	l.mail.mu.Lock()
	already := b.posts == postsHeld
	if !already {
		l.mail.hold(b)
		b.posts = postsHeld
		l.mail.add(j.depart)
	}
	l.mail.mu.Unlock()
	if already {
		return syscall.EALREADY
	}
	l.interrupt()
	return nil
}

// postState is what becomes of what is posted about a handle.
type postState uint8

const (
	postsCome   postState = iota
	postsHeld             // until it is known on which loop the handle is
	postsBarred           // because it closes
)

// Letters are what was posted about a handle that is on its way.
type letters struct {
	fns  []func()
	size int // bytes that they carry
}

func (k *letters) add(fn func(), size, most int) error {
	if size > 0 && most > 0 && k.size+size > most {
		return syscall.ENOBUFS
	}
	k.fns = append(k.fns, fn)
	k.size += size
	return nil
}

// hold begins to hold what is posted about b. It is called with the mutex, as the two below are.
func (m *mailbox) hold(b *Base) {
	if m.held == nil {
		m.held = map[*Base]*letters{}
	}
	m.held[b] = new(letters)
}

// take gives what was held.
func (m *mailbox) takeHeld(b *Base) letters {
	k := *m.held[b]
	delete(m.held, b)
	return k
}

// release posts what was held, if anything was.
func (m *mailbox) release(b *Base) {
	if b.posts != postsHeld {
		return
	}
	k := m.takeHeld(b)
	for _, fn := range k.fns {
		m.add(fn)
	}
	m.size += k.size
}

func (m *mailbox) isClosed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closed
}

// A journey is a Move. Its steps are posted functions: depart on the loop that it begins on, land on the
// other, and, if the handle cannot be there, land on the first one again.
type journey struct {
	h        Handle
	t        Traveler
	from, to *Loop
	letters  []letters // that were posted in time, before those that the mailbox of its loop holds
	active   bool      // the handle was
	back     bool      // it goes back, because of err
	landed   bool
	err      error
}

func (j *journey) depart() {
	b, from := j.h.base(), j.from
	var err error
	switch {
	case b.Closing():
		j.t.Moved(net.ErrClosed)
		return
	case j.to == from:
	case from.shutdown != nil:
		err = ErrShutdown
	default:
		err = j.t.Leave(j.to)
	}
	if err != nil || j.to == from {
		j.settle(from)
		j.t.Moved(err)
		return
	}
	j.active = b.Active()
	j.off(from)
	j.cross(from, j.to)
	j.approach(j.to)
}

// off takes the handle off l, and on puts it there.
func (j *journey) off(l *Loop) {
	b := j.h.base()
	b.setActive(false)
	l.handles.remove(b)
	if l.shutdown != nil {
		l.shutdown.detached(b)
	}
}

func (j *journey) on(l *Loop) {
	b := j.h.base()
	l.handles.add(j.h, b)
	b.setActive(j.active)
	if l.shutdown != nil {
		l.shutdown.attached(j.h, b)
	}
}

// cross makes l the loop of the handle. Whoever posts about it meanwhile finds either mailbox holding that.
func (j *journey) cross(from, to *Loop) {
	b := j.h.base()
	to.mail.mu.Lock()
	to.mail.hold(b)
	to.mail.mu.Unlock()
	from.mail.mu.Lock()
	defer from.mail.mu.Unlock()
	j.letters = append(j.letters, from.mail.takeHeld(b))
	b.lp.Store(to)
}

// settle has what was posted come to l.
func (j *journey) settle(l *Loop) {
	b, m := j.h.base(), &l.mail
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range j.letters {
		for _, fn := range k.fns {
			m.add(fn)
		}
		m.size += k.size
	}
	m.release(b)
	b.posts = postsCome
}

// approach has l call land, if it is not closed.
func (j *journey) approach(l *Loop) {
	if l.gate != nil {
		l.gate.Enter()
	}
	j.landed = false
	m := &l.mail
	m.mu.Lock()
	open := m.add(j.land)
	if open {
		m.coming = append(m.coming, j)
	}
	m.mu.Unlock()
	switch {
	case open:
		l.interrupt()
	case j.back: // both are gone, or this one is about to be
		j.cross(l, j.to)
		j.strand(j.to)
	default:
		j.cross(l, j.from)
		j.back, j.err = true, net.ErrClosed
		j.landOn(j.from)
	}
}

// land is on the loop that the handle comes to.
func (j *journey) land() {
	if j.landed { // by Close
		return
	}
	j.landed = true
	l := j.h.base().Loop()
	l.mail.arrived(j)
	j.landOn(l)
}

func (m *mailbox) arrived(j *journey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, o := range m.coming {
		if o == j {
			last := len(m.coming) - 1
			m.coming[i] = m.coming[last]
			m.coming[last] = nil
			m.coming = m.coming[:last]
			return
		}
	}
}

func (j *journey) landOn(l *Loop) {
	err := error(ErrShutdown)
	if l.shutdown == nil || j.back {
		j.on(l)
		if err = j.t.Enter(); err == nil {
			j.settle(l)
			if d, ok := j.h.(Drainer); ok && l.shutdown != nil && l.shutdown.phase != shutdownAsked {
				d.Drain() // it was not there when the others were asked
			}
			j.t.Moved(j.err)
			return
		}
		j.off(l)
	}
	if j.back {
		j.strand(l)
		return
	}
	j.back, j.err = true, err
	j.cross(l, j.from)
	j.approach(j.from)
}

// strand ends the handle on l.
func (j *journey) strand(l *Loop) {
	j.on(l)
	j.settle(l)
	j.t.Strand(j.err)
}

// takeIn is for a loop that closes: what is on its way to it has arrived.
func (l *Loop) takeIn() {
	for {
		l.mail.mu.Lock()
		if len(l.mail.coming) == 0 {
			l.mail.mu.Unlock()
			return
		}
		j := l.mail.coming[0]
		l.mail.mu.Unlock()
		j.land()
	}
}

// Withdraw takes back what Defer was given, and reports whether it was still to be flushed.
func (m *Maker) Withdraw(f Flusher) bool {
	l := m.l()
	if l.checkCaller("loop.Maker.Withdraw") != nil {
		return false
	}
	for _, list := range [][]Flusher{l.deferred.rest(), l.deferred.next} {
		for i, o := range list {
			if o == f {
				list[i] = withdrawn{}
				return true
			}
		}
	}
	return false
}

// withdrawn stands for what was taken back.
type withdrawn struct{}

func (withdrawn) Flush() {}
