// Package pipe has what is a stream and no socket as connections on a loop: pipes, FIFOs, terminals,
// children with their standard input, output and error, and the named pipes of Windows.
//
//	c, err := pipe.Open(lp, os.Stdin, nil)
//	c.OnRead = func(c *pipe.Conn, p []byte) { ... }
//
//	child, err := pipe.Start(lp, exec.Command("sort"), nil)
//	child.Stdin.WriteString("b\na\n")
//	child.Stdin.CloseWrite()
//	child.Stdout.OnRead = func(c *pipe.Conn, p []byte) { os.Stdout.Write(p) }
//	child.OnExit = func(p *pipe.Process, state *os.ProcessState, err error) { ... }
//
// Conn is that of package stream under a name of this package, as in package tcp: the same callbacks,
// limits, timeouts, Join. Its methods are documented there: see [stream.Conn], or run
//
//	go doc example.com/pike/stream Conn
//
// # Sides
//
// Most of these have one side only. A Conn that reads is as one whose CloseWrite was called, and one that writes as
// one whose peer has ended. So the first closes when it has read the end, and the second after CloseWrite.
// [OpenBoth] makes one Conn of two pipes.
//
// That nobody reads any more what a Conn writes is told, though nothing is written: the reason of OnClose is
// syscall.EPIPE. A Conn that has both sides first reads to the end what is still there. No write raises a
// SIGPIPE that ends the program, whatever the descriptor's number.
//
// What is written into a pipe stays there, whoever closes it: Close does not wait for the reader. Abort cannot
// take it back.
//
// # Terminals
//
// A terminal is read line by line, as its modes say; golang.org/x/term sets them, on the file. Ctrl-D is
// OnEOF, and after it the terminal is what it was before. When a terminal has hung up, or when nobody is in a
// pseudo-terminal any more, that is OnEOF too, and then syscall.EPIPE for who can write.
//
// # Standard input, output and error
//
// They are shared with other processes: with those of a command line, and with the shell, which reads the
// terminal when the program has ended. Open leaves them as they are as far as it can; see there. To
// read os.Stdin by package os beside the Conn takes away what the Conn would read. Where a program's output
// may be a file, as with "program > file", Open is errors.ErrUnsupported: write it by package os.
//
// # Systems
//
// Open and Start run on unix. On Windows, and in the simulator, they are errors.ErrUnsupported:
// anonymous pipes of Windows cannot be waited for, and the simulator has no processes of the system.
//
// The pipes of Windows that programs meet at have names. [Listen] waits for clients of one, and [Dial] is such
// a client. Elsewhere package unix is for that, and both are errors.ErrUnsupported:
//
//	ln, err := pipe.Listen(lp, `\\.\pipe\service`, nil)
//	ln.OnAccept = func(c *pipe.Conn) {
//		c.OnRead = func(c *pipe.Conn, p []byte) { c.Write(p) }
//	}
//
//	pipe.Dial(lp, `\\.\pipe\service`, nil, func(c *pipe.Conn, err error) { ... })
package pipe
