//go:build unix

package stream_test

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// What is adopted in vain is as it was.
func TestAdoptInVain(t *testing.T) {
	r := newRig(t)
	path := filepath.Join(t.TempDir(), "s")
	nl, err := net.Listen("unix", path)
	if err != nil {
		t.Skip(err)
	}
	defer nl.Close()
	for _, o := range [][]*tcp.Options{{{KeepAlive: 10 * time.Hour}}, {{MaxConns: -1}}, {nil, nil}} {
		if _, err := stream.AdoptListener(r.lp, nl, o...); err == nil {
			t.Errorf("it was adopted with %+v", o)
		}
	}
	go func() {
		nc, err := net.Dial("unix", path)
		if err == nil {
			nc.Close()
		}
	}()
	nl.(*net.UnixListener).SetDeadline(time.Now().Add(patience))
	nc, err := nl.Accept()
	r.no(err)
	nc.Close()
	r.no(nl.Close())
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the path is still there, and was its owner's to remove: %v", err)
	}
}

// The path of a unix-domain listener stays with it.
func TestAdoptUnixListener(t *testing.T) {
	r := newRig(t)
	path := filepath.Join(t.TempDir(), "s")
	nl, err := net.Listen("unix", path)
	if err != nil {
		t.Skip(err)
	}
	ln := r.adoptListener(nl)
	got := ""
	ln.OnAccept = func(c *tcp.Conn) {
		c.OnRead = func(c *tcp.Conn, p []byte) { got += string(p) }
		c.OnClose = func(*tcp.Conn, error) { ln.Close() }
	}
	sent := make(chan error, 1)
	go func() {
		nc, err := net.Dial("unix", path)
		if err == nil {
			_, err = io.WriteString(nc, "hello")
			nc.Close()
		}
		sent <- err
	}()
	r.until("the connection has come and gone", func() bool { return ln.Closing() })
	r.no(<-sent)
	r.equal("received", got, "hello")
}
