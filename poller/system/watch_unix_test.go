//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package system_test

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// A file is a bare descriptor, closed once: its number may be a poller's after
// that.
type file struct {
	fd   int
	gone bool
}

func (f *file) close() {
	if !f.gone {
		f.gone = true
		unix.Close(f.fd)
	}
}

// files are closed at the end of the test, if not before.
func files(t *testing.T, fds [2]int) (a, b *file) {
	a, b = &file{fd: fds[0]}, &file{fd: fds[1]}
	t.Cleanup(func() { a.close(); b.close() })
	return a, b
}

func pipe(t *testing.T) (r, w *file) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal("pipe: ", err)
	}
	return files(t, quickened(t, fds))
}

// quickened makes descriptors non-blocking, and keeps them from children.
func quickened(t *testing.T, fds [2]int) [2]int {
	t.Helper()
	for _, fd := range fds {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal("fcntl: ", err)
		}
	}
	return fds
}

// A watched is a Watch that remembers what it was told.
type watched struct {
	watch
	events []poller.Events
	over   bool
}

func watchFd(t *testing.T, p poller.Poller, fd int, ev poller.Events) *watched {
	t.Helper()
	w := new(watched)
	w.ready = func(ev poller.Events) { w.events = append(w.events, ev) }
	w.closed = func() { w.over = true }
	var err error
	if w.Watch, err = p.Watch(uintptr(fd), ev, w); err != nil {
		t.Fatal("Watch: ", err)
	}
	return w
}

// now is what a Poll that does not wait reports.
func (w *watched) now(t *testing.T, p poller.Poller) (ev poller.Events) {
	t.Helper()
	w.events = nil
	if err := p.Poll(0); err != nil {
		t.Fatal("Poll: ", err)
	}
	for _, e := range w.events {
		ev |= e
	}
	return ev
}

func TestWatch(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		r, w := pipe(t)
		in := watchFd(t, p, r.fd, poller.Readable)
		out := watchFd(t, p, w.fd, poller.Writable)
		if ev := in.now(t, p); ev != 0 {
			t.Errorf("an empty pipe: %x", ev)
		}
		if ev := out.now(t, p); ev != poller.Writable {
			t.Errorf("the other end: %x", ev)
		}
		if err := out.Set(0); err != nil {
			t.Error("Set(0): ", err)
		}
		if ev := out.now(t, p); ev != 0 {
			t.Errorf("a paused watch: %x", ev)
		}
		unix.Write(w.fd, []byte("x"))
		for range 2 { // for as long as it is so
			if ev := in.now(t, p); ev != poller.Readable {
				t.Errorf("a full pipe: %x", ev)
			}
		}
		if err := in.Set(0); err != nil {
			t.Error("Set(0): ", err)
		}
		if n := pause(t, p, 20*time.Millisecond); n > 1 {
			t.Errorf("a paused watch took %d Polls", n)
		}
		if err := in.Set(poller.Readable); err != nil {
			t.Error("Set: ", err)
		}
		if ev := in.now(t, p); ev != poller.Readable {
			t.Errorf("a watch that goes on: %x", ev)
		}
		in.Close()
		in.Close()
		in.now(t, p)
		if len(in.events) > 0 || !in.over {
			t.Errorf("after Close: %x, Closed: %v", in.events, in.over)
		}
		if err := in.Set(poller.Readable); err == nil {
			t.Error("Set after Close: no error")
		}
		if n, err := unix.Read(r.fd, make([]byte, 9)); n != 1 {
			t.Errorf("reading what was watched: %d, %v", n, err)
		}
	})
}

