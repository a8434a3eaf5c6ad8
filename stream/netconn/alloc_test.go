package netconn_test

import (
	"io"
	"testing"
	"time"
)

// Neither a message nor a deadline costs an allocation, whatever its size; the other end is a Conn, too.
func TestAllocations(t *testing.T) {
	for _, size := range []int{64, 4 << 10, 64 << 10} {
		r := newRig(t)
		nl := r.listen()
		nc, _ := r.dial(nl.Addr().String())
		accepted, err := nl.Accept()
		no(t, err)
		go io.CopyBuffer(struct{ io.Writer }{accepted}, struct{ io.Reader }{accepted}, make([]byte, 16<<10))
		p := make([]byte, size)
		echo := func() {
			if err := nc.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Error(err)
			}
			if _, err := nc.Write(p); err != nil {
				t.Error(err)
			}
			if _, err := io.ReadFull(nc, p); err != nil {
				t.Error(err)
			}
		}
		for range 100 {
			echo()
		}
		if n := testing.AllocsPerRun(500, echo); n > 0 && !costly {
			t.Errorf("%d bytes: %v allocations a message", size, n)
		}
		nc.Close()
		accepted.Close()
	}
}
