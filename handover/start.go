package handover

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/pike/loop"
	"example.com/pike/pipe"
	"example.com/pike/stream"
)

// Options say what a next process gets.
type Options struct {
	// Listeners are passed on by their names, which Given.Listener of the next process asks for. A name has 1 to
	// 255 printable characters of ASCII, and no colon (sd_listen_fds_with_names(3)).
	Listeners map[string]*stream.Listener

	// Within is how long the next process may take until it says that it is ready. 0 is a minute.
	Within time.Duration
}

const defaultWithin = time.Minute

// A Next is a process that is to be in our place. It belongs to the loop's goroutine.
type Next struct {
	lp    *loop.Loop
	p     *pipe.Process
	conn  *pipe.Conn // of its word, and of its end
	heard []byte
	late  loop.Timeout
	most  time.Duration
	ended bool  // done was called, or is being called
	why   error // it is killed
	done  func(*Next, error)
}

// errNotReady is what has become of a process that ended by itself, or was killed because its pipe had ended.
var errNotReady = errors.New("it ended without a word that it is ready")

// Start starts cmd with listeners, and calls done once, from the loop: with nil when the process has said by
// Given.Ready that it is ready, and with the reason if it has not. Only then should this process stop to accept:
// call Loop.Shutdown in done.
//
// A process that is not ready within its time is killed, and the reason is os.ErrDeadlineExceeded. One that has
// ended has an *exec.ExitError, and one that Cancel has ended net.ErrClosed. In all these cases this process is as
// it was, and goes on.
//
// cmd is filled in: with the sockets as its first ExtraFiles, and with its environment. Of Stdin, Stdout and Stderr
// each that is nil becomes ours, because the next process lives longer than we do. WATCHDOG_PID is left out, so
// that the next process is the one that has to tell systemd's watchdog. A Path that is os.Args[0] is the new
// version after an update; that of os.Executable is the old one where a symbolic link was changed.
//
// Until done is called the process keeps the loop running, and a Shutdown waits for it; a program that is to
// end calls Cancel before. Once it is ready it is let go of, and is nobody's child when we have ended.
//
// Errors are os.ErrInvalid, those of stream.Listener.File, and those of pipe.Start: on Windows
// errors.ErrUnsupported. After an error done is not called. Start belongs to the loop's goroutine.
func Start(lp *loop.Loop, cmd *exec.Cmd, o Options, done func(next *Next, err error)) (*Next, error) {
	if err := lp.Maker().Check("handover.Start"); err != nil {
		return nil, err
	}
	if lp == nil || cmd == nil || done == nil || o.Within < 0 {
		return nil, fmt.Errorf("handover: %w", os.ErrInvalid)
	}
	var files closers
	defer files.close()
	names := slices.Sorted(maps.Keys(o.Listeners))
	for _, name := range names {
		ln := o.Listeners[name]
		if !isName(name) || ln == nil {
			return nil, fmt.Errorf("handover: the listener %q: %w", name, os.ErrInvalid)
		}
		f, err := ln.File()
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	n := &Next{lp: lp, done: done, most: o.Within}
	if n.most == 0 {
		n.most = defaultWithin
	}
	theirs, err := n.open(&files)
	if err != nil {
		return nil, err
	}
	fill(cmd, names, files[:len(names)], theirs)
	if n.p, err = pipe.Start(lp, cmd, nil); err != nil {
		n.conn.CloseNow()
		return nil, err
	}
	n.p.OnExit = n.exited
	n.late.Init(n)
	lp.Maker().SetTimeout(&n.late, lp.Maker().Poller().Now().Add(n.most))
	return n, nil
}

// closers are files that a child has, or that nobody needs any more.
type closers []*os.File

func (c *closers) close() {
	for _, f := range *c {
		f.Close()
	}
}

// open makes the pipe by which the process tells. Its end for the process is theirs.
func (n *Next) open(files *closers) (theirs *os.File, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	*files = append(*files, r, w)
	if n.conn, err = pipe.Open(n.lp, r, nil); err != nil {
		return nil, err
	}
	n.conn.OnRead = n.read
	n.conn.OnClose = func(*pipe.Conn, error) { n.give(nil) }
	return w, nil
}

// fill gives cmd what it passes on.
func fill(cmd *exec.Cmd, names []string, sockets []*os.File, ready *os.File) {
	if cmd.Stdin == nil {
		cmd.Stdin = os.Stdin
	}
	if cmd.Stdout == nil {
		cmd.Stdout = os.Stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	files := append(slices.Clone(sockets), cmd.ExtraFiles...)
	cmd.ExtraFiles = append(files, ready)
	env := slices.DeleteFunc(cmd.Environ(), func(s string) bool {
		name, _, _ := strings.Cut(s, "=")
		return slices.Contains(variables, name) || name == "WATCHDOG_PID"
	})
	cmd.Env = append(env,
		listenFDs+"="+strconv.Itoa(len(names)), listenNames+"="+strings.Join(names, ":"),
		handedOver+"="+strconv.Itoa(os.Getpid())+":"+strconv.Itoa(firstFD+len(files)))
}

// isName is fdname_is_valid of systemd, but for the empty name, which Given.Listener takes for any.
func isName(s string) bool {
	bad := func(r rune) bool { return r < ' ' || r > '~' || r == ':' }
	return len(s) > 0 && len(s) <= 255 && !strings.ContainsFunc(s, bad)
}

// Pid is the number of the process.
func (n *Next) Pid() int { return n.p.Pid() }

// Signal sends the process a signal: SIGHUP say, which came to us although we were replaced. When the process has
// ended it is os.ErrProcessDone, and no other process that has got its number is hit.
func (n *Next) Signal(sig os.Signal) error { return n.p.Signal(sig) }

// Cancel ends a process that is not ready; done is called when it has ended. When done was called it does nothing.
func (n *Next) Cancel() error {
	if err := n.lp.Maker().Check("handover.Next.Cancel"); err != nil {
		return err
	}
	n.give(net.ErrClosed)
	return nil
}

// give gives the process up: it is killed, and done is told when it has ended.
func (n *Next) give(why error) {
	if n.ended || n.p == nil || n.p.Closing() {
		return
	}
	if n.why == nil {
		n.why = why
	}
	n.p.Kill() // an error says that it has ended already, and OnExit follows
}

// Expired is when the process has taken too long.
func (n *Next) Expired(*loop.Timeout) {
	n.give(fmt.Errorf("it was not ready after %v: %w", n.most, os.ErrDeadlineExceeded))
}

// read hears what the process says. What is no word of ours it does not wait for the rest of.
func (n *Next) read(c *pipe.Conn, p []byte) {
	if n.heard = append(n.heard, p...); string(n.heard) == ready+"\n" && !n.ended && n.why == nil {
		n.end()
		n.p.Close() // it lives on
		n.done(n, nil)
		return
	}
	if !strings.HasPrefix(ready+"\n", string(n.heard)) {
		n.give(fmt.Errorf("it said %q: %w", n.heard, os.ErrInvalid))
	}
}

// exited is when the process has ended, or the loop is closed.
func (n *Next) exited(p *pipe.Process, state *os.ProcessState, err error) {
	if n.ended {
		return
	}
	if state == nil {
		p.Cmd().Process.Kill()
	}
	switch {
	case n.why != nil:
		err = n.why
	case err == nil:
		err = errNotReady
	case state != nil:
		err = fmt.Errorf("%w: %w", errNotReady, err)
	}
	n.end()
	n.done(n, fmt.Errorf("handover: the next process, %d: %w", p.Pid(), err))
}

// end is before done.
func (n *Next) end() {
	n.ended = true
	n.lp.Maker().StopTimeout(&n.late)
	n.conn.CloseNow() // an error says that it is closed
}
