package pipe

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
)

// Open makes a Conn of a file that is a pipe, a FIFO, a terminal or another character device, or a
// connected socket. It has the sides that f is open for: of a file that is open for reading Writable
// is false from the beginning, and Write is syscall.EPIPE; of one that is open for writing Readable is
// false. Set the callbacks at once: they come from the loop, and not before Open has returned.
//
// f stays the caller's, who may close it at once, as the Conn has a descriptor of its own. As long as f
// is open, closing the Conn is not the end of the pipe for who is at the other side, and nobody
// should read or write f beside the Conn.
//
// A Conn must not wait, and so its descriptor does not block (O_NONBLOCK). That is a property which all
// have in common who were given the same open file, such as the processes of a shell's command line. Where
// it can, Open therefore opens the file anew: pipes, FIFOs and terminals on Linux, and terminals
// elsewhere. Where it cannot (a pipe of another user, a pipe on BSD, the master's side of a
// pseudo-terminal), others see a file that does not block until the Conn is closed, and then one that does
// again. A program that is killed before that leaves it so. A socket is made non-blocking, and stays so.
//
// Errors are *net.OpError. Regular files and directories are errors.ErrUnsupported, as they are always
// ready, and reading them may block: read them in loop.Work. os.ErrInvalid is a nil loop or
// file, os.ErrClosed a file that is closed. A loop whose poller has no descriptors (the simulator), and
// Windows, are errors.ErrUnsupported. Open belongs to the loop's goroutine.
func Open(lp *loop.Loop, f *os.File, o *Options) (*Conn, error) {
	if err := lp.Maker().Check("pipe.Open"); err != nil {
		return nil, err
	}
	if f == nil {
		return nil, netop.NameError("open", network, "", os.ErrInvalid)
	}
	return open(lp, f.Name(), f, f, o)
}

// OpenBoth is Open of two files that are one Conn: it reads in and writes out, as the standard input and
// output of a program that talks to whoever has started it. CloseWrite closes the side of out, and
// whoever reads it sees the end. Both may be the same file, which then must be open for both.
func OpenBoth(lp *loop.Loop, in, out *os.File, o *Options) (*Conn, error) {
	if err := lp.Maker().Check("pipe.OpenBoth"); err != nil {
		return nil, err
	}
	if in == nil || out == nil {
		return nil, netop.NameError("open", network, "", os.ErrInvalid)
	}
	name := in.Name()
	if out.Name() != name {
		name += "|" + out.Name()
	}
	return open(lp, name, in, out, o)
}

// open opens in to read and out to write; either may be nil.
func open(lp *loop.Loop, name string, in, out *os.File, o *Options) (*Conn, error) {
	if lp == nil {
		return nil, netop.NameError("open", network, name, os.ErrInvalid)
	}
	p, ok := lp.Maker().Poller().(poller.PipeOpener)
	if !ok {
		return nil, netop.NameError("open", network, name, errNoPipes)
	}
	return stream.Open(lp, network, name, o, func(h poller.StreamHandler) (s poller.Stream, halves poller.Halves, err error) {
		err = withFd(in, func(in uintptr) error {
			return withFd(out, func(out uintptr) error {
				s, halves, err = p.OpenPipe(name, in, out, h)
				return explained(err)
			})
		})
		return s, halves, err
	})
}

// withFd calls fn with the descriptor of f, which stays as it is: File.Fd would make it blocking.
func withFd(f *os.File, fn func(fd uintptr) error) error {
	if f == nil {
		return fn(poller.NoPipe)
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if raw.Control(func(fd uintptr) { failed = fn(fd) }) != nil { // its only error, which no package exports
		return os.ErrClosed
	}
	return failed
}

// errNoPipes is the answer of a loop that has no pipes.
var errNoPipes = fmt.Errorf("the loop's poller has no pipes of the system: %w", errors.ErrUnsupported)

// explained says what an error of the system means here.
func explained(err error) error {
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("not a pipe, a terminal or a device that can be waited for: %w", err)
	case errors.Is(err, syscall.EINVAL):
		return fmt.Errorf("two files of which one is a socket: %w", os.ErrInvalid)
	}
	return err
}
