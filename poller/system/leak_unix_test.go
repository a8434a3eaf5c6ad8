//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package system_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/system"
)

// descriptors counts those of the process.
func descriptors(t *testing.T) int {
	t.Helper()
	n := 0
	for fd := range uintptr(4096) { // systems give out the lowest number that is free
		if _, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err == nil {
			n++
		}
	}
	return n
}

// TestCloseFreesDescriptors closes a poller with sockets of every kind in every
// state.
func TestCloseFreesDescriptors(t *testing.T) {
	each(t, func(t *testing.T, _ poller.Poller) {
		r, w := pipe(t)
		before := descriptors(t)
		for round := range 4 {
			p := opened(t)(system.Open(""))
			a, b := pair(t, p, local)
			c, d := pair(t, p, local)
			a.Send([][]byte{make([]byte, 32<<20)})
			b.Close()
			c.Reset()
			d.Start()
			listen(t, p, local)
			l := listen(t, p, local)
			dial(t, p, l.Addr()) // accepted by nobody
			dial(t, p, nobody)
			bind(t, p, local, nil).Send([]poller.Message{{Data: make([]byte, 100_000), Peer: nobody.AddrPort}})
			watchFd(t, p, r.fd, poller.Readable)
			watchFd(t, p, w.fd, 0)
			if round%2 == 0 {
				pause(t, p, time.Millisecond)
			}
			if err := p.Close(); err != nil {
				t.Error("Close: ", err)
			}
		}
		if after := descriptors(t); after != before {
			t.Errorf("%d descriptors, %d before", after, before)
		}
		if _, err := unix.Write(w.fd, []byte("x")); err != nil {
			t.Error("what was watched does not work any more: ", err)
		}
	})
}

// TestFailuresFreeDescriptors opens what cannot be opened.
func TestFailuresFreeDescriptors(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		l := listen(t, p, local)
		before := descriptors(t)
		used := l.Addr()
		s := bind(t, p, local, nil)
		for range 3 {
			p.Listen(used, nil, l)
			p.Listen(used, &poller.Options{V6Only: true}, l)
			p.Bind(s.Addr(), nil, s)
			p.Bind(local, &poller.Options{V6Only: true}, s)
			p.Dial(nobody, &poller.Options{Local: used}, new(stream))
			p.Dial(nobody, &poller.Options{Local: poller.Addr{Path: "x"}}, new(stream))
			p.Watch(uintptr(0xFFFF), poller.Readable, new(watch))
			if a, ok := p.(poller.Adopter); ok {
				fd := s.Packet.(poller.Descriptor).Fd()
				a.AdoptStream(fd, new(stream))
				a.AdoptListener(fd, new(listener))
				a.AdoptStream(l.Socket.(poller.Descriptor).Fd(), new(stream))
			}
		}
		pause(t, p, time.Millisecond)
		if after := descriptors(t); after != before+1 { // s
			t.Errorf("%d descriptors, %d before", after, before+1)
		}
	})
}

// TestWakeOfClosedPollerHitsNobody gives the number that the poller was woken by to
// somebody else: a late Wake must not write there.
func TestWakeOfClosedPollerHitsNobody(t *testing.T) {
	p := opened(t)(system.Open(""))
	p.Close()
	var strangers []*file
	for range 16 {
		r, _ := pipe(t)
		strangers = append(strangers, r)
	}
	for range 3 {
		if err := p.Wake(); err != nil {
			t.Error("Wake: ", err)
		}
	}
	for _, r := range strangers {
		if _, err := unix.Read(r.fd, make([]byte, 8)); err != unix.EAGAIN {
			t.Errorf("something was written to a pipe of somebody else: %v", err)
		}
	}
}

// TestOutOfDescriptors takes every descriptor there is while connections wait: the
// listener says so, once, and does not spin; it accepts when some are free again.
func TestOutOfDescriptors(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		var failures []error
		var accepted []poller.Stream
		l := new(listener)
		l.failed = func(err error) { failures = append(failures, err) }
		l.accepted = func(s poller.Stream) poller.StreamHandler {
			accepted = append(accepted, s)
			return new(stream)
		}
		var err error
		if l.Socket, err = p.Listen(local, nil, l); err != nil {
			t.Fatal("Listen: ", err)
		}
		const n = 5
		for range n {
			dial(t, p, l.Addr())
		}
		pause(t, p, 5*time.Millisecond)
		free := takeAll(t)
		l.Start()
		until(t, p, "it has failed", func() bool { return len(failures) > 0 })
		polls := pause(t, p, 30*time.Millisecond)
		free()
		if len(failures) != 1 || !errors.Is(failures[0], syscall.EMFILE) || polls > 5 {
			t.Errorf("Failed with %v, and then 30 ms took %d Polls", failures, polls)
		}
		l.Start()
		until(t, p, "all are accepted", func() bool { return len(accepted) == n })
	})
}

// lower sets a limit, which has another type here and there.
func lower[T int64 | uint64](limit *T, n int) { *limit = T(n) }

// takeAll opens files until the process may have no more.
func takeAll(t *testing.T) (free func()) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal("getrlimit: ", err)
	}
	low := limit
	lower(&low.Cur, descriptors(t)+50)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal("setrlimit: ", err)
	}
	var taken []int
	for {
		fd, err := unix.Dup(0)
		if err != nil {
			break
		}
		taken = append(taken, fd)
	}
	return func() {
		for _, fd := range taken {
			unix.Close(fd)
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal("setrlimit: ", err)
		}
	}
}