func TestWatchHangup(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		r, w := pipe(t)
		in := watchFd(t, p, r.fd, poller.Readable)
		w.close()
		if ev := in.now(t, p); ev&poller.Hangup == 0 {
			t.Errorf("a pipe whose writer has gone: %x", ev)
		}
		in.Set(0) // which is how not to be told for ever
		if n := pause(t, p, 20*time.Millisecond); n > 1 {
			t.Errorf("a paused watch took %d Polls", n)
		}
		r, w = pipe(t)
		out := watchFd(t, p, w.fd, poller.Writable)
		r.close()
		if ev := out.now(t, p); ev&poller.Failed == 0 {
			t.Errorf("a pipe whose reader has gone: %x", ev)
		}
		out.Close()

		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal("socketpair: ", err)
		}
		near, far := files(t, quickened(t, fds))
		peer := watchFd(t, p, near.fd, poller.PeerClosed)
		if ev := peer.now(t, p); ev != 0 {
			t.Errorf("an idle socket: %x", ev)
		}
		unix.Shutdown(far.fd, unix.SHUT_WR)
		if ev := peer.now(t, p); ev != poller.PeerClosed {
			t.Errorf("a socket whose peer has shut down: %x", ev)
		}
	})
}

func TestWatchPriority(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		dup, err := b.Stream.(poller.Duplicator).Duplicate() // the stream has a watch of its own
		if err != nil {
			t.Fatal(err)
		}
		fd := int(dup)
		defer unix.Close(fd)
		w := new(watched)
		w.ready = func(ev poller.Events) { w.events = append(w.events, ev) }
		if w.Watch, err = p.Watch(uintptr(fd), poller.Readable|poller.Priority, w); errors.Is(err, errors.ErrUnsupported) {
			t.Skip("kqueue has no event for out-of-band data that all systems share")
		} else if err != nil {
			t.Fatal("Watch: ", err)
		}
		if err := unix.Sendto(int(a.Stream.(poller.Descriptor).Fd()), []byte("!"), unix.MSG_OOB, nil); err != nil {
			t.Skip("no out-of-band data here: ", err)
		}
		if ev := w.now(t, p); ev&poller.Priority == 0 {
			t.Errorf("out-of-band data: %x", ev)
		}
		unix.Recvfrom(fd, make([]byte, 1), unix.MSG_OOB)
		a.TrySend([]byte("x"))
		if ev := w.now(t, p); ev&poller.Readable == 0 {
			t.Errorf("ordinary data: %x", ev)
		}
	})
}

// TestWatchTellsAgain: whatever is watched for, it is told for as long as it is so.
func TestWatchTellsAgain(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		for _, ev := range []poller.Events{
			poller.Readable,
			poller.Readable | poller.Hangup,
			poller.Readable | poller.PeerClosed,
			poller.Readable | poller.Priority | poller.PeerClosed | poller.Hangup,
		} {
			r, w := pipe(t)
			unix.Write(w.fd, []byte("x"))
			in, err := new(watched), error(nil)
			in.ready = func(ev poller.Events) { in.events = append(in.events, ev) }
			if in.Watch, err = p.Watch(uintptr(r.fd), ev, in); errors.Is(err, errors.ErrUnsupported) {
				continue // no such event here
			} else if err != nil {
				t.Fatal("Watch: ", err)
			}
			for range 3 {
				if got := in.now(t, p); got&poller.Readable == 0 {
					t.Errorf("watched for %x, it tells %x", ev, got)
				}
			}
			in.Close()
		}
	})
}

func TestWatchRefusals(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		r, _ := pipe(t)
		watchFd(t, p, r.fd, poller.Readable)
		file, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		dir, err := os.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer dir.Close()
		for _, c := range []struct {
			what string
			fd   uintptr
			want syscall.Errno
		}{
			{"a second time", uintptr(r.fd), syscall.EEXIST},
			{"a file", file.Fd(), syscall.EPERM},
			{"a directory", dir.Fd(), syscall.EPERM},
			{"nothing", 1 << 20, syscall.EBADF},
		} {
			if _, err := p.Watch(c.fd, poller.Readable, new(watch)); !errors.Is(err, c.want) {
				t.Errorf("watching %s: %v, want %v", c.what, err, c.want)
			}
		}
		pause(t, p, time.Millisecond)
	})
}

// TestWatchAgain watches a descriptor as soon as the Watch before is closed.
func TestWatchAgain(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		r, w := pipe(t)
		unix.Write(w.fd, []byte("x"))
		first := watchFd(t, p, r.fd, poller.Readable)
		for range 10 {
			first.events = nil
			first.Close()
			next := watchFd(t, p, r.fd, poller.Readable)
			if ev := next.now(t, p); ev != poller.Readable || len(first.events) > 0 || !first.over {
				t.Fatalf("the second watch: %x; the first: %x, Closed: %v", ev, first.events, first.over)
			}
			first = next
		}
	})
}

