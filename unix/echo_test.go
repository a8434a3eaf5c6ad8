//go:build !windows

package unix_test

import (
	"errors"
	"io"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
	"example.com/pike/unix"
)

func TestEcho(t *testing.T) {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer lp.Close()
	path := filepath.Join(t.TempDir(), "s")
	ln, err := unix.Listen(lp, path, &unix.Options{IdleTimeout: 5 * time.Second, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	ln.OnAccept = func(c *unix.Conn) {
		c.OnRead = func(c *unix.Conn, p []byte) { c.Write(p) }
	}
	var got strings.Builder
	var reason error
	_, err = unix.Dial(lp, path, nil, func(c *unix.Conn, err error) {
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetNoDelay(true); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("SetNoDelay: %v", err)
		}
		c.OnRead = func(c *unix.Conn, p []byte) {
			got.Write(p)
			if got.Len() == 1<<20 {
				c.CloseWrite()
			}
		}
		c.OnClose = func(_ *unix.Conn, err error) { reason = err; ln.Close() }
		c.Write(make([]byte, 1<<20))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := lp.Run(); err != nil {
		t.Fatal(err)
	}
	if got.Len() != 1<<20 || reason != io.EOF {
		t.Errorf("%d bytes, %v", got.Len(), reason)
	}
	_, err = unix.Dial(lp, path+"x", nil, func(c *unix.Conn, err error) {
		if !errors.Is(err, syscall.ENOENT) || !strings.HasPrefix(err.Error(), "dial unix "+path+"x: connect") {
			t.Errorf("%v", err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	lp.Run()
}

// TestPipeAcross pipes TCP into a unix-domain socket: one type of connection.
func TestPipeAcross(t *testing.T) {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer lp.Close()
	path := filepath.Join(t.TempDir(), "s")
	back, err := unix.Listen(lp, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	back.OnAccept = func(c *unix.Conn) { c.OnRead = func(c *unix.Conn, p []byte) { c.Write(p) } }
	front, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	front.OnAccept = func(in *tcp.Conn) {
		in.PauseRead()
		unix.Dial(lp, path, nil, func(out *unix.Conn, err error) {
			if err != nil {
				t.Error(err)
				return
			}
			stream.Join(in, out, func(stream.Joined) { front.Close(); back.Close() })
		})
	}
	got := 0
	tcp.Dial(lp, front.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		c.OnRead = func(c *tcp.Conn, p []byte) {
			if got += len(p); got == 100_000 {
				c.Close()
			}
		}
		c.Write(make([]byte, 100_000))
	})
	if err := lp.Run(); err != nil || got != 100_000 {
		t.Errorf("%d %v", got, err)
	}
}
