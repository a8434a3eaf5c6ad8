package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"

	"example.com/pike/examples/internal/quit"
	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/signal"
	"example.com/pike/stream"
	"example.com/pike/tcp"
	"example.com/pike/udp"
)

// A group is several loops that serve together. Each has a server of its own, which counts what that loop serves,
// so that nothing is locked.
type group struct {
	*loop.Group
	servers []*server
}

// runGroup is run for several loops.
func runGroup(o *options, layer poller.Layer, out io.Writer) error {
	loops, err := loop.NewGroup(loop.GroupOptions{Loops: o.loops, Loop: loop.Options{Logger: slog.Default()}})
	if err != nil {
		return err
	}
	defer loops.Close() // if it does not come to Run, which closes it as well
	g := &group{Group: loops}
	for i := range g.Len() {
		lp := g.At(i)
		if err := quit.Explain(lp, os.Stderr); err != nil {
			return err
		}
		g.servers = append(g.servers, newServer(lp, o))
	}
	// This comes first, so that a signal ends the program as soon as it has said that it listens.
	if _, err := signal.NotifyGroup(loops, g.stop, os.Interrupt, syscall.SIGTERM); err != nil {
		return err
	}
	if err := g.listen(o, layer, out); err != nil {
		return err
	}
	if err := g.Run(context.Background(), nil); err != nil {
		return err
	}
	g.report(out)
	return nil
}

func (g *group) stop(os.Signal) { g.Shutdown(context.Background(), 0, nil) }

// listen opens the sockets. Loop 0 accepts for all and hands each connection to the loop that has the fewest, which
// every system can do, and with paths, too. Of UDP each loop has a socket, because there is nothing to hand on.
func (g *group) listen(o *options, layer poller.Layer, out io.Writer) error {
	var said []any
	if o.tcp != "" {
		ln, err := tcp.ListenGroup(g.Group, o.tcp, &tcp.Options{Spread: tcp.SpreadEvenly, Layer: layer})
		if err != nil {
			return err
		}
		ln.OnAccept = func(c *stream.Conn) { g.of(c).tcp.accept(c) }
		said = append(said, "tcp", ln.LocalAddr())
	}
	if o.udp != "" {
		addr := o.udp
		for _, s := range g.servers {
			if err := s.listenUDP(addr, &udp.Options{ReusePort: g.Len() > 1}); err != nil {
				return err
			}
			addr = s.socket.LocalAddr().String() // with the port that the system chose
		}
		said = append(said, "udp", addr)
	}
	if o.unix != "" {
		ln, err := o.paths().ListenGroup(g.Group, o.unix, nil)
		if err != nil {
			return err
		}
		ln.OnAccept = func(c *stream.Conn) { g.of(c).unix.accept(c) }
		said = append(said, "unix", ln.LocalAddr())
	}
	for ; len(said) > 0; said = said[2:] {
		fmt.Fprintln(out, "listening", said[0], said[1])
	}
	return nil
}

// of is the server of the loop that a connection is on.
func (g *group) of(c *stream.Conn) *server {
	_, i := c.Loop().Group()
	return g.servers[i]
}

// report prints what each loop has served, and the totals.
func (g *group) report(out io.Writer) {
	all := server{paths: g.servers[0].paths}
	for i, s := range g.servers {
		if len(g.servers) > 1 {
			fmt.Fprintf(out, "loop %d: %v\n", i, s)
		}
		all.tcp.add(&s.tcp)
		all.unix.add(&s.unix)
		all.datagrams += s.datagrams
		all.udpBytes += s.udpBytes
	}
	fmt.Fprintln(out, &all)
}
