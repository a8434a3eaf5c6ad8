package loop

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"

	"example.com/pike/poller"
)

// ReadFile reads len(p) bytes of a regular file, from off on, as f.ReadAt does, and then calls done on
// the loop with how many it has read: exactly once, never before ReadFile has returned. If they are fewer
// than len(p), err says why; at the end of the file that is io.EOF. The loop stays alive until then;
// if it is closed before, done is not called. p and f belong to ReadFile until then.
//
// What the system has in its cache of files is read at once, where it can be asked for that without waiting
// for the disk (preadv2(2) with RWF_NOWAIT, Linux 4.14): that costs a tenth of a job. All else is
// read by a job on the loop's Executor, as [Work] does it. Some file systems do not answer such a
// question, tmpfs among them.
//
// ReadFile belongs to the loop's goroutine. The error is net.ErrClosed, ErrOffLoop, os.ErrInvalid for what is nil
// and for a negative off, or the executor's refusal; done will not be called then.
func ReadFile(lp *Loop, f *os.File, p []byte, off int64, done func(n int, err error)) error {
	const op = "loop: read file"
	if err := lp.checkCaller("loop.ReadFile"); err != nil {
		return err
	}
	if lp == nil || f == nil || off < 0 || done == nil {
		return invalid(op)
	}
	if lp.closed {
		return &misuse{op, net.ErrClosed}
	}
	n, err := lp.readCached(f, p, off)
	if !errors.Is(err, poller.ErrNotCached) {
		lp.Maker().Hold()
		lp.Maker().Defer(&fileRead{lp, done, n, err})
		return nil
	}
	_, err = Work(context.Background(), lp, func(context.Context) (int, error) {
		k, err := f.ReadAt(p[n:], off+int64(n))
		return n + k, err
	}, done)
	return err
}

// readCached reads what can be read at once. The rest is ErrNotCached.
func (l *Loop) readCached(f *os.File, p []byte, off int64) (n int, err error) {
	r, ok := l.poller.(poller.FileReader)
	if !ok {
		return 0, poller.ErrNotCached
	}
	for n < len(p) && err == nil {
		var k int
		k, err = r.ReadFile(f.Fd(), p[n:], off+int64(n))
		n += k
	}
	runtime.KeepAlive(f) // f.Fd() does not
	return n, err
}

// A fileRead is what has been read at once, and is to be told.
type fileRead struct {
	lp   *Loop
	done func(n int, err error)
	n    int
	err  error
}

// Flush tells it.
func (r *fileRead) Flush() {
	m := r.lp.Maker()
	m.Release()
	r.lp.tally.Callbacks++ // as for what a job has read
	m.Call(nil, func() { r.done(r.n, r.err) })
}
