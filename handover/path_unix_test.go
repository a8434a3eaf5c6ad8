//go:build unix

package handover_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"example.com/pike/stream"
	"example.com/pike/unix"
)

// A path that the old process keeps is the next one's, and one that it does not keep is gone when it closes.
func TestListenerAtAPath(t *testing.T) {
	for _, keep := range []bool{true, false} {
		r := newRig(t)
		path := filepath.Join(shortDir(t), "one")
		lc := unix.ListenConfig{KeepFile: keep}
		ln, err := lc.Listen(r.lp, path, nil)
		r.no(err)
		f, err := ln.File()
		r.no(err)
		nl, err := net.FileListener(f) // as Given.Listener does
		r.no(err)
		r.no(f.Close())
		next, err := stream.AdoptListener(r.lp, nl)
		r.no(err)
		accepted := false
		next.OnAccept = func(c *stream.Conn) { accepted = true; c.Close() }
		closed := false
		ln.OnClose = func() { closed = true }
		r.no(ln.Close())
		r.until("it is closed", func() bool { return closed })
		c, err := net.Dial("unix", path)
		if !keep {
			r.is(err, os.ErrNotExist)
			continue
		}
		r.no(err)
		defer c.Close()
		r.until("it is accepted", func() bool { return accepted })
	}
}
