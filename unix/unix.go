// Package unix has connections and listeners of unix-domain sockets on a loop (unix(7)).
//
//	ln, err := unix.Listen(lp, "/run/service.sock", nil)
//	ln.OnAccept = func(c *unix.Conn) {
//		c.OnRead = func(c *unix.Conn, p []byte) { c.Write(p) }
//	}
//
//	unix.Dial(lp, "/run/service.sock", nil, func(c *unix.Conn, err error) { ... })
//
// They are those of package stream, as TCP's are: see [stream.Conn], [stream.Listener] and
// [stream.Options]. Options that are TCP's alone (NoDelay, keep-alive, TTL) are
// errors.ErrUnsupported where a method sets them, and are left out of Options. An address is a
// [poller.Addr] with a Path; a client has mostly none. On Linux a path that begins with @ is
// an abstract name, of which nothing is left in a file system.
//
// There are none on Windows: Listen and Dial are errors.ErrUnsupported there.
package unix

import (
	"context"
	"os"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
)

// What package stream has, under the names that users of unix-domain sockets need.
type (
	Conn     = stream.Conn     // a connection
	Listener = stream.Listener // accepts connections
	Options  = stream.Options  // what both are opened with
)

const network = "unix"

// Listen opens a listener at a path, which must not exist: a socket that an earlier process
// left there is syscall.EADDRINUSE. The file stays after Close. Errors are *net.OpError: also
// os.ErrInvalid for no path or loop, syscall.ENAMETOOLONG for one of more than some 100 bytes,
// loop.ErrShutdown while the loop shuts down. It belongs to the loop's goroutine.
func Listen(lp *loop.Loop, path string, o *Options) (*Listener, error) {
	if err := lp.Maker().Check("unix.Listen"); err != nil {
		return nil, err
	}
	if path == "" {
		return nil, netop.NameError("listen", network, path, os.ErrInvalid)
	}
	return stream.Listen(lp, network, path, []poller.Addr{{Path: path}}, o)
}

// Dial connects to a listener at a path and calls fn once, from the loop, as tcp.Dial does:
// with a connection, or with the error. errors.Is tells os.ErrNotExist where nothing is at the
// path, syscall.ECONNREFUSED where nobody listens, syscall.EAGAIN where the backlog is full.
// The error returned is of the call itself; fn is then not called.
func Dial(lp *loop.Loop, path string, o *Options, fn func(c *Conn, err error)) (*Conn, error) {
	if err := lp.Maker().Check("unix.Dial"); err != nil {
		return nil, err
	}
	if path == "" {
		return nil, netop.NameError("dial", network, path, os.ErrInvalid)
	}
	return stream.Dial(context.Background(), lp, stream.Target{Network: network, Name: path, Addrs: []poller.Addr{{Path: path}}}, o, fn)
}
