//go:build unix

package stream_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/pike/tcp"
)

const blockingVariable = "PIKE_TEST_BLOCKING"

// The graceful restart of most servers: the listener is adopted, and its File given to a
// child. To do that package os makes the open file description blocking, which is the
// loop's too. Neither the loop nor the garbage collector may then hang in accept; a process
// of its own can be ended if they do.
func TestAdoptedListenerMadeBlocking(t *testing.T) {
	if os.Getenv(blockingVariable) != "" {
		adoptAndInherit(t)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestAdoptedListenerMadeBlocking$", "-test.v")
	cmd.Env = append(os.Environ(), blockingVariable+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v, %v\n%s", err, context.Cause(ctx), out)
	}
}

func adoptAndInherit(t *testing.T) {
	r := newRig(t)
	nl, err := net.Listen("tcp", loopback)
	r.no(err)
	f, err := nl.(*net.TCPListener).File()
	r.no(err)
	defer f.Close()
	adopted := r.adoptListener(nl)
	own, err := tcp.Listen(r.lp, loopback, nil)
	r.no(err)
	for _, ln := range []*tcp.Listener{adopted, own} {
		file := f
		if ln == own { // by its descriptor, as those do it who hand it on themselves
			raw, err := ln.SyscallConn()
			r.no(err)
			r.no(raw.Control(func(fd uintptr) { file = os.NewFile(duplicate(t, fd), "listener") }))
		}
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.ExtraFiles = []*os.File{file} // os calls file.Fd, which makes it blocking
		r.no(cmd.Run())
		accepted := 0
		ln.OnAccept = func(c *tcp.Conn) {
			accepted++
			c.Close()
		}
		addr := ln.LocalAddr().String()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for range 3 {
				if nc, err := net.Dial("tcp", addr); err != nil {
					t.Error(err)
				} else {
					nc.Close()
				}
				runtime.GC() // waits for every thread that is in a raw call
			}
			r.lp.Post(func() {})
		}()
		r.until("all are accepted", func() bool { return accepted == 3 })
		<-ended
		if file != f {
			file.Close()
		}
	}
}

func duplicate(t *testing.T, fd uintptr) uintptr {
	t.Helper()
	d, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return uintptr(d)
}
