// Echo answers every byte it gets with the same byte, over TCP and UDP. It is
// the server that benchmarks load. On SIGQUIT each of its loops says what it is doing.
//
//	go run ./examples/echo -listen 127.0.0.1:7007 -udp 127.0.0.1:7007
//	go run ./examples/echo -listen 127.0.0.1:7007 -loops 2
//	go run ./examples/echo -listen 127.0.0.1:7007 -tls-self
//	go run ./examples/echo -listen 127.0.0.1:7007 -proxy-protocol
package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"syscall"

	"example.com/pike/examples/internal/quit"
	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/signal"
	"example.com/pike/tcp"
	"example.com/pike/udp"
)

func main() {
	if err := run(parse(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

// run serves until SIGINT or SIGTERM and then prints the totals.
func run(o options, out io.Writer) error {
	layer, err := o.layer(out)
	if err != nil {
		return err
	}
	servers := make([]*server, o.loops)
	stop := func() {
		for _, s := range servers {
			s.lp.Stop()
		}
	}
	for i := range servers {
		lp, err := loop.New(loop.Options{Logger: slog.Default()})
		if err != nil {
			return err
		}
		defer lp.Close()
		if err := quit.Explain(lp, os.Stderr); err != nil {
			return err
		}
		servers[i] = &server{lp: lp, layer: layer, frame: o.frame}
	}
	// This comes first, so that a signal ends the program as soon as it has said that it listens.
	first := servers[0]
	if _, err := signal.Notify(first.lp, func(os.Signal) { stop() }, os.Interrupt, syscall.SIGTERM); err != nil {
		return err
	}
	for _, s := range servers {
		if err := s.listen(&o); err != nil {
			return err
		}
	}
	if first.ln != nil {
		fmt.Fprintln(out, "listening tcp", first.ln.LocalAddr())
	}
	if first.socket != nil {
		fmt.Fprintln(out, "listening udp", first.socket.LocalAddr())
	}
	if err := serve(servers, stop); err != nil {
		return err
	}
	report(out, servers)
	return nil
}

// serve runs the first loop here and each of the others on a goroutine, until all have stopped. They share nothing,
// so that nothing is locked.
func serve(servers []*server, stop func()) (err error) {
	ended := make(chan error)
	for _, s := range servers[1:] {
		go func() { ended <- s.lp.Run() }()
	}
	err = servers[0].lp.Run()
	if err != nil {
		stop()
	}
	for range servers[1:] {
		err = errors.Join(err, <-ended)
	}
	return err
}

func report(out io.Writer, servers []*server) {
	var all totals
	for i, s := range servers {
		if len(servers) > 1 {
			fmt.Fprintf(out, "loop %d: %v\n", i, s.totals)
		}
		all.conns += s.conns
		all.datagrams += s.datagrams
		all.tcpBytes += s.tcpBytes
		all.udpBytes += s.udpBytes
	}
	fmt.Fprintln(out, all)
}

type totals struct {
	conns, datagrams   int
	tcpBytes, udpBytes int64
}

func (t totals) String() string {
	return fmt.Sprintf("tcp: %d connections, %d bytes; udp: %d datagrams, %d bytes",
		t.conns, t.tcpBytes, t.datagrams, t.udpBytes)
}

// A server is one loop and what it serves.
type server struct {
	totals
	lp     *loop.Loop
	layer  poller.Layer
	ln     *tcp.Listener
	socket *udp.Conn
	frame  int
	read   func(*tcp.Conn, []byte) // one value for all connections
}

// listen opens the sockets of one of several loops. The first loop puts its addresses into o, so that the others share
// the port that the system chose.
func (s *server) listen(o *options) (err error) {
	s.read = s.echo
	if o.tcp != "" {
		if s.ln, err = tcp.Listen(s.lp, o.tcp, &tcp.Options{ReusePort: o.loops > 1, Layer: s.layer}); err != nil {
			return err
		}
		s.ln.OnAccept = s.accept
		o.tcp = s.ln.LocalAddr().String()
	}
	if o.udp != "" {
		if s.socket, err = udp.Listen(s.lp, o.udp, &udp.Options{ReusePort: o.loops > 1}); err != nil {
			return err
		}
		s.socket.OnRead = s.echoPacket
		o.udp = s.socket.LocalAddr().String()
	}
	return nil
}

func (s *server) accept(c *tcp.Conn) {
	s.conns++
	if s.frame == 0 {
		c.OnRead = s.read
		return
	}
	f := &frames{s: s}
	c.OnRead, c.OnEOF = f.read, f.end
}

func (s *server) echo(c *tcp.Conn, p []byte) {
	s.tcpBytes += int64(len(p))
	c.Write(p)
}

// frames cuts what arrives into frames of equal size.
type frames struct {
	s    *server
	rest []byte // of a frame that has not wholly arrived
}

func (f *frames) read(c *tcp.Conn, p []byte) {
	f.s.tcpBytes += int64(len(p))
	n := f.s.frame
	if len(f.rest) > 0 {
		k := min(n-len(f.rest), len(p))
		f.rest = append(f.rest, p[:k]...)
		if p = p[k:]; len(f.rest) < n {
			return
		}
		c.Write(f.rest)
		f.rest = f.rest[:0]
	}
	for ; len(p) >= n; p = p[n:] {
		c.Write(p[:n])
	}
	f.rest = append(f.rest, p...)
}

// end answers the frame that the client did not finish.
func (f *frames) end(c *tcp.Conn) {
	c.Write(f.rest)
	c.Close()
}

func (s *server) echoPacket(c *udp.Conn, p []byte, from netip.AddrPort) {
	s.datagrams++
	s.udpBytes += int64(len(p))
	c.WriteTo(p, from)
}
