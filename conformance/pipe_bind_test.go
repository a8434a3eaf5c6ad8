package conformance

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"

	"example.com/pike/loop"
	"example.com/pike/unix"
)

// The lines that begin with P are of libuv's test-pipe-*.c, which shared lists leave out, and named
// after them. Those of handles that are sent, and of children, are with the packages that have these.
var _ = add(
	line{id: "P1", name: "bind error addrinuse", run: onPipes(pathInUse)},
	line{id: "P2", name: "bind error addrnotavail", needs: realSystem, run: onPipes(noFolder)},
	line{id: "P3", name: "bind error inval", run: onPipes(pathInvalid)},
	line{id: "P4", name: "bind error long path", run: onPipes(longPath)},
	line{id: "P5", name: "bind or listen error after close", run: onPipes(listenPathAfterClose)},
	line{id: "P6", name: "getsockname", run: onPipes(pathNames)},
	line{id: "P7", name: "getsockname abstract", run: onPipes(abstractNames)},
	line{id: "P8", name: "getsockname blocking", skip: "nothing here reads on a thread of its own, which the name would wait for"},
	line{id: "P9", name: "set fchmod", run: onPipes(chmod)},
	line{id: "P10", name: "pending instances", run: onPipes(pendingInstances)},
	line{id: "P11", name: "close removes the path", run: onPipes(closeRemoves)},
	line{id: "P12", name: "listen without bind", skip: "Listen binds: a listener without a path cannot be written down"},
)

// libuv's second handle is then told EINVAL by listen; pike's is none.
func pathInUse(s *sockets) {
	path := s.path("s")
	ln := s.listenAt(path, func(c *unix.Conn) { s.no(c.Close()) })
	second, err := unix.Listen(s.lp, path, nil)
	s.is(err, syscall.EADDRINUSE)
	s.equal("a second listener", second == nil, true)
	s.dialAt(path, func(c *unix.Conn, err error) { // the first has come to no harm
		s.no(err)
		s.no(c.Close())
		s.no(ln.Close())
	})
	s.end()
	s.equal("close callbacks", s.closed, 2)
}

// libuv makes EACCES of it, which Windows says.
func noFolder(s *sockets) {
	const nowhere = "/path/to/unix/socket/that/really/should/not/be/there"
	ln, err := unix.Listen(s.lp, nowhere, nil)
	s.is(err, os.ErrNotExist)
	s.is(err, syscall.ENOENT)
	s.equal("a listener", ln == nil, true)
	s.end()
}

// A second bind of one handle cannot be written down: it is another listener, at another path.
func pathInvalid(s *sockets) {
	_, err := unix.Listen(s.lp, "", nil)
	s.is(err, os.ErrInvalid)
	_, err = unix.Listen(s.lp, s.path("a\x00b"), nil)
	s.is(err, syscall.EINVAL)
	_, there := s.fileMode(s.path("a"))
	s.equal("the part before the zero byte", there, false)
	one, two := s.listenAt(s.path("1"), nil), s.listenAt(s.path("2"), nil)
	s.no(one.Close())
	s.no(two.Close())
	s.end()
	s.equal("close callbacks", s.closed, 2)
}

func longPath(s *sockets) {
	long := s.path(strings.Repeat(".", 2047))
	_, err := unix.Listen(s.lp, long, nil)
	s.is(err, syscall.ENAMETOOLONG)
	s.equal("the error has the path", strings.Contains(err.Error(), long), true)
	told := 0
	_, err = unix.Dial(s.lp, long, nil, func(_ *unix.Conn, err error) {
		s.is(err, syscall.ENAMETOOLONG)
		told++
	})
	if err != nil {
		s.is(err, syscall.ENAMETOOLONG)
		told++
	}
	s.end()
	s.equal("Dial says so", told, 1)
}

// libuv answers EINVAL; here every closed thing answers net.ErrClosed.
func listenPathAfterClose(s *sockets) {
	ln := s.listenAt(s.path("s"), nil)
	s.no(ln.Close())
	for range 2 {
		s.is(ln.SetBacklog(5), net.ErrClosed)
		s.is(ln.Resume(), net.ErrClosed)
		s.is(ln.Close(), net.ErrClosed)
		s.end()
	}
	s.equal("close callbacks", s.closed, 1)
	s.no(s.lp.Close())
	_, err := unix.Listen(s.lp, s.path("s"), nil)
	s.is(err, net.ErrClosed)
}

