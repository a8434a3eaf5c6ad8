//go:build unix

package pipe_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/loop"
	"example.com/pike/pipe"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/timer"
)

func pattern(n int) []byte {
	p := make([]byte, n)
	rand.New(rand.NewSource(int64(n))).Read(p)
	return p
}

func TestSides(t *testing.T) {
	r := newRig(t)
	in, out := r.pipe()
	r.equal("in is readable", in.Readable(), true)
	r.equal("in is writable", in.Writable(), false)
	r.equal("out is readable", out.Readable(), false)
	r.equal("out is writable", out.Writable(), true)
	_, err := in.WriteString("x")
	r.is(err, syscall.EPIPE)
	r.is(in.CloseWrite(), syscall.EPIPE)
	if _, err := out.WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	r.until("it is read", func() bool { return string(in.got) == "hello" })
	r.no(out.CloseWrite()) // which is all that it had
	r.untilClosed(out, nil)
	r.untilClosed(in, io.EOF)
	r.run() // nothing keeps the loop
}

// What is written arrives, however much it is and whoever pauses, and the end is behind it.
func TestBulk(t *testing.T) {
	r := newRig(t)
	in, out := r.pipe()
	want := pattern(6 << 20)
	pauses := 0
	in.OnRead = func(c *pipe.Conn, p []byte) {
		if in.got = append(in.got, p...); pauses < 20 {
			pauses++
			r.no(c.PauseRead())
			_, err := timer.After(r.lp, time.Millisecond, func() { r.no(c.ResumeRead()) })
			r.no(err)
		}
	}
	wrote := false
	out.OnWrite = func(*pipe.Conn) { wrote = true }
	for rest := want; len(rest) > 0; {
		n := min(len(rest), 1+rand.Intn(200_000))
		_, err := out.Write(rest[:n])
		r.no(err)
		rest = rest[n:]
	}
	r.no(out.Close())
	r.untilClosed(in, io.EOF)
	r.untilClosed(out, nil)
	if !bytes.Equal(in.got, want) {
		t.Fatalf("%d bytes were received of %d, or others", len(in.got), len(want))
	}
	r.equal("OnWrite after Close", wrote, false)
}

// Nobody reads any more. That is told to who writes nothing, and to who does.
func TestReaderGoes(t *testing.T) {
	t.Run("idle", func(t *testing.T) {
		r := newRig(t)
		i, o := r.files()
		out := r.open(o)
		r.turns(3)
		r.equal("it has closed", out.closed, false)
		r.no(i.Close())
		r.untilClosed(out, syscall.EPIPE)
	})
	t.Run("before Open", func(t *testing.T) {
		r := newRig(t)
		i, o := r.files()
		r.no(i.Close())
		r.untilClosed(r.open(o), syscall.EPIPE)
	})
	t.Run("after a write", func(t *testing.T) { // which is not lost by that the reader has not read it
		r := newRig(t)
		i, o := r.files()
		out := r.open(o)
		out.WriteString("x")
		r.turns(3)
		r.no(i.Close())
		r.untilClosed(out, syscall.EPIPE)
	})
	t.Run("output queued", func(t *testing.T) {
		r := newRig(t)
		i, o := r.files()
		out := r.open(o)
		var told error
		r.no(out.WriteBuffers([][]byte{pattern(1 << 20)}, func(err error) { told = err }))
		r.turns(3)
		r.no(i.Close())
		r.untilClosed(out, syscall.EPIPE)
		r.is(told, syscall.EPIPE)
		var loss *stream.LossError
		if !errors.As(out.reason, &loss) || loss.Unsent < 1<<19 {
			t.Errorf("the reason is %v", out.reason)
		}
	})
	t.Run("a write meets it", func(t *testing.T) {
		r := newRig(t)
		i, o := r.files()
		out := r.open(o)
		r.no(i.Close())
		out.WriteString("x")
		r.untilClosed(out, syscall.EPIPE)
	})
}

// The writer has gone, and has left more than one read.
func TestWriterGoesAndLeavesMuch(t *testing.T) {
	r := newRig(t)
	i, o := r.files()
	want := pattern(60_000)
	_, err := o.Write(want)
	r.no(err)
	r.no(o.Close())
	in := r.open(i)
	eof := false
	in.OnEOF = func(*pipe.Conn) { eof = true }
	r.untilClosed(in, nil) // it had one side only, and that has ended
	r.equal("OnEOF", eof, true)
	r.equal("bytes", string(in.got) == string(want), true)
}

