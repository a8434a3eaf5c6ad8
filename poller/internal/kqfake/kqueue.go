//go:build linux

package kqfake

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

type kqueue struct {
	mu      sync.Mutex
	outer   int    // epoll over ep and bell: the number that the caller has
	ep      [2]int // edge-triggered, one each for READ and WRITE
	bell    int    // eventfd: something is active that epoll knows nothing of
	notes   map[key]*knote
	timers  int
	queue   []*knote // active, first in first out
	waiters int
}

var (
	mu    sync.Mutex // of all; never held while a kqueue is locked
	all   = map[int]*kqueue{}
	epoch = time.Now()
)

// Kqueue is kqueue(2).
func Kqueue() (int, error) {
	k := &kqueue{outer: -1, ep: [2]int{-1, -1}, bell: -1, notes: map[key]*knote{}}
	if err := k.open(); err != nil {
		k.release()
		return -1, err
	}
	mu.Lock()
	old := all[k.outer]
	all[k.outer] = k
	mu.Unlock()
	if old != nil { // its number was closed behind our back
		old.outer = -1
		old.release()
	}
	return k.outer, nil
}

func (k *kqueue) open() (err error) {
	if k.outer, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if k.bell, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return err
	}
	for i := range k.ep {
		if k.ep[i], err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
			return err
		}
	}
	for _, fd := range []int{k.bell, k.ep[0], k.ep[1]} {
		if err = unix.EpollCtl(k.outer, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return err
		}
	}
	return nil
}

func (k *kqueue) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range k.notes {
		if n.stop != nil {
			n.stop()
		}
	}
	clear(k.notes)
	for _, fd := range []int{k.bell, k.ep[0], k.ep[1], k.outer} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// Close is close(2): of a kqueue, or of a descriptor that may have knotes, which it
// removes also if there is a duplicate. A descriptor that is closed by other means
// loses its knotes too, but not if a duplicate has its number next.
func Close(fd int) error {
	mu.Lock()
	k := all[fd]
	delete(all, fd)
	others := make([]*kqueue, 0, len(all))
	for _, k := range all {
		others = append(others, k)
	}
	mu.Unlock()
	for _, k := range others {
		k.mu.Lock()
		for _, f := range []int16{EVFILT_READ, EVFILT_WRITE} {
			if n := k.notes[key{uint64(fd), f}]; n != nil {
				k.drop(n)
			}
		}
		k.mu.Unlock()
	}
	if k != nil {
		k.release()
		return nil
	}
	return unix.Close(fd)
}

// kqueueOf finds a kqueue by its number.
func kqueueOf(fd int) *kqueue {
	mu.Lock()
	defer mu.Unlock()
	return all[fd]
}

// Kevent is kevent(2).
func Kevent(kq int, changes, events []Event, timeout *unix.Timespec) (int, error) {
	k := kqueueOf(kq)
	if k == nil {
		return -1, unix.EBADF
	}
	if timeout != nil && (timeout.Sec < 0 || timeout.Nsec < 0 || timeout.Nsec >= 1e9) {
		return -1, unix.EINVAL
	}
	end := time.Now()
	if timeout != nil {
		end = end.Add(time.Duration(timeout.Nano()))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if n, err, over := k.apply(changes, events); over {
		return n, err
	}
	for {
		next := k.harvest()
		if n := k.scan(events); n > 0 {
			if len(k.queue) > 0 { // for other waiters, and who polls the number
				k.ring()
			}
			return n, nil
		}
		if timeout != nil {
			left := time.Until(end)
			if left <= 0 {
				return 0, nil
			}
			if next < 0 || left < next {
				next = left
			}
		}
		if err := k.sleep(next); err != nil {
			return -1, err // EINTR among others
		}
	}
}

// apply makes the changes; over says that there is to be no scan.
func (k *kqueue) apply(changes, events []Event) (n int, err error, over bool) {
	for i := range changes {
		c := changes[i] // a copy: the lists may be the same memory
		err := k.register(&c)
		if err == 0 && c.Flags&EV_RECEIPT == 0 {
			continue
		}
		if n == len(events) {
			if err != 0 {
				return -1, err, true
			}
			return 0, nil, true // and the rest of the changes is dropped
		}
		c.Flags, c.Data = EV_ERROR, int64(err)
		events[n] = c
		n++
	}
	return n, nil, n > 0 || len(events) == 0
}

// sleep waits for the bell, epoll or the time d, for ever if that is negative.
func (k *kqueue) sleep(d time.Duration) error {
	var ts *unix.Timespec
	if d >= 0 {
		t := unix.NsecToTimespec(int64(d))
		ts = &t
	}
	k.waiters++
	k.mu.Unlock()
	_, err := unix.Ppoll([]unix.PollFd{{Fd: int32(k.outer), Events: unix.POLLIN}}, ts, nil)
	var b [8]byte
	unix.Read(k.bell, b[:])
	k.mu.Lock()
	k.waiters--
	return err
}

func (k *kqueue) ring() { unix.Write(k.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

// harvest turns what epoll saw, and the timers that are due, into active knotes. It
// returns the time to the next timer, -1 if there is none.
func (k *kqueue) harvest() (next time.Duration) {
	var buf [64]unix.EpollEvent
	for i, ep := range k.ep {
		for {
			c, _ := unix.EpollWait(ep, buf[:], 0)
			for _, e := range buf[:max(c, 0)] {
				n := k.notes[key{uint64(e.Fd), int16(EVFILT_READ - i)}]
				switch {
				case n == nil:
				case n.gone():
					k.drop(n)
				case n.eval():
					k.activate(n)
				}
			}
			if c < len(buf) {
				break
			}
		}
	}
	next = -1
	if k.timers == 0 {
		return next
	}
	for _, n := range k.notes {
		if n.filter != EVFILT_TIMER || n.due < 0 {
			continue
		}
		if n.eval() {
			k.activate(n)
		}
		if d := n.due - time.Since(epoch); n.due >= 0 && (next < 0 || d < next) {
			next = max(d, 0)
		}
	}
	return next
}

// scan reports what is active and still so.
func (k *kqueue) scan(events []Event) int {
	got, todo := 0, len(k.queue)
	for ; todo > 0 && got < len(events); todo-- {
		n := k.queue[0]
		k.queue = k.queue[1:]
		n.queued = false
		if n.gone() {
			k.drop(n)
			continue
		}
		if n.flags&EV_ONESHOT == 0 && !n.eval() {
			n.active = false
			continue
		}
		events[got] = n.event()
		got++
		switch {
		case n.flags&EV_ONESHOT != 0:
			k.drop(n)
		case n.flags&(EV_CLEAR|EV_DISPATCH) != 0:
			n.reported()
		default: // level-triggered: to the end of the queue, so that the others have their turn
			n.queued = true
			k.queue = append(k.queue, n)
		}
	}
	return got
}

// pending is how many knotes are active and still so, for a kqueue that watches
// this one.
func (k *kqueue) pending() (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.harvest()
	for _, note := range k.queue {
		if !note.gone() && note.eval() {
			n++
		}
	}
	return n
}
