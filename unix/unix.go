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
// # The file
//
// The system makes a file at the path of a listener, and leaves it there when the process dies.
// So a server that starts again finds the file of its predecessor. Listen takes that over, if nobody
// has the socket any more. A file of another kind, a symbolic link, and the socket of a server that lives, also
// of one which is too busy to answer, are syscall.EADDRINUSE and stay as they are. The file
// is removed when the listener closes, also by Loop.Close and Loop.Shutdown, unless somebody has put another
// in its place. A [ListenConfig] changes that, and gives the file its permissions:
//
//	lc := unix.ListenConfig{Mode: 0o660} // for the group, too
//	ln, err := lc.Listen(lp, "/run/service.sock", nil)
//
// The permissions of a socket's file are no protection on every system: some BSDs of old did not look at them
// (unix(7), Pathname socket ownership and permissions). Those of its folder are.
//
// # Who connects
//
// [PeerCred] is the process at the other end, its user and its group. It is the system that says so,
// and not the peer.
//
//	ln.OnAccept = func(c *unix.Conn) {
//		if who, err := unix.PeerCred(c); err != nil || who.UID != os.Getuid() {
//			c.Close()
//			return
//		}
//		...
//	}
//
// # Addresses
//
// An address is a [poller.Addr] with a Path. The address of a client mostly has none: it prints as
// <none>. Errors are *net.OpError with the network "unix" and the path. On Linux a path that begins with @ is an
// abstract name (unix(7)), which leaves no file, and has no permissions: every process of the network namespace
// can connect to it, or have it first.
//
// A path has 107 bytes at most on Linux, and 103 on macOS and the BSDs: the rest is
// syscall.ENAMETOOLONG. For a longer one change to its folder, and give the last element alone.
//
// # Files and connections
//
// [WriteFiles] sends open files along with bytes. [WriteConn] hands a connection over to the process at the
// other end, where it goes on. [OnPassed] sets what is called with what arrives; what it does not take is
// closed.
//
// # What it has not
//
// There are no datagrams (unixgram) and no packets (unixpacket): udp.AdoptConn of a *net.UnixConn is
// errors.ErrUnsupported. Package udp is made for addresses of IP, which have a size. With paths each
// datagram would cost an allocation, or there would be a second type of packet. What has one reader, a log
// say, package net serves on a goroutine of its own, and Loop.Post brings it to the loop.
//
// Windows has none of this: Listen and Dial return errors.ErrUnsupported there, because AcceptEx and
// ConnectEx are of TCP.
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

// Listen opens a listener at a path, with the defaults of a ListenConfig: a file that nobody
// listens on any more is taken over, and Close removes the file. Listen belongs to the loop's
// goroutine.
//
// Errors are *net.OpError. errors.Is finds syscall.EADDRINUSE if something is at the path that
// is not taken over, syscall.ENAMETOOLONG for a path that is too long, os.ErrNotExist if there
// is no such folder, os.ErrPermission if the folder may not be written to, os.ErrInvalid for no path or no loop, and
// loop.ErrShutdown while the loop shuts down.
func Listen(lp *loop.Loop, path string, o *Options) (*Listener, error) {
	return new(ListenConfig).listen("unix.Listen", lp, path, o)
}

// A ListenConfig says what a listener does with its file. The zero ListenConfig is what Listen
// has. Abstract names have no file: there Mode is an error, and the rest says nothing.
type ListenConfig struct {
	// Mode is the file's permission bits, 0o660 say; 0 leaves them to the process's umask. To
	// connect a process needs the right to write to the file. The file has these bits before the first
	// process can connect, and the umask, which is that of all goroutines, is not touched.
	Mode os.FileMode

	// KeepFile has the file stay when the listener closes: for a listener that has been handed to another
	// process, which goes on.
	KeepFile bool

	// NoTakeover has Listen fail also where the file is of a server that has died, as it does in package net.
	NoTakeover bool
}

// Listen is the function Listen, with this configuration. Bits of Mode that are no permissions are
// os.ErrInvalid.
func (lc *ListenConfig) Listen(lp *loop.Loop, path string, o *Options) (*Listener, error) {
	return lc.listen("unix.ListenConfig.Listen", lp, path, o)
}

func (lc *ListenConfig) listen(method string, lp *loop.Loop, path string, o *Options) (*Listener, error) {
	if err := lp.Maker().Check(method); err != nil {
		return nil, err
	}
	if path == "" {
		return nil, netop.NameError("listen", network, path, os.ErrInvalid)
	}
	f := poller.SocketFile{Mode: lc.Mode, Keep: lc.KeepFile, NoTakeover: lc.NoTakeover}
	return stream.ListenFile(lp, network, path, []poller.Addr{{Path: path}}, f, o)
}

// Dial connects to a listener at a path and calls fn once, from the loop, as tcp.Dial does:
// with a connection, or with the error. errors.Is finds os.ErrNotExist if nothing is at the
// path, syscall.ECONNREFUSED if nobody listens, os.ErrPermission if the file's Mode keeps this process
// out, and syscall.EAGAIN if the backlog is full (on Linux; it is ECONNREFUSED elsewhere).
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

// A Cred says which process has the other end, and for whom it runs: PID, UID and GID.
type Cred = poller.Cred

// PeerCred is who the peer was when it connected, or, of a connection that was dialed, who the
// server was when it began to listen: the effective user and group, and the process. It is asked of
// the socket, below all layers. A process may have passed its end on since, or have ended, and its PID may be another's by
// now: UID and GID are what a server can trust. PID is 0 where the system does not say: NetBSD, OpenBSD,
// FreeBSD from 13 on, macOS and Linux do.
//
// It is errors.ErrUnsupported for TCP, and on DragonFly, syscall.ENOTCONN while c is dialed, and net.ErrClosed
// after Close. In the simulator it is the process of the host, for the user that sim.Host names. PeerCred belongs to the loop's goroutine.
//
// See SO_PEERCRED in unix(7), and LOCAL_PEERCRED in unix(4) of FreeBSD.
func PeerCred(c *Conn) (Cred, error) {
	if err := c.Loop().Maker().Check("unix.PeerCred"); err != nil {
		return Cred{}, err
	}
	return stream.PeerCred(c)
}
