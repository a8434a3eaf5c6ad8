//go:build darwin || dragonfly || freebsd || netbsd || openbsd || (linux && kqfake)

package readiness

import (
	"testing"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/kq"
)

// A noted queue is one with a pipe, both of whose ends may be armed.
type noted struct {
	*testing.T
	queue
	fds [2]int32
}

func newNoted(t *testing.T) *noted {
	t.Helper()
	q := &noted{T: t}
	if err := q.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.close() })
	q.pipe()
	return q
}

func (q *noted) pipe() {
	q.Helper()
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		q.Fatal("pipe: ", err)
	}
	q.fds = [2]int32{int32(fds[0]), int32(fds[1])}
	q.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
}

// changed returns the changes that the next wait would make, as filter and flags.
func (q *noted) changed() (all [][2]int) {
	q.collect()
	for i := range q.changes {
		ev := &q.changes[i]
		filter := kq.Write
		if ev.Filter == kq.Read {
			filter = kq.Read
		}
		all = append(all, [2]int{filter, int(ev.Flags) & (kq.Add | kq.Delete)})
	}
	q.apply(q.changes)
	q.changes = q.changes[:0]
	return all
}

func (q *noted) want(what string, want ...[2]int) {
	q.Helper()
	got := q.changed()
	if len(got) != len(want) {
		q.Errorf("%s: changes %v, want %v", what, got, want)
		return
	}
	for i := range got {
		if got[i] != want[i] {
			q.Errorf("%s: changes %v, want %v", what, got, want)
		}
	}
}

var (
	addRead     = [2]int{kq.Read, kq.Add}
	addWrite    = [2]int{kq.Write, kq.Add}
	deleteRead  = [2]int{kq.Read, kq.Delete}
	deleteWrite = [2]int{kq.Write, kq.Delete}
)

// TestNotesCoalesce holds what the system is told, and that it is not told what
// was taken back.
func TestNotesCoalesce(t *testing.T) {
	q := newNoted(t)
	fd := q.fds[0]
	q.arm(fd, 1, 0, 0, marks(poller.Readable))
	q.want("a start", addRead)
	q.arm(fd, 1, 0, marks(poller.Readable), 0)
	q.arm(fd, 1, 0, 0, marks(poller.Readable))
	q.want("a stop and a start")
	q.arm(fd, 1, 0, marks(poller.Readable), marks(poller.Readable|poller.Writable))
	q.arm(fd, 1, 0, marks(poller.Readable|poller.Writable), marks(poller.Readable))
	q.want("a send that was over at once")
	q.arm(fd, 1, 0, marks(poller.Readable), 0)
	q.want("a stop: no interest at all", deleteRead)
	q.arm(fd, 1, 0, 0, marks(poller.PeerClosed))
	q.want("an end alone", addRead)
	q.arm(fd, 1, 0, marks(poller.PeerClosed), marks(poller.PeerClosed|poller.Readable))
	q.want("more than the end", addRead)
	q.arm(fd, 1, 0, marks(poller.PeerClosed|poller.Readable), marks(poller.Failed))
	q.want("nothing that has a filter", deleteRead)
}

// TestNotesOfReusedNumbers closes descriptors in every way, and has others own the
// numbers next.
func TestNotesOfReusedNumbers(t *testing.T) {
	q := newNoted(t)
	fd := q.fds[0]
	q.arm(fd, 1, 0, 0, marks(poller.Readable))
	q.want("a start", addRead)

	// A socket closes: the descriptor is closed at the end of the batch, and takes
	// its knotes along. To delete them would be an error that costs a batch.
	dup, err := unix.Dup(int(fd))
	if err != nil {
		t.Fatal("dup: ", err)
	}
	q.arm(fd, 1, 0, marks(poller.Readable), 0)
	q.closeFd(fd)
	q.want("a close")
	if err := unix.Dup2(dup, int(fd)); err != nil {
		t.Fatal("dup2: ", err)
	}
	unix.Close(dup)
	q.arm(fd, 2, 0, 0, marks(poller.Readable))
	q.want("the next owner", addRead)

	// Its owner goes without a word, and the number is another's: what the system
	// may still watch for is told again, or deleted.
	q.arm(fd, 2, 0, marks(poller.Readable), marks(poller.Readable|poller.Writable))
	q.changed()
	q.arm(fd, 3, 0, 0, marks(poller.Readable))
	q.want("an owner after a stranger", addRead, deleteWrite)
	q.arm(fd, 2, 0, marks(poller.Readable|poller.Writable), 0)
	q.want("the late end of the one before")
	q.arm(fd, 3, 1, 0, marks(poller.Writable))
	q.want("the same slot, another generation", deleteRead, addWrite)
}

// TestManyChanges has more changes than a kevent may fail, among them some that do.
func TestManyChanges(t *testing.T) {
	q := newNoted(t)
	const bad = 1 << 14 // above what is open
	for i := range int32(2 * eventsPerWait) {
		q.arm(bad+i, uint32(1+i), 0, 0, marks(poller.Readable))
	}
	q.arm(q.fds[1], 5000, 0, 0, marks(poller.Writable))
	n, err := q.wait(poller.Never)
	if err != nil {
		t.Fatal(err)
	}
	refused, writable := 0, 0
	for i := range n {
		slot, _, ev := q.event(i)
		switch {
		case q.refusal(i) == unix.EBADF && ev == poller.Readable|poller.PeerClosed:
			refused++
		case slot == 5000 && ev == poller.Writable:
			writable++
		default:
			t.Errorf("slot %d: %x, %v", slot, ev, q.refusal(i))
		}
	}
	if n, err = q.wait(0); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if slot, _, ev := q.event(i); slot == 5000 && ev == poller.Writable {
			writable++
		}
	}
	if refused != 2*eventsPerWait || writable == 0 {
		t.Errorf("%d refused, want %d; the one that is good was ready %d times", refused, 2*eventsPerWait, writable)
	}
}

// TestEventOfNobody has the system watch for what has no owner: it is reported to
// nobody, and not for ever.
func TestEventOfNobody(t *testing.T) {
	q := newNoted(t)
	var ev [1]kq.Event
	kq.Set(&ev[0], int(q.fds[1]), kq.Write, kq.Add)
	q.apply(ev[:])
	if n, err := q.wait(0); n != 0 || err != nil {
		t.Errorf("%d reports, %v", n, err)
	}
	start := q.Now()
	if n, err := q.wait(start.Add(2_000_000)); n != 0 || err != nil || q.Now() < start.Add(2_000_000) {
		t.Errorf("%d reports, %v after %v", n, err, q.Now().Sub(start))
	}
	events := make([]kq.Event, 4)
	if n, _ := kq.Wait(q.kq, nil, events, new(unix.Timespec)); n != 0 {
		t.Errorf("the system reports %d events still", n)
	}
}
