//go:build unix

package pipe_test

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/pike/pipe"
)

func nonblocking(r *rig, f *os.File) (on bool) {
	r.Helper()
	raw, err := f.SyscallConn()
	r.no(err)
	r.no(raw.Control(func(fd uintptr) {
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		r.no(err)
		on = flags&unix.O_NONBLOCK != 0
	}))
	return on
}

// blocking has a file block, as those that come from other processes do.
func blocking(r *rig, f *os.File) *os.File {
	r.Helper()
	r.no(unix.SetNonblock(int(f.Fd()), false))
	return f
}

// Others have the open file, too. To them it blocks as before: always where the system can open it anew,
// and else from Close on.
func TestSharedFileIsNotLeftNonblocking(t *testing.T) {
	r := newRig(t)
	i, o := r.files()
	for _, f := range []*os.File{blocking(r, i), blocking(r, o)} {
		c, err := pipe.Open(r.lp, f, nil)
		r.no(err)
		w := r.watch(c)
		if runtime.GOOS == "linux" {
			r.equal("non-blocking meanwhile", nonblocking(r, f), false)
		}
		r.no(c.Close())
		r.untilClosed(w, nil)
		r.equal("non-blocking afterwards", nonblocking(r, f), false)
	}
	r.no(unix.SetNonblock(int(i.Fd()), true)) // who has it so keeps it so
	c, err := pipe.Open(r.lp, i, nil)
	r.no(err)
	w := r.watch(c)
	r.no(c.Close())
	r.untilClosed(w, nil)
	r.equal("non-blocking afterwards", nonblocking(r, i), true)
}

// Somebody makes the open file blocking that a Conn has as well. The loop must not wait in a read or a write.
func TestMadeBlocking(t *testing.T) {
	r := newRig(t)
	i, o := r.files() // package os has made them non-blocking, so that Open does not open them anew
	ci, err := pipe.Open(r.lp, i, nil)
	r.no(err)
	co, err := pipe.Open(r.lp, o, nil)
	r.no(err)
	in, out := r.watch(ci), r.watch(co)
	blocking(r, i)
	blocking(r, o)
	want := pattern(300_000)
	r.no(in.PauseRead())
	out.Write(want) // would wait for a reader for ever
	r.turns(5)
	blocking(r, i)
	blocking(r, o)
	r.no(in.ResumeRead())
	r.until("all is read", func() bool { return len(in.got) == len(want) })
	r.turns(5)
	r.no(in.Close())
	r.no(out.Close())
	r.untilClosed(in, nil)
	r.untilClosed(out, nil)
}
