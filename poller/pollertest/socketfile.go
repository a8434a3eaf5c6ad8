package pollertest

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"example.com/pike/poller"
)

var socketFileClauses = []clause{
	{name: "Path_carries_streams", test: pathStreams},
	{name: "Path_in_use", test: pathInUse},
	{name: "Path_is_free_at_once", test: pathFree},
	{name: "Path_that_was_left", test: pathLeft},
	{name: "Path_goes_with_the_poller", test: pathOfPoller},
	{name: "Path_that_cannot_be", test: pathBad},
	{name: "Path_has_credentials", test: pathCred},
}

// path is a path where nothing is, or skips the test.
func (r *rig) path() poller.Addr {
	r.Helper()
	v, err := r.tryListen(poller.Addr{Path: strings.Repeat("x", 1<<10)}, nil)
	if err == nil {
		v.close()
		r.Fatal("a path of a KiB is taken")
	}
	if !errors.Is(err, syscall.ENAMETOOLONG) {
		r.Skipf("this poller has no unix domains: %v", err)
	}
	dir, err := os.MkdirTemp("", "pike") // TempDir has the name of the test, which is too long
	r.noError("a folder", err)
	r.Cleanup(func() { os.RemoveAll(dir) })
	return poller.Addr{Path: filepath.Join(dir, "s")}
}

func (r *rig) listenPath(a poller.Addr, f poller.SocketFile) *server {
	r.Helper()
	v := r.listenAt(a, &poller.Options{File: f})
	v.start()
	return v
}

// refusedPath says how a dial of a path fails.
func (r *rig) refusedPath(a poller.Addr) error {
	r.Helper()
	c, err := r.tryDial(a, nil)
	if err != nil {
		return err
	}
	r.until("the dial has ended", func() bool { return c.told })
	err = c.dialErr
	c.close()
	r.until("it is closed", c.over)
	return err
}

func pathStreams(r *rig) {
	p := r.path()
	v := r.listenPath(p, poller.SocketFile{})
	r.same("Addr of the listener", v.addr(), p)
	a, b := r.pairOf(v, nil)
	r.same("Peer of what was dialed", a.s.Peer(), p)
	r.same("Addr of what was dialed", a.s.Addr(), poller.Addr{})
	r.same("Peer of what was accepted", b.s.Peer(), poller.Addr{})
	r.same("Addr of what was accepted", b.s.Addr(), p)
	a.start()
	b.start()
	arrives(a, b, 100_000)
	arrives(b, a, 100_000)
	a.close()
	r.until("the end is received", b.ended)
}

func pathInUse(r *rig) {
	p := r.path()
	v := r.listenPath(p, poller.SocketFile{})
	_, err := r.tryListen(p, nil)
	r.is("a second listener", err, faultInUse)
	r.pairOf(v, nil)
	if n := len(v.conns); n != 1 {
		r.Errorf("%d connections: the second listener has made some", n)
	}
}

func pathFree(r *rig) {
	p := r.path()
	var last *server
	for range 5 {
		last = r.listenPath(p, poller.SocketFile{})
		r.pairOf(last, nil)
		last.close()
	}
	r.is("a dial", r.refusedPath(p), syscall.ENOENT)
}

// pathLeft has a listener leave its file. The next one takes it over, and removes it.
func pathLeft(r *rig) {
	p := r.path()
	v := r.listenPath(p, poller.SocketFile{Keep: true})
	v.close()
	r.until("it is closed", v.over)
	r.is("a dial", r.refusedPath(p), syscall.ECONNREFUSED)
	_, err := r.tryListen(p, &poller.Options{File: poller.SocketFile{NoTakeover: true}})
	r.is("NoTakeover", err, faultInUse)
	v = r.listenPath(p, poller.SocketFile{})
	r.pairOf(v, nil)
	v.close()
	r.is("a dial", r.refusedPath(p), syscall.ENOENT)
}

// pathOfPoller needs a file that can be looked at.
func pathOfPoller(r *rig) {
	p := r.path()
	r.listenPath(p, poller.SocketFile{})
	_, err := os.Lstat(p.Path)
	if _, real := r.p.(poller.Adopter); !real {
		r.Skip("this poller makes no files")
	}
	r.noError("the file", err)
	r.closePoller()
	if _, err := os.Lstat(p.Path); !errors.Is(err, os.ErrNotExist) {
		r.Errorf("after Close of the poller: %v", err)
	}
}

func pathBad(r *rig) {
	p := r.path()
	_, err := r.tryListen(poller.Addr{Path: p.Path + "\x00"}, nil)
	r.is("a zero byte", err, syscall.EINVAL)
	_, err = r.tryListen(p, &poller.Options{File: poller.SocketFile{Mode: os.ModeDir}})
	r.is("a Mode that is none", err, syscall.EINVAL)
	r.is("a dial of nobody", r.refusedPath(p), syscall.ENOENT)
	r.is("a dial of a path that is too long", r.refusedPath(poller.Addr{Path: strings.Repeat("x", 1<<10)}), syscall.ENAMETOOLONG)
}

func pathCred(r *rig) {
	p := r.path()
	a, b := r.pairOf(r.listenPath(p, poller.SocketFile{}), nil)
	c, _ := r.pair(nil)
	cred := func(c *conn) (poller.Cred, error) { return poller.Bottom(c.s).(poller.Credentialed).PeerCred() }
	if _, ok := poller.Bottom(a.s).(poller.Credentialed); !ok {
		r.Skip("this poller knows no credentials: its streams are no poller.Credentialed")
	}
	one, err := cred(a)
	if errors.Is(err, errors.ErrUnsupported) {
		r.Skip("this system does not tell who the peer is")
	}
	r.noError("PeerCred of what was dialed", err)
	other, err := cred(b)
	r.noError("PeerCred of what was accepted", err)
	if one != other || one.PID <= 0 {
		r.Errorf("the ends are of one process, and PeerCred is %+v and %+v", one, other)
	}
	if _, err := cred(c); !errors.Is(err, errors.ErrUnsupported) {
		r.Errorf("PeerCred of TCP: %v", err)
	}
	a.close()
	if _, err := cred(a); !errors.Is(err, net.ErrClosed) {
		r.Errorf("PeerCred after Close: %v", err)
	}
}
