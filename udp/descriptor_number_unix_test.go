//go:build unix

package udp_test

import (
	"net/netip"
	"os"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/udp"
)

// A descriptor that is closed while it is watched leaves its number to the next
// socket, which hears what is sent to it, whatever becomes of the Watch.
func TestNumberOfAWatchedDescriptor(t *testing.T) {
	for name, act := range map[string]func(*loop.Watch){
		"Close": func(w *loop.Watch) { w.Close() },
		"Set":   func(w *loop.Watch) { w.Set(loop.Readable | loop.Writable) },
	} {
		t.Run(name, func(t *testing.T) {
			lp := newLoop(t)
			r, w, err := os.Pipe()
			no(t, err)
			defer w.Close()
			fd := r.Fd()
			lost, err := lp.Watch(fd, loop.Readable, func(*loop.Watch, loop.Events) { t.Error("the Watch of the pipe was called") })
			no(t, err)
			lost.Unref()
			no(t, r.Close())
			c := listen(t, lp, anyV4, nil)
			raw, err := c.SyscallConn()
			no(t, err)
			no(t, raw.Control(func(n uintptr) {
				if n != fd {
					t.Skip("the number was not used again")
				}
			}))
			got := ""
			c.OnRead = func(_ *udp.Conn, p []byte, _ netip.AddrPort) {
				got += string(p)
				c.Close()
			}
			act(lost)
			s := listen(t, lp, anyV4, nil)
			writeTo(t, s, "x", c.LocalAddr())
			s.Close()
			run(t, lp)
			equal(t, "received", got, "x")
		})
	}
}
