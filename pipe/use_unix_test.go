//go:build unix

package pipe_test

import (
	"context"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/pipe"
	"example.com/pike/stream"
	"example.com/pike/stream/layer"
	"example.com/pike/stream/netconn"
)

// What works over every Conn works over pipes.

func TestJoin(t *testing.T) {
	r := newRig(t)
	fa, fb := r.socketpair()
	outside, inside := r.open(fa), r.open(fb)
	i1, o1 := r.files()
	i2, o2 := r.files()
	a, err := pipe.OpenBoth(r.lp, i1, o2, nil)
	r.no(err)
	b, err := pipe.OpenBoth(r.lp, i2, o1, nil)
	r.no(err)
	for _, f := range []io.Closer{i1, o1, i2, o2} {
		r.no(f.Close())
	}
	echo := r.watch(b)
	b.OnRead = func(c *pipe.Conn, p []byte) { c.Write(p) }
	r.no(stream.Join(inside.Conn, a, nil))
	want := pattern(300_000)
	outside.Write(want)
	r.no(outside.CloseWrite())
	r.untilClosed(outside, io.EOF)
	r.untilClosed(echo, io.EOF)
	r.equal("bytes", string(outside.got) == string(want), true)
}

// Of two Conns with one side each, one reads and the other writes, as cat does.
func TestJoinOneWay(t *testing.T) {
	r := newRig(t)
	in, toIn := r.bare()
	fromOut, out := r.bare()
	var joined *stream.Joined
	r.no(stream.Join(in, out, func(j stream.Joined) { joined = &j }))
	want := pattern(300_000)
	w, got := r.watch(toIn), r.watch(fromOut)
	w.Write(want)
	r.no(w.Close())
	r.untilClosed(got, io.EOF)
	r.until("it is told", func() bool { return joined != nil })
	r.no(joined.Err)
	r.equal("bytes", string(got.got) == string(want), true)
}

// bare is a pipe, without callbacks.
func (r *rig) bare() (in, out *pipe.Conn) {
	r.Helper()
	i, o := r.files()
	in, err := pipe.Open(r.lp, i, nil)
	r.no(err)
	out, err = pipe.Open(r.lp, o, nil)
	r.no(err)
	r.no(i.Close())
	r.no(o.Close())
	return in, out
}

func TestBlockingCodeOnAnotherGoroutine(t *testing.T) {
	r := newRig(t)
	c := r.start(exec.Command("cat"))
	out := netconn.Wrap(c.Stdout)
	got := ""
	_, err := loop.Work(t.Context(), r.lp, func(context.Context) ([]byte, error) { return io.ReadAll(out) }, func(p []byte, err error) {
		r.no(err)
		got = string(p)
	})
	r.no(err)
	want := strings.Repeat("x", 200_000)
	c.in.WriteString(want)
	r.no(c.in.CloseWrite())
	r.until("it is read", func() bool { return got == want && c.exited })
	r.no(out.Close())
	r.run()
}

func TestLayer(t *testing.T) {
	r := newRig(t)
	i1, o1 := r.files()
	i2, o2 := r.files()
	a, err := pipe.OpenBoth(r.lp, i1, o2, nil)
	r.no(err)
	b, err := pipe.OpenBoth(r.lp, i2, o1, nil)
	r.no(err)
	for _, f := range []io.Closer{i1, o1, i2, o2} {
		r.no(f.Close())
	}
	echo, w := r.watch(b), r.watch(a)
	b.OnRead = func(c *pipe.Conn, p []byte) { c.Write(p) }
	ready := false
	r.no(a.StartLayer(layer.Identity{}, func(_ *pipe.Conn, err error) { r.no(err); ready = true }))
	r.until("it is ready", func() bool { return ready })
	a.WriteString("through a layer")
	r.until("it is echoed", func() bool { return string(w.got) == "through a layer" })
	r.no(a.Close())
	r.untilClosed(w, nil)
	r.untilClosed(echo, io.EOF)
}

// The error says which pipe it is, and that it is the writing that has failed.
func TestErrorsNameThePipe(t *testing.T) {
	r := newRig(t)
	c := r.start(exec.Command("true"))
	r.untilExit(c)
	r.equal("the reason", c.in.reason.Error(), "write pipe true stdin: write: broken pipe")
	_, err := c.in.WriteString("x")
	r.is(err, net.ErrClosed)
}
