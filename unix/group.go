package unix

import (
	"os"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
)

// A GroupListener accepts connections for all loops of a group; package stream documents its methods.
type GroupListener = stream.GroupListener

// ListenGroup is Listen for all loops of a group, as tcp.ListenGroup is. Loop 0 accepts, and hands each
// connection to the loop that has the fewest of them: no system divides the connections to a path
// (errors.ErrUnsupported for SpreadBySystem).
func ListenGroup(g *loop.Group, path string, o *Options) (*GroupListener, error) {
	return new(ListenConfig).ListenGroup(g, path, o)
}

// ListenGroup is the function ListenGroup, with this configuration.
func (lc *ListenConfig) ListenGroup(g *loop.Group, path string, o *Options) (*GroupListener, error) {
	if path == "" {
		return nil, netop.NameError("listen", network, path, os.ErrInvalid)
	}
	f := poller.SocketFile{Mode: lc.Mode, Keep: lc.KeepFile, NoTakeover: lc.NoTakeover}
	return stream.ListenGroup(g, network, path, []poller.Addr{{Path: path}}, f, o)
}
