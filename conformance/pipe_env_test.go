package conformance

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"example.com/pike/poller/sim"
	"example.com/pike/unix"
)

// A sockets is a streams whose connections are of unix domains.
type sockets struct {
	*streams
	dir string // of the paths
}

// onPipes makes a line's run of a function that wants a loop and a folder for paths.
func onPipes(run func(s *sockets)) func(*env) {
	return onStreams(func(s *streams) {
		// A path that is too long makes no file, and a backend without unix domains needs no folder.
		if _, err := unix.Listen(s.lp, strings.Repeat("x", 1<<10), nil); errors.Is(err, errors.ErrUnsupported) {
			s.Skip("this backend has no unix domains")
		}
		p := &sockets{s, "/run"}
		if !s.backend.sim {
			dir, err := os.MkdirTemp("", "pike") // TempDir has the name of the line, and is too long on some systems
			s.no(err)
			s.Cleanup(func() { os.RemoveAll(dir) })
			p.dir = dir
		}
		run(p)
	})
}

func (s *sockets) path(name string) string { return filepath.Join(s.dir, name) }

// listenAt opens a listener at a path.
func (s *sockets) listenAt(path string, fn func(*unix.Conn)) *unix.Listener {
	s.Helper()
	ln, err := unix.Listen(s.lp, path, nil)
	s.no(err)
	ln.OnAccept = fn
	ln.OnClose = func() { s.closed++ }
	return ln
}

// dialAt starts to connect to a path. The connection is counted when it ends.
func (s *sockets) dialAt(path string, fn func(c *unix.Conn, err error)) *unix.Conn {
	s.Helper()
	inDial := true
	c, err := unix.Dial(s.lp, path, nil, func(c *unix.Conn, err error) {
		s.equal("called from inside Dial", inDial, false)
		fn(c, err)
	})
	inDial = false
	s.no(err)
	s.count(c)
	return c
}

// pairAt is both ends of a connection. Its listener is closed.
func (s *sockets) pairAt(path string) (dialed, accepted *unix.Conn) {
	s.Helper()
	made := false
	ln := s.listenAt(path, func(c *unix.Conn) { accepted = c })
	dialed = s.dialAt(path, func(_ *unix.Conn, err error) { s.no(err); made = true })
	s.until("a pair is made", func() bool { return made && accepted != nil })
	s.no(ln.Close())
	s.until("its listener is closed", func() bool { return s.closed == 1 })
	s.closed = 0
	s.count(accepted)
	return dialed, accepted
}

// fileMode is the permissions of a file, and whether there is one.
func (s *sockets) fileMode(path string) (os.FileMode, bool) {
	s.Helper()
	if h, ok := s.lp.Maker().Poller().(*sim.Host); ok {
		return h.Mode(path)
	}
	st, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, false
	}
	s.no(err)
	return st.Mode().Perm(), true
}
