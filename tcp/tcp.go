// Package tcp has TCP connections and listeners on a loop.
//
//	ln, err := tcp.Listen(lp, "127.0.0.1:7000", nil)
//	ln.OnAccept = func(c *tcp.Conn) {
//		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
//		c.OnClose = func(c *tcp.Conn, err error) { ... }
//	}
//
//	tcp.Dial(lp, "example.com:80", nil, func(c *tcp.Conn, err error) {
//		if err != nil { ... }
//		c.Write([]byte("HEAD / HTTP/1.0\r\n\r\n"))
//	})
//
// Conn, Listener and Options are types of package stream under names of this package,
// because a connection is the same over every network. Their methods, callbacks and rules
// are documented there: see [stream.Conn], [stream.Listener] and [stream.Options], or run
//
//	go doc example.com/pike/stream Conn
//
// Package unix has the same types for unix-domain sockets.
package tcp

import (
	"net/netip"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/stream"
)

// These are types of package stream, which documents their methods.
type (
	Conn     = stream.Conn     // a connection
	Listener = stream.Listener // accepts connections
	Options  = stream.Options  // what both are opened with
)

const network = "tcp"

// Listen opens a listener on "host:port". An empty host is every address of
// both families. Port 0 is a port of the system's choice, which LocalAddr tells.
// Listen resolves a host name before it returns, so callbacks should use an address.
// It belongs to the loop's goroutine.
//
// Errors are *net.OpError. errors.Is finds syscall.EADDRINUSE if the address is taken,
// and loop.ErrShutdown while the loop shuts down.
func Listen(lp *loop.Loop, addr string, o *Options) (*Listener, error) {
	if err := lp.Maker().Check("tcp.Listen"); err != nil {
		return nil, err
	}
	if err := stream.MayListen(lp); err != nil { // before a name is resolved
		return nil, netop.NameError("listen", network, addr, err)
	}
	host, port, err := netop.Split(network, addr)
	var ips []netip.Addr
	if err == nil {
		ips, err = netop.Listening(lp.Resolver(), host)
	}
	if err != nil {
		return nil, netop.NameError("listen", network, addr, err)
	}
	return stream.Listen(lp, network, addr, netop.At(port, ips...), o)
}
