//go:build !windows

package unix_test

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"

	sys "golang.org/x/sys/unix"

	"example.com/pike/unix"
)

// ends holds what the ends of a connection are called.
func (r *rig) ends(path string, c *unix.Conn, in *unix.Conn) {
	r.Helper()
	for _, e := range []struct {
		what, got, want string
	}{
		{"dialed, remote", c.RemoteAddr().String(), path},
		{"dialed, local", c.LocalAddr().Path, ""},
		{"accepted, local", in.LocalAddr().String(), path},
		{"accepted, remote", in.RemoteAddr().Path, ""},
		{"a client without a name", in.RemoteAddr().String(), "<none>"},
	} {
		if e.got != e.want {
			r.Errorf("%s: %q, want %q", e.what, e.got, e.want)
		}
	}
}

// TestAddresses holds that both ends know the path, also of a server that took a file over.
func TestAddresses(t *testing.T) {
	for _, over := range []bool{false, true} {
		r := newRig(t)
		path := r.path("s")
		if over {
			stale(t, path)
		}
		ln := r.listen(path, unix.ListenConfig{Mode: 0o600})
		var in *unix.Conn
		ln.OnAccept = func(c *unix.Conn) { in = c }
		c, err := r.dial(path)
		r.no(err)
		r.until("it is accepted", func() bool { return in != nil })
		r.ends(path, c, in)
		if ln.LocalAddr().String() != path {
			t.Errorf("the listener is at %v", ln.LocalAddr())
		}
		// The system, too, calls it so: other programs see that.
		raw, err := net.Dial("unix", path)
		r.no(err)
		if raw.RemoteAddr().String() != path {
			t.Errorf("others are connected to %v", raw.RemoteAddr())
		}
		raw.Close()
		r.closed(ln)
		if ln.LocalAddr().String() != path {
			t.Errorf("after Close the listener was at %v", ln.LocalAddr())
		}
	}
}

// TestAClientWithAName has a client that is bound.
func TestAClientWithAName(t *testing.T) {
	r := newRig(t)
	ln := r.listen(r.path("s"), unix.ListenConfig{})
	var in *unix.Conn
	ln.OnAccept = func(c *unix.Conn) { in = c }
	own := &net.UnixAddr{Net: "unix", Name: r.path("c")}
	c, err := net.DialUnix("unix", own, &net.UnixAddr{Net: "unix", Name: r.path("s")})
	r.no(err)
	defer c.Close()
	r.until("it is accepted", func() bool { return in != nil })
	if in.RemoteAddr().String() != own.Name {
		t.Errorf("the client is %v", in.RemoteAddr())
	}
	in.Close()
	if _, err := in.Write(nil); err == nil || !strings.HasPrefix(err.Error(), "write unix "+r.path("s")+"->"+own.Name+": ") {
		t.Errorf("an error of the connection: %v", err)
	}
}

// TestErrorsSayWhatAndWhere holds that an error is of the network "unix", and has the path.
func TestErrorsSayWhatAndWhere(t *testing.T) {
	r := newRig(t)
	r.listen(r.path("s"), unix.ListenConfig{})
	stale(t, r.path("dead"))
	_, busy := unix.Listen(r.lp, r.path("s"), nil)
	_, none := r.dial(r.path("none"))
	_, dead := r.dial(r.path("dead"))
	for _, c := range []struct {
		err        error
		op, path   string
		call, text string
		errno      syscall.Errno
	}{
		{busy, "listen", r.path("s"), "bind", "", syscall.EADDRINUSE},
		{none, "dial", r.path("none"), "connect", "", syscall.ENOENT},
		{dead, "dial", r.path("dead"), "connect", "", syscall.ECONNREFUSED},
	} {
		var op *net.OpError
		if !errors.As(c.err, &op) || op.Op != c.op || op.Net != "unix" || op.Addr.Network() != "unix" || op.Addr.String() != c.path {
			t.Errorf("%#v", c.err)
		}
		r.is(c.op, c.err, c.errno)
		if want := c.op + " unix " + c.path + ": " + c.call + ": " + c.errno.Error(); c.err.Error() != want {
			t.Errorf("%q, want %q", c.err, want)
		}
	}
}

// TestLongNames has the longest path that the system takes, and one byte more.
func TestLongNames(t *testing.T) {
	r := newRig(t)
	t.Chdir(r.dir)
	most := len(sys.RawSockaddrUnix{}.Path) - 1
	longest := strings.Repeat("x", most)
	r.serves(longest, r.listen(longest, unix.ListenConfig{}))
	_, err := unix.Listen(r.lp, longest+"x", nil)
	r.is("Listen", err, syscall.ENAMETOOLONG)
	_, err = r.dial(longest + "x")
	r.is("Dial", err, syscall.ENAMETOOLONG)
	if r.there(longest[:most-1]) || r.there(longest+"x") {
		t.Error("a path was cut")
	}
	_, err = unix.Listen(r.lp, "a\x00b", nil)
	r.is("a zero byte", err, syscall.EINVAL)
	if r.there("a") {
		t.Error("a path ends at a zero byte")
	}
}
