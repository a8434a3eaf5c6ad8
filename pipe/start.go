package pipe

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// A Process is a child on a loop. Its methods belong to the loop's goroutine. Until its exit is told it keeps
// the loop running, unless Unref was called. Its Conns are handles of their own, and do so, too.
type Process struct {
	loop.Base

	// Stdin, Stdout and Stderr are this side of the child's standard input, output and error. One is nil where
	// the command had something else for the child. Set their callbacks at once: a child waits whose output
	// nobody reads. [stream.Discard] drops it.
	Stdin, Stdout, Stderr *Conn

	// OnExit is called once and last: when the child has ended, with its state and what exec.Cmd.Wait
	// returns: nil for exit status 0, and an *exec.ExitError for another, or for a signal. After Close state is nil, and err net.ErrClosed.
	//
	// It does not wait for the Conns. What the child has written is still read: OnClose of Stdout says that
	// all was, and it may come before OnExit or after it. Children of the child may have its output, too, and
	// then it ends with the last of them.
	OnExit func(p *Process, state *os.ProcessState, err error)

	cmd   *exec.Cmd
	watch poller.Watch // of handle; nil where a goroutine waits
	end   func()       // closes handle
	state *os.ProcessState
	err   error
}

// WithStdout is for the Stderr of a command that Start starts: it goes where Stdout goes, into the same
// pipe, so that the order of what the child writes to both is kept.
var WithStdout io.Writer = withStdout{}

type withStdout struct{}

func (withStdout) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Start starts cmd as exec.Cmd.Start does. Of its Stdin, Stdout and Stderr each that is nil becomes a
// Conn of the Process, opened with o. An *os.File is the child's as it is: os.Stderr, to have it share ours,
// or a file. io.Discard is the null device, and [WithStdout] joins Stderr to Stdout. Other readers and
// writers are os.ErrInvalid: copying is what the Conns are for.
//
// The context of exec.CommandContext, cmd.Cancel and cmd.WaitDelay are as in os/exec. The child inherits its
// standard files, cmd.ExtraFiles, and what else was given to this process to be inherited (os/exec opens
// everything with close-on-exec, and so does pike). To start it takes the loop about a millisecond, as
// the system copies the process and waits for the exec.
//
// The exit is told by a pidfd on Linux (5.4 and later), and elsewhere by a goroutine for each child. There is
// no zombie, also after Close, or after the loop has closed.
//
// Errors are those of exec.Cmd.Start, os.ErrInvalid for a nil loop or cmd, and errors.ErrUnsupported for a
// loop whose poller has no pipes of the system: the simulator's, and those of Windows. Nothing is left of a
// child that could not be started.
func Start(lp *loop.Loop, cmd *exec.Cmd, o *Options) (*Process, error) {
	if err := lp.Maker().Check("pipe.Start"); err != nil {
		return nil, err
	}
	p, err := start(lp, cmd, o)
	if err != nil {
		return nil, netop.HandleError("pipe", "start", err)
	}
	return p, nil
}

func start(lp *loop.Loop, cmd *exec.Cmd, o *Options) (*Process, error) {
	if lp == nil || cmd == nil {
		return nil, os.ErrInvalid
	}
	if _, ok := lp.Maker().Poller().(poller.PipeOpener); !ok {
		return nil, errNoPipes
	}
	p := &Process{cmd: cmd}
	if err := lp.Maker().Attach(p); err != nil {
		return nil, err
	}
	s := stdio{lp: lp, o: o, name: filepath.Base(cmd.Path)}
	err := s.open(p)
	if err == nil {
		err = p.launch(&s)
	}
	s.closeFiles()
	if err != nil {
		lp.Maker().Detach(p)
		for _, c := range s.conns {
			c.CloseNow()
		}
		return nil, err
	}
	lp.Maker().SetActive(p, true)
	p.await()
	return p, nil
}

// A stdio is what a child has as its standard files.
type stdio struct {
	lp       *loop.Loop
	o        *Options
	name     string
	in       io.Reader
	out, err io.Writer
	files    []*os.File // to be closed when the child has them
	conns    []*Conn
}

// open makes the Conns of p, and the other ends of their pipes.
func (s *stdio) open(p *Process) (err error) {
	s.in, s.out, s.err = p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr
	merged := s.err == WithStdout
	if merged {
		s.err = nil
	}
	if s.in != nil && !isFile(s.in) || !isOutput(s.out) || !isOutput(s.err) {
		return os.ErrInvalid
	}
	if s.in == nil {
		if s.in, p.Stdin, err = s.pipe("stdin", false); err != nil {
			return err
		}
	}
	if s.out == nil {
		if s.out, p.Stdout, err = s.pipe("stdout", true); err != nil {
			return err
		}
	}
	switch {
	case merged:
		s.err = s.out
	case s.err == nil:
		s.err, p.Stderr, err = s.pipe("stderr", true)
	}
	return err
}

func isFile(v any) bool {
	f, ok := v.(*os.File)
	return ok && f != nil
}

func isOutput(w io.Writer) bool { return w == nil || w == io.Discard || isFile(w) }

// pipe opens a pipe, of which we have one end as a Conn and the child has the other. It is a pipe and no
// socketpair, which would be one file for both: a child may open /dev/stdin, and that does not open sockets.
func (s *stdio) pipe(what string, reads bool) (theirs *os.File, c *Conn, err error) {
	in, out, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	s.files = append(s.files, in, out)
	alone(in)
	alone(out)
	if name := s.name + " " + what; reads {
		theirs = out
		c, err = open(s.lp, name, in, nil, s.o)
	} else {
		theirs = in
		c, err = open(s.lp, name, nil, out, s.o)
	}
	if err == nil {
		s.conns = append(s.conns, c)
	}
	return theirs, c, err
}

