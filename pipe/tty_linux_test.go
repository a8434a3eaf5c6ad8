package pipe_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/pike/pipe"
	"example.com/pike/stream"
)

// pty is a pseudo-terminal: the side of the terminal emulator, and that of the program in it. Both block, as
// those do that come from other processes.
func (r *rig) pty() (master, slave *os.File) {
	r.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		r.Skip("no pseudo-terminals here: ", err)
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	r.Cleanup(func() { master.Close() })
	r.no(unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	r.no(err)
	name := fmt.Sprintf("/dev/pts/%d", n)
	sfd, err := unix.Open(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	r.no(err)
	slave = os.NewFile(uintptr(sfd), name)
	r.Cleanup(func() { slave.Close() })
	return master, slave
}

func TestTerminal(t *testing.T) {
	r := newRig(t)
	mf, sf := r.pty()
	cs, err := pipe.Open(r.lp, sf, nil)
	r.no(err)
	program := r.watch(cs)
	r.equal("the terminal is left non-blocking", nonblocking(r, sf), false) // others have it, too
	r.equal("readable", cs.Readable(), true)
	r.equal("writable", cs.Writable(), true)
	r.no(sf.Close())
	terminal := r.open(mf)

	terminal.WriteString("a line\nand a ")
	r.until("a line is there", func() bool { return len(program.got) > 0 })
	r.turns(5)
	r.equal("what the program reads", string(program.got), "a line\n") // the rest waits for its end
	program.WriteString("an answer\n")
	r.until("the answer is there", func() bool { return strings.Contains(string(terminal.got), "an answer\r\n") })
	terminal.WriteString("last line\n")
	r.until("it is there", func() bool { return strings.HasSuffix(string(program.got), "and a last line\n") })

	ended := false
	terminal.OnEOF = func(*pipe.Conn) { ended = true }
	r.no(program.Close())
	r.untilClosed(program, nil)
	r.untilClosed(terminal, syscall.EPIPE) // there is nobody in it to write to, either
	r.equal("the end came before that", ended, true)
	r.run()
}

func TestHangUp(t *testing.T) {
	for _, what := range []string{"reading", "paused", "writing only"} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t)
			mf, sf := r.pty()
			f := sf
			if what == "writing only" {
				fd, err := unix.Open(sf.Name(), unix.O_WRONLY|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
				r.no(err)
				f = os.NewFile(uintptr(fd), sf.Name())
			}
			program := r.open(f)
			if what == "paused" {
				r.no(program.PauseRead())
			}
			r.turns(3)
			r.no(mf.Close())
			switch what {
			case "reading":
				r.untilClosed(program, io.EOF)
			case "paused":
				r.turns(5)
				r.equal("it has closed", program.closed, false)
				r.no(program.ResumeRead())
				r.untilClosed(program, io.EOF)
			default:
				r.untilClosed(program, syscall.EPIPE)
			}
		})
	}
}

// Ctrl-D is an end that a user types. The terminal is as before after that.
func TestTypedEnd(t *testing.T) {
	r := newRig(t)
	mf, sf := r.pty()
	terminal, program := r.open(mf), r.open(sf)
	ended := false
	program.OnEOF = func(c *pipe.Conn) { ended = true; c.WriteString("bye\n") }
	terminal.WriteString("x\n\x04")
	r.until("it has ended", func() bool { return ended })
	r.until("it can be written to", func() bool { return strings.Contains(string(terminal.got), "bye") })
	r.equal("what was typed", string(program.got), "x\n")
}

// The master's side cannot be opened anew: each open of it is another terminal. So it is made non-blocking, and
// is blocking again when the last Conn of it has closed, whoever closes first.
func TestMasterIsGivenBackBlocking(t *testing.T) {
	r := newRig(t)
	mf, sf := r.pty()
	ca, err := pipe.Open(r.lp, mf, nil)
	r.no(err)
	cb, err := pipe.Open(r.lp, mf, nil)
	r.no(err)
	a, b := r.watch(ca), r.watch(cb)
	r.no(b.PauseRead())
	r.equal("non-blocking meanwhile", nonblocking(r, mf), true)
	program := r.open(sf)
	r.no(a.Close()) // which makes it blocking for b
	r.untilClosed(a, nil)
	r.equal("blocking already", nonblocking(r, mf), false)
	b.Write(make([]byte, 1<<20)) // would wait for a program that reads lines
	r.turns(5)
	r.no(program.Abort())
	r.no(b.Abort())
	r.untilClosed(b, stream.ErrAborted)
	r.equal("blocking afterwards", nonblocking(r, mf), false)
}

// A description that is non-blocking stays so.
func TestNonblockingTerminalStaysSo(t *testing.T) {
	r := newRig(t)
	_, sf := r.pty()
	r.no(unix.SetNonblock(int(sf.Fd()), true))
	c, err := pipe.Open(r.lp, sf, nil)
	r.no(err)
	w := r.watch(c)
	r.no(c.CloseNow())
	r.untilClosed(w, nil)
	r.equal("non-blocking afterwards", nonblocking(r, sf), true)
}

// A pipe of packets keeps them, each as one read.
func TestPacketPipe(t *testing.T) {
	r := newRig(t)
	var fds [2]int
	r.no(unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_DIRECT))
	in, out := r.open(os.NewFile(uintptr(fds[0]), "in")), r.open(os.NewFile(uintptr(fds[1]), "out"))
	var packets []string
	in.OnRead = func(_ *pipe.Conn, p []byte) { packets = append(packets, string(p)) }
	for _, p := range []string{"one", "two", "three"} {
		out.WriteString(p)
		r.turns(2)
	}
	r.no(out.Close())
	r.untilClosed(in, io.EOF)
	r.equal("packets", strings.Join(packets, ","), "one,two,three")
}

// All packets are there already, and the end: a short read says nothing.
func TestPacketsAreReadToTheEnd(t *testing.T) {
	r := newRig(t)
	var fds [2]int
	r.no(unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_DIRECT))
	out := os.NewFile(uintptr(fds[1]), "out")
	for range 10 {
		out.WriteString("packet")
	}
	r.no(out.Close())
	in := r.open(os.NewFile(uintptr(fds[0]), "in"))
	r.untilClosed(in, io.EOF)
	r.equal("bytes", len(in.got), 60)
}
