package tlslayer_test

import (
	"bytes"
	"io"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"example.com/pike/stream/tlslayer"
	"example.com/pike/tcp"
)

// TestSendFile has a file go out between two words, protected as they are, and then the end.
func TestSendFile(t *testing.T) {
	content := random(mrand.New(mrand.NewPCG(1, 2)), 2<<20)
	name := filepath.Join(t.TempDir(), "file")
	no(t, os.WriteFile(name, content, 0o600))
	eachVersion(t, func(t *testing.T, o *tlslayer.Options, v uint16) {
		server, client := configs(t)
		server.MinVersion, server.MaxVersion = v, v
		var done atomic.Int32
		s := serve(t, serverOptions(server, o), func(c *tcp.Conn) {
			f, err := os.Open(name)
			if err != nil {
				t.Error(err)
			}
			c.WriteString("before")
			for _, off := range []int64{0, 2<<20 - 10} {
				if err := c.SendFile(f, off, -1, func(err error) {
					if err != nil {
						t.Error(err)
					}
					done.Add(1)
				}); err != nil {
					t.Error(err)
				}
			}
			c.WriteString("behind")
			c.OnWrite = func(*tcp.Conn) { f.Close() }
			c.CloseWrite()
		})
		nc := dial(t, s.addr, client)
		got, err := io.ReadAll(nc)
		no(t, err)
		want := append(append([]byte("before"), content...), content[2<<20-10:]...)
		if want = append(want, "behind"...); !bytes.Equal(got, want) {
			t.Errorf("%d bytes were received that are not the %d that were sent", len(got), len(want))
		}
		if n := done.Load(); n != 2 {
			t.Errorf("done was called %d times", n)
		}
		no(t, nc.Close())
	})
}
