package unix_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"example.com/pike/unix"
)

// TestAbstractNames holds that they leave no file, go with the socket, and have no permissions.
func TestAbstractNames(t *testing.T) {
	r := newRig(t)
	t.Chdir(r.dir)
	name := fmt.Sprintf("@pike-%d", os.Getpid())
	for _, name := range []string{name, name + strings.Repeat("x", 108-len(name))} {
		for range 2 { // it is free again
			ln := r.listen(name, unix.ListenConfig{KeepFile: true})
			var in *unix.Conn
			ln.OnAccept = func(c *unix.Conn) { in = c }
			c, err := r.dial(name)
			r.no(err)
			r.until("it is accepted", func() bool { return in != nil })
			r.ends(name, c, in)
			_, err = unix.PeerCred(in)
			r.no(err)
			_, err = unix.Listen(r.lp, name, nil)
			r.is("a second listener", err, syscall.EADDRINUSE)
			nc, err := net.Dial("unix", name) // package net means the same by it
			r.no(err)
			nc.Close()
			r.closed(ln)
		}
		_, err := r.dial(name)
		r.is("nobody", err, syscall.ECONNREFUSED)
		if files, _ := os.ReadDir("."); len(files) > 0 {
			t.Errorf("there is %v", files)
		}
	}
	_, err := (&unix.ListenConfig{Mode: 0o600}).Listen(r.lp, name, nil)
	r.is("a Mode", err, os.ErrInvalid)
	_, err = unix.Listen(r.lp, name+strings.Repeat("x", 109-len(name)), nil)
	r.is("too long", err, syscall.ENAMETOOLONG)
}

// TestAbstractNameOfAKilledProcess goes with the process.
func TestAbstractNameOfAKilledProcess(t *testing.T) {
	r := newRig(t)
	name := fmt.Sprintf("@pike-killed-%d", os.Getpid())
	p, says := r.process(name)
	if says != "listening" {
		t.Fatal(says)
	}
	_, err := unix.Listen(r.lp, name, nil)
	r.is("while it lives", err, syscall.EADDRINUSE)
	r.no(p.Process.Kill())
	p.Wait()
	r.serves(name, r.listen(name, unix.ListenConfig{}))
}
