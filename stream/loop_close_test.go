package stream_test

import (
	"io"
	"testing"
	"time"
)

// TestLoopCloseSendsLongQueues: the queue is longer than what goes out in one turn, and the system has room for
// all of it.
func TestLoopCloseSendsLongQueues(t *testing.T) {
	for _, n := range []int{1, 200, 300, 1000, 5000} {
		r := newRig(t)
		c, nc := r.peer(nil)
		bufs := make([][]byte, n)
		for i := range bufs {
			bufs[i] = []byte("0123456789")
		}
		r.no(c.WriteBuffers(bufs, nil))
		r.no(r.lp.Close())
		r.no(nc.SetReadDeadline(time.Now().Add(patience)))
		got, err := io.ReadAll(nc)
		if len(got) != 10*n || err != nil {
			t.Errorf("of %d buffers %d bytes arrive, want %d; %v", n, len(got), 10*n, err)
		}
	}
}
