package loop

import (
	"net"
	"sync"
	"sync/atomic"
)

// A mailbox is the queue of posted functions. Two slices and a mutex: what is
// being run and what is being filled, so that posting allocates nothing but the
// caller's closure.
type mailbox struct {
	mu     sync.Mutex
	in     []func()
	closed bool
	filled atomic.Bool // in is not empty

	out  []func() // the loop's own, from next on
	next int
}

// Post has fn called on the loop, in the order posted, one call for each Post.
// Any goroutine may call it, also while the loop is not running: fn then waits
// for the next Run, and keeps it alive. It wakes the loop only if it sleeps. It
// returns net.ErrClosed after Close, when fn will not be called, and
// os.ErrInvalid for a nil fn.
func (l *Loop) Post(fn func()) error {
	if fn == nil {
		return invalid("loop: post")
	}
	if !l.mail.put(fn) {
		return &misuse{"loop: post", net.ErrClosed}
	}
	l.interrupt()
	return nil
}

func (m *mailbox) put(fn func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.in = append(m.in, fn)
	m.filled.Store(true)
	return true
}

// any reports whether take has something to give.
func (m *mailbox) any() bool { return m.next < len(m.out) || m.filled.Load() }

// take returns the oldest function, or nil. Functions posted since the loop
// last emptied the mailbox are taken over all at once.
func (m *mailbox) take() func() {
	if m.next == len(m.out) {
		if !m.filled.Load() {
			return nil
		}
		m.out = m.out[:0]
		m.next = 0
		m.mu.Lock()
		m.in, m.out = m.out, m.in
		m.filled.Store(false)
		m.mu.Unlock()
	}
	fn := m.out[m.next]
	m.out[m.next] = nil
	m.next++
	return fn
}

func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.in = nil
	m.filled.Store(false)
	m.out, m.next = nil, 0
}
