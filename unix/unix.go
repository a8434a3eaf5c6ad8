// Package unix has connections and listeners of unix-domain sockets on a loop (unix(7)).
//
//	ln, err := unix.Listen(lp, "/run/service.sock", nil)
//	ln.OnAccept = func(c *unix.Conn) {
//		c.OnRead = func(c *unix.Conn, p []byte) { c.Write(p) }
//	}
//
//	unix.Dial(lp, "/run/service.sock", nil, func(c *unix.Conn, err error) { ... })
//
// Conn, Listener and Options are types of package stream under names of this package, as they
// are in package tcp. Their methods, callbacks and rules are documented there: see [stream.Conn],
// [stream.Listener] and [stream.Options], or run
//
//	go doc example.com/pike/stream Conn
//
// Some options are TCP's alone: NoDelay, keep-alive, TTL. Methods that set them return
// errors.ErrUnsupported, and fields of Options that set them do nothing.
//
// An address is a [poller.Addr] with a Path. The address of a client mostly has none. On Linux
// a path that begins with @ is an abstract name, which leaves no file.
//
// Windows has none of this: Listen and Dial return errors.ErrUnsupported there.
package unix

import (
	"context"
	"os"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
)

// These are types of package stream, which documents their methods.
type (
	Conn     = stream.Conn     // a connection
	Listener = stream.Listener // accepts connections
	Options  = stream.Options  // what both are opened with
)

const network = "unix"

// Listen opens a listener at a path. The path must not exist: a socket that an earlier process
// left there is syscall.EADDRINUSE. The file stays after Close. Listen belongs to the loop's
// goroutine.
//
// Errors are *net.OpError. errors.Is finds os.ErrInvalid for no path or no loop,
// syscall.ENAMETOOLONG for a path of more than some 100 bytes, and loop.ErrShutdown while the
// loop shuts down.
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
// with a connection, or with the error. errors.Is finds os.ErrNotExist if nothing is at the
// path, syscall.ECONNREFUSED if nobody listens, and syscall.EAGAIN if the backlog is full.
// If Dial itself returns an error, fn is not called. Dial belongs to the loop's goroutine.
func Dial(lp *loop.Loop, path string, o *Options, fn func(c *Conn, err error)) (*Conn, error) {
	if err := lp.Maker().Check("unix.Dial"); err != nil {
		return nil, err
	}
	if path == "" {
		return nil, netop.NameError("dial", network, path, os.ErrInvalid)
	}
	return stream.Dial(context.Background(), lp, stream.Target{Network: network, Name: path, Addrs: []poller.Addr{{Path: path}}}, o, fn)
}
