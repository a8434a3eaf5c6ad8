package tcp

import (
	"net/netip"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
)

// A GroupListener accepts connections for all loops of a group; package stream documents its methods.
type GroupListener = stream.GroupListener

// The ways in which ListenGroup divides connections among the loops, for Options.Spread.
const (
	SpreadDefault  = stream.SpreadDefault  // by the system where that spreads, and else evenly
	SpreadBySystem = stream.SpreadBySystem // a socket for each loop, by SO_REUSEPORT
	SpreadEvenly   = stream.SpreadEvenly   // to the loop that has the fewest connections
)

// ListenGroup is Listen for all loops of a group: one address, and each connection is on one of the loops. Port 0 is
// one port for all of them. Options.Spread is how connections are divided, and its limits hold for all loops
// together.
//
//	g, err := loop.NewGroup(loop.GroupOptions{})
//	ln, err := tcp.ListenGroup(g, ":7000", nil)
//	ln.OnAccept = func(c *tcp.Conn) { ... } // on the loop of c
//	err = g.Run(ctx, nil)
//
// It belongs to who has made the group, before Run or in its setup; once that runs, it is loop.ErrRunning.
// Errors are those of Listen, and errors.ErrUnsupported for SpreadBySystem where the system does not spread.
func ListenGroup(g *loop.Group, addr string, o *Options) (*GroupListener, error) {
	if err := stream.MayListenGroup(g); err != nil { // before a name is resolved
		return nil, netop.NameError("listen", network, addr, err)
	}
	host, port, err := netop.Split(network, addr)
	var ips []netip.Addr
	if err == nil {
		ips, err = netop.Listening(g.At(0).Resolver(), host)
	}
	if err != nil {
		return nil, netop.NameError("listen", network, addr, err)
	}
	return stream.ListenGroup(g, network, addr, netop.At(port, ips...), poller.SocketFile{}, o)
}
