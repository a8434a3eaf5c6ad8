//go:build unix

package pipe_test

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/pipe"
	"example.com/pike/stream"
)

func TestTimeouts(t *testing.T) {
	r := newRig(t)
	i, _ := r.files()
	c, err := pipe.Open(r.lp, i, &pipe.Options{ReadTimeout: 20 * time.Millisecond})
	r.no(err)
	r.untilClosed(r.watch(c), os.ErrDeadlineExceeded)
	_, o := r.files()
	c, err = pipe.Open(r.lp, o, &pipe.Options{WriteTimeout: 20 * time.Millisecond})
	r.no(err)
	w := r.watch(c)
	c.Write(make([]byte, 1<<20))
	r.untilClosed(w, os.ErrDeadlineExceeded)
	_, o = r.files()
	c, err = pipe.Open(r.lp, o, &pipe.Options{DrainTimeout: 20 * time.Millisecond})
	r.no(err)
	w = r.watch(c)
	c.Write(make([]byte, 1<<20))
	r.no(c.Close())
	r.untilClosed(w, os.ErrDeadlineExceeded)
}

func TestPanicInCallback(t *testing.T) {
	panics := 0
	r := newRig(t, loop.Options{OnPanic: func(loop.Handle, any, []byte) { panics++ }})
	in, out := r.pipe()
	in.OnRead = func(*pipe.Conn, []byte) { panic("in OnRead") }
	out.WriteString("x")
	r.untilClosed(in, stream.ErrAborted)
	r.untilClosed(out, syscall.EPIPE)
	r.equal("panics", panics, 1)
}

func TestNoAddress(t *testing.T) {
	r := newRig(t)
	in, _ := r.pipe()
	r.equal("RemoteAddr", in.RemoteAddr().String(), "|0")
	r.equal("LocalAddr", in.LocalAddr().String(), "<none>")
	r.is(in.SetNoDelay(true), errors.ErrUnsupported)
	_, err := in.NetConn()
	r.is(err, errors.ErrUnsupported)
}

func TestDescriptorsComeBack(t *testing.T) {
	r := newRig(t)
	before := openFiles(t)
	for i := range 100 {
		in, out := r.pipe()
		out.Write(make([]byte, 100_000))
		if i%2 == 0 {
			r.no(out.Close())
			r.untilClosed(in, io.EOF)
		} else {
			r.no(in.Abort())
			r.untilClosed(out, syscall.EPIPE)
		}
		f, err := os.Open(t.TempDir())
		r.no(err)
		_, err = pipe.Open(r.lp, f, nil)
		r.is(err, errors.ErrUnsupported)
		r.no(f.Close())
	}
	r.turns(3)
	r.equal("open files", openFiles(t), before)
	r.pipe() // which the loop closes
	r.no(r.lp.Close())
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