func (s *stdio) closeFiles() {
	for _, f := range s.files {
		f.Close()
	}
}

// launch starts the command with s, and leaves cmd as its owner has filled it in.
func (p *Process) launch(s *stdio) error {
	cmd := p.cmd
	in, out, err := cmd.Stdin, cmd.Stdout, cmd.Stderr
	defer func() { cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, err }()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.in, nullIsNil(s.out), nullIsNil(s.err)
	if err := cmd.Start(); err != nil {
		return err
	}
	p.watchExit()
	return nil
}

// watchExit watches a handle of the child, which becomes readable when the child has ended and is of no other
// process. Where the system has none, or does not watch it, a goroutine waits.
func (p *Process) watchExit() {
	handle := handleOf(p.cmd.Process)
	if handle == nil {
		return
	}
	err := withFd(handle, func(fd uintptr) (err error) {
		p.watch, err = p.lp().Poller().Watch(fd, poller.Readable, (*upcalls)(p))
		return err
	})
	if err != nil {
		handle.Close()
		p.watch = nil
		return
	}
	p.end = func() { handle.Close() }
}

// nullIsNil is what package exec opens the null device for.
func nullIsNil(w io.Writer) io.Writer {
	if w == io.Discard {
		return nil
	}
	return w
}

// lp is the loop as makers of handles see it.
func (p *Process) lp() *loop.Maker { return p.Loop().Maker() }

// await has the exit told, by the watch if there is one.
func (p *Process) await() {
	if p.watch == nil {
		p.wait()
	}
}

// wait waits on a goroutine.
func (p *Process) wait() {
	lp := p.Loop()
	go func() {
		err := p.cmd.Wait()
		lp.Post(func() { p.exited(err) })
	}()
}

// exited is when the child has ended, and nothing is left of it with the system.
func (p *Process) exited(err error) {
	if !p.Closing() {
		p.state, p.err = p.cmd.ProcessState, err
		p.finish()
	}
}

// finish begins the end of the handle.
func (p *Process) finish() {
	lp := p.lp()
	if !lp.BeginClose(p) {
		return
	}
	if p.watch == nil {
		lp.EndClose(p, (*upcalls)(p))
		return
	}
	p.unwatch()
}

// unwatch ends the watch; Closed follows.
func (p *Process) unwatch() {
	p.watch.Close()
	p.end()
}

// Cmd is the command that was started. Its Wait must not be called.
func (p *Process) Cmd() *exec.Cmd { return p.cmd }

// Pid is the number of the process. After its exit another may have it: Signal and Kill know that.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends a signal to the child. When its exit was seen it is os.ErrProcessDone, and no other
// process that has got the number is hit.
func (p *Process) Signal(sig os.Signal) error {
	if err := p.lp().Check("pipe.Process.Signal"); err != nil {
		return err
	}
	if sig == nil {
		return netop.HandleError("pipe", "signal", os.ErrInvalid)
	}
	if err := p.cmd.Process.Signal(sig); err != nil {
		return netop.HandleError("pipe", "signal", err)
	}
	return nil
}

// Kill ends the child at once; OnExit follows. It does not concern children of the child.
func (p *Process) Kill() error {
	if err := p.lp().Check("pipe.Process.Kill"); err != nil {
		return err
	}
	return p.Signal(os.Kill)
}

// Close lets go of the child: it lives on, and its exit is not told. OnExit follows, with net.ErrClosed.
// The Conns stay open. A child that is closed at once is one that the loop does not wait for, a daemon say.
// Loop.Close does this to the children that are there.
func (p *Process) Close() error {
	if err := p.lp().Check("pipe.Process.Close"); err != nil {
		return err
	}
	if p.Closing() {
		return netop.HandleError("pipe", "close", net.ErrClosed)
	}
	p.err = netop.HandleError("pipe", "close", p.reason())
	watched := p.watch != nil
	p.finish()
	if watched {
		go p.cmd.Wait() // so that it leaves no zombie
	}
	return nil
}

func (p *Process) reason() error {
	if err := p.lp().Cause(); err != nil {
		return err
	}
	return net.ErrClosed
}

// CloseNow kills the child, and is Close then. Loop.Shutdown calls it for children that have not ended
// in time.
func (p *Process) CloseNow() error {
	if err := p.lp().Check("pipe.Process.CloseNow"); err != nil {
		return err
	}
	if p.Closing() {
		return netop.HandleError("pipe", "close", net.ErrClosed)
	}
	p.cmd.Process.Kill() // an error says that it has ended already
	return p.Close()
}

// Drain tells Loop.Shutdown, which calls it, to wait for the exit. The child is not told: end its Stdin, or
// send it a signal, when the Shutdown begins.
func (p *Process) Drain() (wait bool) { return p.lp().Check("pipe.Process.Drain") == nil }

// upcalls keeps the loop's and the poller's upcalls out of Process's own methods.
type upcalls Process

// Ready is when the child has ended.
func (u *upcalls) Ready(poller.Events) {
	p := (*Process)(u)
	if p.cmd.Cancel == nil && p.cmd.WaitDelay == 0 {
		p.exited(p.cmd.Wait()) // which does not wait
		return
	}
	p.unwatch() // Wait waits for a Cancel that is under way, and that is the user's
}

// Closed is when nothing of the watch is with the poller.
func (u *upcalls) Closed() {
	p := (*Process)(u)
	if p.watch = nil; !p.Closing() {
		p.wait()
		return
	}
	p.lp().EndClose(p, u)
}

func (u *upcalls) Finished() {
	p := (*Process)(u)
	if p.OnExit != nil {
		p.lp().Call(p, func() { p.OnExit(p, p.state, p.err) })
	}
}
