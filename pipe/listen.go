package pipe

import (
	"context"
	"os"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
)

// A Listener accepts clients of a named pipe. Its methods are documented in package stream.
type Listener = stream.Listener

// Listen waits for clients of a named pipe of Windows (CreateNamedPipe). name begins with \\.\pipe\ and
// has 256 characters at most; case does not matter. On other systems there are no such pipes,
// and the error is errors.ErrUnsupported: package unix has what is local there.
//
// Clients of other machines are refused. Of this machine those may connect whom the default security
// descriptor lets read and write: this user, administrators and the system. The name must be free:
// syscall.EADDRINUSE is another server that has it, who may be of another user and in wait for your
// clients. The name is free again when the listener and all its connections are closed.
//
// Options.Backlog is how many clients may connect before they are accepted: 8 if it is 0, and 254 at
// most. A client that comes when there are so many waits in its Dial. Fields of Options that are about
// sockets do nothing, and methods that set such options are errors.ErrUnsupported; so is
// Options.Control.
//
// A connection reads and writes as any other. What is different is how it ends:
//
//   - Its sides end together, as a pipe has no half-close. CloseWrite is errors.ErrUnsupported until the
//     peer has ended. While a Dial is under way it means Close. When OnEOF is called the peer has closed, and can be sent nothing.
//   - Close sends what is queued and then closes. What the system has taken by then the peer still reads, so
//     that nobody waits for it.
//   - Abort of an accepted connection drops what the client has not read, and the client sees
//     syscall.ECONNRESET. Abort of a dialed connection drops what is queued only, and the server sees io.EOF: a client has
//     no call for more.
//
// LocalAddr of an accepted connection, and RemoteAddr of a dialed one, is a [poller.Addr] with the name
// for its Path. The client has none.
//
// Errors are *net.OpError. os.ErrInvalid is a name that is none or a nil loop, syscall.ENAMETOOLONG one that
// is too long, and loop.ErrShutdown comes while the loop shuts down. Listen belongs to the loop's
// goroutine.
func Listen(lp *loop.Loop, name string, o *Options) (*Listener, error) {
	if err := lp.Maker().Check("pipe.Listen"); err != nil {
		return nil, err
	}
	if err := checkName(lp, name); err != nil {
		return nil, netop.NameError("listen", network, name, err)
	}
	return stream.Listen(lp, network, name, []poller.Addr{{Path: name}}, o)
}

// Dial connects to a named pipe of Windows, on this machine, and calls fn once, from the loop: with a
// connection, or with the error. errors.Is finds os.ErrNotExist if there is no such pipe, and
// os.ErrPermission if this user may not use it. While all its instances have clients Dial tries
// again, for 30 s at most or as long as Options.Timeout says; then the error is syscall.EAGAIN. The server
// does not get to act as this user (SECURITY_ANONYMOUS), whoever it is.
//
// If Dial itself returns an error, fn is not called. What Listen says of connections and of other systems
// holds here. Pipes of other machines are os.ErrInvalid, as to open one waits for the
// network. Dial belongs to the loop's goroutine.
func Dial(lp *loop.Loop, name string, o *Options, fn func(c *Conn, err error)) (*Conn, error) {
	if err := lp.Maker().Check("pipe.Dial"); err != nil {
		return nil, err
	}
	if err := checkName(lp, name); err != nil {
		return nil, netop.NameError("dial", network, name, err)
	}
	return stream.Dial(context.Background(), lp, stream.Target{Network: network, Name: name, Addrs: []poller.Addr{{Path: name}}}, o, fn)
}

// checkName is what is wrong with a name, or with the system that it is for.
func checkName(lp *loop.Loop, name string) error {
	if lp == nil || name == "" {
		return os.ErrInvalid
	}
	return checkNamed(name)
}
