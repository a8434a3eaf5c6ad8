//go:build unix

package loop_test

import (
	"path/filepath"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/unix"
)

func init() {
	socketCallbacks["stream.OnPassed"] = func(t *testing.T, lp *loop.Loop, boom boom) {
		t.Chdir(t.TempDir()) // a path that is short enough
		ln, err := unix.Listen(lp, filepath.Join(".", "s"), nil)
		no(t, err)
		ln.OnAccept = func(c *unix.Conn) {
			c.OnRead = stream.Discard
			no(t, unix.OnPassed(c, func(c *unix.Conn, _ []*unix.Passed) { boom(c) }))
			no(t, ln.Close())
		}
		r, _ := pipe(t)
		_, err = unix.Dial(lp, "s", nil, func(c *unix.Conn, err error) {
			no(t, err)
			no(t, unix.WriteFiles(c, []byte("boom"), r))
			no(t, c.Close())
		})
		no(t, err)
	}
}
