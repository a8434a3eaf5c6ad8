package loop

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"example.com/pike/poller"
)

// A mailbox is the queue of posted functions. Two slices and a mutex: what is
// being run and what is being filled, so that posting allocates nothing but the
// caller's closure.
type mailbox struct {
	mu     sync.Mutex
	in     []func()
	closed bool
	held   map[*Base]*letters // of handles on their way to another loop; see journey
	coming []*journey         // to this loop
	size   int                // bytes that the functions of in carry
	most   int                // size may be, if that is not 0
	filled atomic.Bool        // in is not empty
	clock  poller.Timekeeper  // nil if nobody but the loop may ask its poller
	since  poller.Time        // when in was filled

	panics []*PanicError // of jobs, whose outcome is in the mail
	member *member       // of a Group, which counts mailboxes that are not empty; nil if it is of none

	out   []func() // the loop's own, from next on
	next  int
	large bool // one of the two is
}

// Post has fn called on the loop, in the order posted, one call for each Post;
// what posted functions post comes in the next turn.
// Any goroutine may call it, also while the loop is not running: fn then waits
// for the next Run, and keeps it alive. It wakes the loop only if it sleeps. It
// returns net.ErrClosed after Close, when fn will not be called, and
// os.ErrInvalid for a nil fn.
func (l *Loop) Post(fn func()) error {
	if fn == nil {
		return invalid("loop: post")
	}
	if l.gate != nil {
		l.gate.Enter()
	}
	if !l.mail.put(fn) {
		return &misuse{"loop: post", net.ErrClosed}
	}
	l.interrupt()
	return nil
}

// Post is Loop.Post of what is about a handle: it returns net.ErrClosed from when the
// handle begins to close, too. size is how many bytes fn carries. Where more would wait for
// the loop than LimitPosts allows, fn is not posted, and Post returns syscall.ENOBUFS. Its
// errors name nothing. Any goroutine may call it. Of a handle that goes to another loop (Move) fn goes along.
func (m *Maker) Post(h Handle, fn func(), size int) error {
	b := h.base()
	for l := m.l(); ; l = b.Loop() {
		if l.gate != nil {
			l.gate.Enter()
		}
		if here, err := l.mail.putFor(l, b, fn, size); here {
			if err == nil {
				l.interrupt()
			}
			return err
		}
	}
}

// LimitPosts bounds how many bytes may wait in Maker.Post until the loop takes them; 0,
// as from the start, is no bound. The loop takes all that waits at a time, and those do not
// count while it is at them.
func (m *Maker) LimitPosts(bytes int) {
	l := m.l()
	if l.checkCaller("loop.Maker.LimitPosts") != nil {
		return
	}
	l.mail.mu.Lock()
	defer l.mail.mu.Unlock()
	l.mail.most = bytes
}

// putFor posts fn to l, whose mailbox m is. It is not here that it belongs if b is on another loop by now.
func (m *mailbox) putFor(l *Loop, b *Base, fn func(), size int) (here bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.Loop() != l {
		return false, nil
	}
	if b.posts == postsHeld {
		return true, m.held[b].add(fn, size, m.most)
	}
	switch {
	case b.posts == postsBarred || m.closed:
		return true, net.ErrClosed
	case size > 0 && m.most > 0 && m.size+size > m.most:
		return true, syscall.ENOBUFS
	}
	m.add(fn)
	m.size += size
	return true, nil
}

// bar has no more posted about a handle. What was posted before is still called.
func (m *mailbox) bar(b *Base) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.release(b)
	b.posts = postsBarred
}

func (m *mailbox) put(fn func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.add(fn)
}

// add is put with the mutex held.
func (m *mailbox) add(fn func()) bool {
	if m.closed {
		return false
	}
	m.in = append(m.in, fn)
	if !m.filled.Load() { // a store that is seen by another core costs more than a look
		m.filled.Store(true)
		if m.member != nil {
			m.member.g.busy.Add(1)
		}
		if m.clock != nil {
			m.since = m.clock.Time()
		}
	}
	return true
}

// any reports whether there is something to collect or take.
func (m *mailbox) any() bool { return m.next < len(m.out) || m.filled.Load() }

// collect takes over what has been posted, all at once, if the loop has run
// what it took before.
func (m *mailbox) collect() (oldest poller.Time) {
	if m.next < len(m.out) || !m.filled.Load() {
		return 0
	}
	m.out, m.next = m.out[:0], 0
	m.mu.Lock()
	defer m.mu.Unlock()
	m.in, m.out = m.out, m.in
	m.size = 0
	m.filled.Store(false)
	if m.member != nil {
		m.member.taken++
	}
	m.large = max(cap(m.in), cap(m.out)) > keptMost
	return m.since
}

// trim gives back what the two have grown more than they are used.
func (m *mailbox) trim() {
	if !m.large {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.in = fit(m.in, 0)
	if loose(m.out, m.next) {
		m.out, m.next = fit(m.out, m.next), 0
	}
	m.large = max(cap(m.in), cap(m.out)) > keptMost
}

// take returns the oldest function that was collected, or nil.
func (m *mailbox) take() func() {
	if m.next == len(m.out) {
		return nil
	}
	fn := m.out[m.next]
	m.out[m.next] = nil
	m.next++
	return fn
}

// wake wakes p unless the mailbox is closed. Close closes the mailbox before p: the
// descriptor that wakes p may be somebody else's afterwards.
func (m *mailbox) wake(p poller.Poller) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		p.Wake()
	}
}

// close reports false, and does nothing, if a handle has come meanwhile.
func (m *mailbox) close() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.coming) > 0 {
		return false
	}
	m.closed = true
	m.in = nil
	m.filled.Store(false)
	m.out, m.next = nil, 0
	return true
}
