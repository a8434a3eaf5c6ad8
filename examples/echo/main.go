// Echo answers every byte it gets with the same byte, over TCP, UDP and unix-domain
// sockets. It is the server that benchmarks load. On SIGQUIT each of its loops says
// what it is doing.
//
//	go run ./examples/echo -listen 127.0.0.1:7007 -udp 127.0.0.1:7007
//	go run ./examples/echo -listen 127.0.0.1:7007 -loops 2
//	go run ./examples/echo -listen 127.0.0.1:7007 -tls-self
//	go run ./examples/echo -listen 127.0.0.1:7007 -proxy-protocol
//	go run ./examples/echo -unix /tmp/echo.sock -mode 0660
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
		servers[i] = newServer(lp, layer, o.frame)
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
	if first.local != nil {
		fmt.Fprintln(out, "listening unix", first.local.LocalAddr())
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
	var all server
	for i, s := range servers {
		if len(servers) > 1 {
			fmt.Fprintf(out, "loop %d: %v\n", i, s)
		}
		all.tcp.add(&s.tcp)
		all.unix.add(&s.unix)
		all.datagrams += s.datagrams
		all.udpBytes += s.udpBytes
	}
	all.local = servers[0].local
	fmt.Fprintln(out, &all)
}

// A server is one loop and what it serves.
type server struct {
	lp        *loop.Loop
	layer     poller.Layer // of TCP
	ln        *tcp.Listener
	local     *unix.Listener // of the first loop, because a path has one listener
	socket    *udp.Conn
	tcp, unix service
	datagrams int
	udpBytes  int64
}

func newServer(lp *loop.Loop, layer poller.Layer, frame int) *server {
	s := &server{lp: lp, layer: layer}
	for _, e := range []*service{&s.tcp, &s.unix} {
		e.frame, e.read = frame, e.echo
	}
	return s
}

// String is the totals.
func (s *server) String() string {
	text := fmt.Sprintf("tcp: %d connections, %d bytes; udp: %d datagrams, %d bytes", s.tcp.conns, s.tcp.bytes, s.datagrams, s.udpBytes)
	if s.local != nil {
		text += fmt.Sprintf("; unix: %d connections, %d bytes", s.unix.conns, s.unix.bytes)
	}
	return text
}

// listen opens the sockets of one of several loops. The first loop puts its addresses into o, so that the others share
// the port that the system chose.
func (s *server) listen(o *options) (err error) {
	if o.tcp != "" {
		if s.ln, err = tcp.Listen(s.lp, o.tcp, &tcp.Options{ReusePort: o.loops > 1, Layer: s.layer}); err != nil {
			return err
		}
		s.ln.OnAccept = s.tcp.accept
		o.tcp = s.ln.LocalAddr().String()
	}
	if o.udp != "" {
		if s.socket, err = udp.Listen(s.lp, o.udp, &udp.Options{ReusePort: o.loops > 1}); err != nil {
			return err
		}
		s.socket.OnRead = s.echoPacket
		o.udp = s.socket.LocalAddr().String()
	}
	if o.unix != "" {
		lc := unix.ListenConfig{Mode: os.FileMode(o.mode)}
		if s.local, err = lc.Listen(s.lp, o.unix, nil); err != nil {
			return err
		}
		s.local.OnAccept = s.unix.accept
		o.unix = ""
	}
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
