//go:build !windows && !dragonfly

package unix_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"example.com/pike/stream"
	"example.com/pike/stream/layer"
	"example.com/pike/tcp"
	"example.com/pike/unix"
)

func TestPeerCred(t *testing.T) {
	self := unix.Cred{PID: os.Getpid(), UID: os.Geteuid(), GID: os.Getegid()}
	for name, o := range map[string]*unix.Options{
		"plain":        nil,
		"under layers": {Layer: layer.Stack{layer.Identity{}, layer.Identity{}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			path := r.path("s")
			ln, err := unix.Listen(r.lp, path, o)
			r.no(err)
			var in *unix.Conn
			ln.OnAccept = func(c *unix.Conn) { in = c }
			early, err := unix.Dial(r.lp, path, o, func(*unix.Conn, error) {})
			r.no(err)
			_, err = unix.PeerCred(early)
			r.is("while it is dialed", err, syscall.ENOTCONN)
			out, err := r.dial(path)
			r.no(err)
			r.until("it is accepted", func() bool { return in != nil })
			for _, c := range []*unix.Conn{in, out} {
				got, err := unix.PeerCred(c)
				r.no(err)
				if got != self {
					t.Errorf("%+v, want %+v", got, self)
				}
				c.Close()
				_, err = unix.PeerCred(c)
				r.is("after Close", err, net.ErrClosed)
			}
		})
	}
}

// TestPeerCredOfAnotherProcess has a server and a client elsewhere.
func TestPeerCredOfAnotherProcess(t *testing.T) {
	r := newRig(t)
	p, says := r.process(r.path("s"))
	if says != "listening" {
		t.Fatal(says)
	}
	c, err := r.dial(r.path("s"))
	r.no(err)
	r.cred(c, p)
	r.no(p.Process.Kill())
	p.Wait()
	r.cred(c, p) // the system has noted it
}

func (r *rig) cred(c *unix.Conn, p *exec.Cmd) {
	r.Helper()
	got, err := unix.PeerCred(c)
	r.no(err)
	if want := (unix.Cred{PID: p.Process.Pid, UID: os.Geteuid(), GID: os.Getegid()}); got != want {
		r.Errorf("%+v, want %+v", got, want)
	}
}

// TestPeerCredOfTCP is not to be had.
func TestPeerCredOfTCP(t *testing.T) {
	r := newRig(t)
	ln, err := tcp.Listen(r.lp, "127.0.0.1:0", nil)
	r.no(err)
	told := false
	_, err = tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(c *stream.Conn, err error) {
		told = true
		r.no(err)
		_, err = unix.PeerCred(c)
		r.is("TCP", err, errors.ErrUnsupported)
		var op *net.OpError
		if !errors.As(err, &op) || op.Net != "tcp" {
			t.Errorf("%#v", err)
		}
	})
	r.no(err)
	r.until("it is dialed", func() bool { return told })
}
