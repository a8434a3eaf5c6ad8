//go:build linux

package unix_test

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"example.com/pike/stream/layer"
	"example.com/pike/unix"
)

// Files are refused while the system has still to take what goes before a layer.
func TestFilesBeforeLayer(t *testing.T) {
	p := newPair(t, nil, nil)
	raw, err := p.a.SyscallConn()
	p.no(err)
	p.no(raw.Control(func(fd uintptr) { // fill it
		for {
			if _, err := syscall.Write(int(fd), make([]byte, 4096)); err != nil {
				break
			}
		}
		for {
			if _, err := syscall.Write(int(fd), make([]byte, 1)); err != nil {
				break
			}
		}
	}))
	done, closed := false, false
	p.a.OnRead = func(*unix.Conn, []byte) {}
	p.a.OnClose = func(_ *unix.Conn, err error) { t.Log(err); closed = true }
	p.a.WriteString("go")
	p.no(p.a.StartLayer(layer.Identity{}, func(c *unix.Conn, err error) { p.no(err); done = true }))
	err = unix.WriteFiles(p.a, []byte("f"), os.Stdin)
	t.Log("WriteFiles:", err)
	p.b.OnRead = func(*unix.Conn, []byte) {}
	p.until("the layer is ready", func() bool { return done || closed })
	for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
		p.lp.RunNoWait()
	}
	if closed || !errors.Is(err, errors.ErrUnsupported) {
		t.Fatal("closed ", closed, err)
	}
}