func TestWithoutOnRead(t *testing.T) {
	t.Run("nothing before the end", func(t *testing.T) {
		r := newRig(t)
		i, o := r.files()
		in := r.open(i)
		in.OnRead = nil
		r.turns(3)
		r.no(o.Close())
		r.untilClosed(in, io.EOF)
	})
	t.Run("something before it", func(t *testing.T) { // is there for who comes later
		r := newRig(t)
		i, o := r.files()
		in := r.open(i)
		in.OnRead = nil
		o.WriteString("late")
		r.no(o.Close())
		r.turns(5)
		r.equal("it has closed", in.closed, false)
		in.OnRead = func(_ *pipe.Conn, p []byte) { in.got = append(in.got, p...) }
		r.untilClosed(in, io.EOF)
		r.equal("bytes", string(in.got), "late")
	})
}

func (r *rig) fifo() string {
	r.Helper()
	name := filepath.Join(r.TempDir(), "fifo")
	r.no(unix.Mkfifo(name, 0o600))
	return name
}

func TestFIFO(t *testing.T) {
	t.Run("waits for the first writer", func(t *testing.T) {
		r := newRig(t)
		name := r.fifo()
		f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
		r.no(err)
		in := r.open(f)
		r.turns(5)
		r.equal("it has closed", in.closed, false)
		w, err := os.OpenFile(name, os.O_WRONLY, 0)
		r.no(err)
		w.WriteString("hello")
		r.no(w.Close())
		r.untilClosed(in, io.EOF)
		r.equal("bytes", string(in.got), "hello")
	})
	t.Run("the writer has gone before Open", func(t *testing.T) {
		r := newRig(t)
		name := r.fifo()
		f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
		r.no(err)
		r.no(unix.SetNonblock(int(f.Fd()), false)) // so that Open would open it anew
		w, err := os.OpenFile(name, os.O_WRONLY, 0)
		r.no(err)
		w.WriteString("hello")
		r.no(w.Close())
		in := r.open(f)
		r.untilClosed(in, io.EOF)
		r.equal("bytes", string(in.got), "hello")
	})
	t.Run("open for both", func(t *testing.T) { // has no end, as its reader may write it
		r := newRig(t)
		f, err := os.OpenFile(r.fifo(), os.O_RDWR, 0)
		r.no(err)
		c := r.open(f)
		r.equal("readable", c.Readable(), true)
		r.equal("writable", c.Writable(), true)
		c.WriteString("echo")
		r.until("it is read", func() bool { return string(c.got) == "echo" })
		r.no(c.Close())
		r.untilClosed(c, nil)
	})
}

func TestOpenErrors(t *testing.T) {
	r := newRig(t)
	name := filepath.Join(t.TempDir(), "regular")
	r.no(os.WriteFile(name, []byte("x"), 0o600))
	for _, name := range []string{name, t.TempDir()} {
		f, err := os.Open(name)
		r.no(err)
		_, err = pipe.Open(r.lp, f, nil)
		r.is(err, errors.ErrUnsupported)
		var op *net.OpError
		if !errors.As(err, &op) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "not a pipe") {
			t.Errorf("the error does not say what is wrong: %v", err)
		}
		r.no(f.Close())
		_, err = pipe.Open(r.lp, f, nil)
		r.is(err, os.ErrClosed)
	}
	i, o := r.files()
	_, err := pipe.Open(r.lp, nil, nil)
	r.is(err, os.ErrInvalid)
	_, err = pipe.Open(nil, i, nil)
	r.is(err, os.ErrInvalid)
	_, err = pipe.OpenBoth(r.lp, i, nil, nil)
	r.is(err, os.ErrInvalid)
	_, err = pipe.OpenBoth(r.lp, o, i, nil) // the wrong way round
	r.is(err, syscall.EBADF)
	_, err = pipe.Open(r.lp, i, &pipe.Options{IdleTimeout: -1, QueueLimit: &stream.QueueLimit{}})
	r.is(err, os.ErrInvalid)
	r.run()

	world := sim.New(1, sim.Config{})
	lp, err := loop.New(loop.Options{Poller: world.Host("a")})
	r.no(err)
	defer lp.Close()
	_, err = pipe.Open(lp, i, nil)
	r.is(err, errors.ErrUnsupported)

	r.no(r.lp.Close())
	_, err = pipe.Open(r.lp, i, nil)
	r.is(err, net.ErrClosed)
}

