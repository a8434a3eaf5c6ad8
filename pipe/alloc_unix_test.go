//go:build unix && !race && !pikedebug && !kqfake

package pipe_test

import (
	"io"
	"testing"

	"example.com/pike/pipe"
)

// An echo over pipes allocates nothing.
func TestEchoAllocatesNothing(t *testing.T) {
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
	got, message := 0, make([]byte, 64)
	a.OnRead = func(_ *pipe.Conn, p []byte) { got += len(p) }
	b.OnRead = func(c *pipe.Conn, p []byte) { c.Write(p) }
	echo := func() {
		got = 0
		a.Write(message)
		for got < len(message) {
			if _, err := r.lp.RunOnce(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 100 {
		echo()
	}
	if n := testing.AllocsPerRun(1000, echo); n != 0 {
		t.Errorf("%v allocations an echo", n)
	}
}
