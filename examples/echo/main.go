// Echo answers every byte it gets with the same byte, over TCP, UDP and unix-domain
// sockets. It is the server that benchmarks load. On SIGQUIT each of its loops says
// what it is doing. With -loops several loops share the connections evenly.
//
//	go run ./examples/echo -listen 127.0.0.1:7007 -udp 127.0.0.1:7007
//	go run ./examples/echo -listen 127.0.0.1:7007 -loops 2
//	go run ./examples/echo -listen 127.0.0.1:7007 -tls-self
//	go run ./examples/echo -listen 127.0.0.1:7007 -proxy-protocol
//	go run ./examples/echo -unix /tmp/echo.sock -mode 0660
package main

import (
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
	"example.com/pike/stream"
	"example.com/pike/tcp"
	"example.com/pike/udp"
	"example.com/pike/unix"
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
	if o.loops != 1 {
		return runGroup(&o, layer, out)
	}
	lp, err := loop.New(loop.Options{Logger: slog.Default()})
	if err != nil {
		return err
	}
	defer lp.Close()
	if err := quit.Explain(lp, os.Stderr); err != nil {
		return err
	}
	// This comes first, so that a signal ends the program as soon as it has said that it listens.
	if _, err := signal.Notify(lp, func(os.Signal) { lp.Stop() }, os.Interrupt, syscall.SIGTERM); err != nil {
		return err
	}
	s := newServer(lp, &o)
	if err := s.listen(&o, layer); err != nil {
		return err
	}
	if s.ln != nil {
		fmt.Fprintln(out, "listening tcp", s.ln.LocalAddr())
	}
	if s.socket != nil {
		fmt.Fprintln(out, "listening udp", s.socket.LocalAddr())
	}
	if s.local != nil {
		fmt.Fprintln(out, "listening unix", s.local.LocalAddr())
	}
	if err := lp.Run(); err != nil {
		return err
	}
	fmt.Fprintln(out, s)
	return nil
}

// A server is what one loop serves, and counts.
type server struct {
	lp        *loop.Loop
	ln        *tcp.Listener // nil in a group, as local is: those are of all its loops
	local     *unix.Listener
	socket    *udp.Conn
	tcp, unix service
	paths     bool // it serves a path as well
	datagrams int
	udpBytes  int64
}

func newServer(lp *loop.Loop, o *options) *server {
	s := &server{lp: lp, paths: o.unix != ""}
	for _, e := range []*service{&s.tcp, &s.unix} {
		e.frame, e.read = o.frame, e.echo
	}
	return s
}

// String is the totals.
func (s *server) String() string {
	text := fmt.Sprintf("tcp: %d connections, %d bytes; udp: %d datagrams, %d bytes", s.tcp.conns, s.tcp.bytes, s.datagrams, s.udpBytes)
	if s.paths {
		text += fmt.Sprintf("; unix: %d connections, %d bytes", s.unix.conns, s.unix.bytes)
	}
	return text
}

// listen opens the sockets of the only loop.
func (s *server) listen(o *options, layer poller.Layer) (err error) {
	if o.tcp != "" {
		if s.ln, err = tcp.Listen(s.lp, o.tcp, &tcp.Options{Layer: layer}); err != nil {
			return err
		}
		s.ln.OnAccept = s.tcp.accept
	}
	if o.udp != "" {
		if err = s.listenUDP(o.udp, nil); err != nil {
			return err
		}
	}
	if o.unix != "" {
		if s.local, err = o.paths().Listen(s.lp, o.unix, nil); err != nil {
			return err
		}
		s.local.OnAccept = s.unix.accept
	}
	return nil
}

func (s *server) listenUDP(addr string, o *udp.Options) (err error) {
	if s.socket, err = udp.Listen(s.lp, addr, o); err != nil {
		return err
	}
	s.socket.OnRead = s.echoPacket
	return nil
}

// A service answers the connections of one network.
type service struct {
	conns int
	bytes int64
	frame int
	read  func(*stream.Conn, []byte) // one value for all connections
}

func (s *service) add(o *service) {
	s.conns += o.conns
	s.bytes += o.bytes
}

func (s *service) accept(c *stream.Conn) {
	s.conns++
	if s.frame == 0 {
		c.OnRead = s.read
		return
	}
	f := &frames{s: s}
	c.OnRead, c.OnEOF = f.read, f.end
}

func (s *service) echo(c *stream.Conn, p []byte) {
	s.bytes += int64(len(p))
	c.Write(p)
}

// frames cuts what arrives into frames of equal size.
type frames struct {
	s    *service
	rest []byte // of a frame that has not wholly arrived
}

func (f *frames) read(c *stream.Conn, p []byte) {
	f.s.bytes += int64(len(p))
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
func (f *frames) end(c *stream.Conn) {
	c.Write(f.rest)
	c.Close()
}

func (s *server) echoPacket(c *udp.Conn, p []byte, from netip.AddrPort) {
	s.datagrams++
	s.udpBytes += int64(len(p))
	c.WriteTo(p, from)
}
