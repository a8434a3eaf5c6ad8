//go:build linux

package unix_test

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"example.com/pike/stream/layer"
	"example.com/pike/unix"
)

// Files are refused while the system has still to take what goes before a layer.
func TestFilesBeforeLayer(t *testing.T) {
	p := newPair(t, nil, nil)
	raw, err := p.a.SyscallConn()
	p.no(err)
	filled, read := 0, 0
	p.no(raw.Control(func(fd uintptr) {
		for _, size := range []int{4096, 1} {
			for {
				n, err := syscall.Write(int(fd), make([]byte, size))
				if err != nil {
					break
				}
				filled += n
			}
		}
	}))
	done, closed := false, false
	p.a.OnRead = func(*unix.Conn, []byte) {}
	p.a.OnClose = func(*unix.Conn, error) { closed = true }
	p.a.WriteString("go")
	p.no(p.a.StartLayer(layer.Identity{}, func(c *unix.Conn, err error) { p.no(err); done = true }))
	err = unix.WriteFiles(p.a, []byte("f"), os.Stdin)
	p.b.OnRead = func(_ *unix.Conn, b []byte) { read += len(b) }
	p.until("the layer is ready, and all is read", func() bool { return closed || done && read == filled+len("go") })
	if closed || !errors.Is(err, errors.ErrUnsupported) {
		t.Fatal("closed ", closed, err)
	}
}