// TestWatchClosedInTheBatch has two watches ready at once; the first that is told
// ends the other.
func TestWatchClosedInTheBatch(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		for _, end := range []func(*watched){func(w *watched) { w.Close() }, func(w *watched) { w.Set(0) }} {
			var all []*watched
			told := 0
			for range 5 {
				r, w := pipe(t)
				unix.Write(w.fd, []byte("x"))
				me := watchFd(t, p, r.fd, poller.Readable)
				me.ready = func(poller.Events) {
					told++
					for _, other := range all {
						if other != me {
							end(other)
						}
					}
				}
				all = append(all, me)
			}
			if err := p.Poll(0); err != nil {
				t.Fatal("Poll: ", err)
			}
			if told != 1 {
				t.Errorf("%d of one batch were told, want 1", told)
			}
			for _, w := range all {
				w.Close()
			}
			pause(t, p, time.Millisecond)
		}
	})
}

// TestWatchMany closes many at once.
func TestWatchMany(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		var all []*watched
		for range 64 {
			r, _ := pipe(t)
			all = append(all, watchFd(t, p, r.fd, poller.Readable))
		}
		for _, w := range all {
			w.Close()
		}
		until(t, p, "all are closed", func() bool {
			for _, w := range all {
				if !w.over {
					return false
				}
			}
			return true
		})
	})
}

// TestWatchOfAReusedNumber has a handler end another watch of the batch, and open a
// descriptor that has the number then: its watch must not be told what the batch
// has for the one before (rule 9).
func TestWatchOfAReusedNumber(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		for range 10 {
			r1, w1 := pipe(t)
			r2, w2 := pipe(t)
			unix.Write(w1.fd, []byte("x"))
			unix.Write(w2.fd, []byte("x"))
			var next *watched
			first, second := watchFd(t, p, r1.fd, poller.Readable), watchFd(t, p, r2.fd, poller.Readable)
			swap := func(other *watched, r *file) func(poller.Events) {
				return func(poller.Events) {
					if next != nil {
						return
					}
					number := r.fd
					other.Close()
					r.close()
					idle, _ := pipe(t)
					if idle.fd != number {
						if err := unix.Dup2(idle.fd, number); err != nil {
							t.Fatal("dup2: ", err)
						}
						t.Cleanup(func() { unix.Close(number) })
					}
					next = watchFd(t, p, number, poller.Readable)
				}
			}
			first.ready, second.ready = swap(second, r2), swap(first, r1)
			until(t, p, "one is told", func() bool { return next != nil })
			pause(t, p, time.Millisecond)
			if len(next.events) > 0 {
				t.Fatalf("a watch of an empty pipe was told %x", next.events)
			}
			for _, w := range []*watched{first, second, next} {
				w.Close()
			}
			pause(t, p, time.Millisecond)
		}
	})
}

// TestWatchOfAPipeThatNobodyReads is an error on some systems to register.
func TestWatchOfAPipeThatNobodyReads(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		r, w := pipe(t)
		r.close()
		out := watchFd(t, p, w.fd, poller.Writable)
		if ev := out.now(t, p); ev&poller.Failed == 0 {
			t.Errorf("a pipe whose reader had gone before: %x", ev)
		}
		out.Close()
	})
}

// TestWatchOfAnEndIgnoresData: nobody asked for it, so it must not make Polls return.
func TestWatchOfAnEndIgnoresData(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal("socketpair: ", err)
		}
		near, far := files(t, quickened(t, fds))
		w := watchFd(t, p, near.fd, poller.PeerClosed)
		unix.Write(far.fd, []byte("unread"))
		if n := pause(t, p, 20*time.Millisecond); n > 5 || len(w.events) > 0 {
			t.Errorf("unread data: %d Polls, %x", n, w.events)
		}
		far.close()
		if ev := w.now(t, p); ev&poller.PeerClosed == 0 {
			t.Errorf("the peer has gone: %x", ev)
		}
	})
}