// libuv's client has the peer's name before it is told that it is connected.
func pathNames(s *sockets) {
	names(s, s.path("s"))
}

// Other systems than Linux have a file of that name, in the folder in which the process is.
func abstractNames(s *sockets) {
	if !s.backend.sim {
		s.Chdir(s.dir)
	}
	name := "@pike" + strings.ReplaceAll(s.path(""), "/", "-")
	names(s, name)
}

func names(s *sockets, path string) {
	var in *unix.Conn
	ln := s.listenAt(path, func(c *unix.Conn) { in = c })
	s.equal("listener", ln.LocalAddr().String(), path)
	connected := false
	c := s.dialAt(path, func(c *unix.Conn, err error) {
		s.no(err)
		s.equal("dialed, remote", c.RemoteAddr().String(), path)
		s.equal("dialed, local", c.LocalAddr().IsValid(), false)
		connected = true
	})
	s.equal("dialed, too early", c.RemoteAddr().IsValid() || c.LocalAddr().IsValid(), false)
	s.until("both ends are there", func() bool { return connected && in != nil })
	s.equal("accepted, local", in.LocalAddr().String(), path)
	s.equal("accepted, remote", in.RemoteAddr().IsValid(), false)
	s.count(in)
	s.no(c.Close())
	s.no(in.Close())
	s.no(ln.Close())
	s.end()
	s.equal("listener that is closed", ln.LocalAddr().String(), path)
	s.equal("close callbacks", s.closed, 3)
}

// uv_pipe_chmod changes a path that is bound, and later than the first client may come. Here the mode is asked for
// before.
func chmod(s *sockets) {
	for _, mode := range []os.FileMode{0o444, 0o222, 0o666, 0o600} {
		ln, err := (&unix.ListenConfig{Mode: mode}).Listen(s.lp, s.path("s"), nil)
		s.no(err)
		got, there := s.fileMode(s.path("s"))
		s.equal("a file", there, true)
		s.equal("mode", got, mode)
		s.no(ln.Close())
		s.end()
	}
	_, err := (&unix.ListenConfig{Mode: 0o12345670}).Listen(s.lp, s.path("s"), nil)
	s.is(err, syscall.EINVAL)
	_, there := s.fileMode(s.path("s"))
	s.equal("a file of an error", there, false)
}

// On unix uv_pipe_pending_instances does nothing, before listen and after it. What it is for is the
// backlog here.
func pendingInstances(s *sockets) {
	ln, err := unix.Listen(s.lp, s.path("s"), &unix.Options{Backlog: 8})
	s.no(err)
	s.no(ln.SetBacklog(16))
	accepted := 0
	ln.OnAccept = func(c *unix.Conn) {
		if accepted++; accepted == 4 {
			s.no(ln.Close())
		}
		s.no(c.Close())
	}
	for range 4 {
		s.dialAt(s.path("s"), func(c *unix.Conn, err error) {
			s.no(err)
			s.no(c.Close())
		})
	}
	s.end()
	s.equal("accepted", accepted, 4)
}

// libuv unlinks whatever is at the path. Here somebody else's stays, and so does one that KeepFile keeps, until the
// next server takes it over; libuv tells that one EADDRINUSE.
func closeRemoves(s *sockets) {
	there := func(want bool) {
		s.Helper()
		_, is := s.fileMode(s.path("s"))
		s.equal("a file", is, want)
	}
	ln := s.listenAt(s.path("s"), nil)
	there(true)
	s.no(ln.Close())
	there(false)
	s.end()
	lc := &unix.ListenConfig{KeepFile: true}
	ln, err := lc.Listen(s.lp, s.path("s"), nil)
	s.no(err)
	s.no(ln.Close())
	s.end()
	there(true)
	s.dialAt(s.path("s"), func(_ *unix.Conn, err error) { s.is(err, syscall.ECONNREFUSED) })
	s.end()
	lc.NoTakeover = true
	_, err = lc.Listen(s.lp, s.path("s"), nil)
	s.is(err, syscall.EADDRINUSE)
	ln = s.listenAt(s.path("s"), nil)
	s.no(s.lp.Close()) // closes the listener
	there(false)
	s.is(ln.Close(), net.ErrClosed)
	_, err = s.lp.RunOnce()
	s.equal("the loop is closed", errors.Is(err, net.ErrClosed) || errors.Is(err, loop.ErrRunning), true)
}