func TestDevices(t *testing.T) {
	r := newRig(t)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	r.no(err)
	c := r.open(null)
	wrote := false
	eof := false
	c.OnWrite = func(*pipe.Conn) { wrote = true }
	c.OnEOF = func(*pipe.Conn) { eof = true }
	c.Write(make([]byte, 1<<20))
	r.until("it has ended, and taken all", func() bool { return eof && wrote })
	r.no(c.Close())
	r.untilClosed(c, nil)

	f, err := os.Open("/dev/zero") // has no end, and must leave others their turn
	r.no(err)
	zero := r.open(f)
	n, ticks := 0, 0
	zero.OnRead = func(_ *pipe.Conn, p []byte) { n += len(p) }
	tick, err := timer.Every(r.lp, time.Millisecond, func() { ticks++ })
	r.no(err)
	r.until("both went on", func() bool { return n > 1<<20 && ticks > 3 })
	r.no(tick.Close())
	r.no(zero.PauseRead())
	before := n
	r.turns(5)
	r.equal("bytes while paused", n, before)
	r.no(zero.Close())
	r.untilClosed(zero, nil)
	r.run()
}

func (r *rig) socketpair() (a, b *os.File) {
	r.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	r.no(err)
	a, b = os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b")
	r.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func TestSocketpair(t *testing.T) {
	r := newRig(t)
	fa, fb := r.socketpair()
	_, err := pipe.OpenBoth(r.lp, fa, fb, nil) // neither is to lose a half
	r.is(err, os.ErrInvalid)
	a := r.open(fa)
	b, err := pipe.OpenBoth(r.lp, fb, fb, nil)
	r.no(err)
	r.no(fb.Close())
	other := r.watch(b)
	ended := false
	b.OnEOF = func(c *pipe.Conn) { ended = true; c.WriteString("bye"); c.Close() }
	a.WriteString("hello")
	r.no(a.CloseWrite())
	r.untilClosed(a, io.EOF)
	r.untilClosed(other, nil)
	r.equal("ended", ended, true)
	r.equal("bytes", string(other.got)+string(a.got), "hellobye")
}

// A Conn of two pipes ends one side after the other.
func TestOpenBoth(t *testing.T) {
	r := newRig(t)
	i1, o1 := r.files()
	i2, o2 := r.files()
	ca, err := pipe.OpenBoth(r.lp, i1, o2, nil)
	r.no(err)
	cb, err := pipe.OpenBoth(r.lp, i2, o1, nil)
	r.no(err)
	for _, f := range []*os.File{i1, o1, i2, o2} {
		r.no(f.Close())
	}
	a, b := r.watch(ca), r.watch(cb)
	b.OnRead = func(c *pipe.Conn, p []byte) { b.got = append(b.got, p...); c.Write(p) }
	b.OnEOF = func(c *pipe.Conn) { c.WriteString(" and all"); c.CloseWrite() }
	want := pattern(1 << 20)
	a.Write(want)
	r.no(a.CloseWrite())
	r.is(a.CloseWrite(), syscall.EPIPE)
	r.untilClosed(b, nil)
	r.untilClosed(a, io.EOF)
	r.equal("bytes", string(a.got) == string(want)+" and all", true)
}

// Whoever reads a Conn's output has gone. What it says is read to the end all the same.
func TestReaderGoesAndHasMoreToSay(t *testing.T) {
	for _, write := range []bool{false, true} {
		r := newRig(t)
		i1, o1 := r.files()
		i2, o2 := r.files()
		c, err := pipe.OpenBoth(r.lp, i1, o2, nil)
		r.no(err)
		for _, f := range []*os.File{i1, o2, i2} {
			r.no(f.Close())
		}
		w := r.watch(c)
		r.turns(3)
		if write {
			c.WriteString("x")
		}
		r.turns(3)
		r.equal("it has closed", w.closed, false)
		o1.WriteString("last words")
		r.until("they are read", func() bool { return string(w.got) == "last words" })
		c.OnEOF = func(*pipe.Conn) {}
		r.no(o1.Close())
		r.untilClosed(w, syscall.EPIPE) // told when nothing can come before it any more
	}
}
