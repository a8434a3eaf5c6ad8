// Echo answers every byte it gets with the same byte, over TCP and UDP. It is
// the server that benchmarks load.
//
//	go run ./examples/echo -listen 127.0.0.1:7007 -udp 127.0.0.1:7007
package main

import (
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"syscall"

	"example.com/pike/loop"
	"example.com/pike/signal"
	"example.com/pike/tcp"
	"example.com/pike/udp"
)

func main() {
	var o options
	flag.StringVar(&o.tcp, "listen", "", "echo TCP on `ADDR`")
	flag.StringVar(&o.udp, "udp", "", "echo UDP on `ADDR`")
	flag.IntVar(&o.frame, "frame", 0, "answer each `N` bytes of TCP by a write of its own; 0 answers what arrives")
	flag.Parse()
	if flag.NArg() > 0 || o.frame < 0 || o.tcp == "" && o.udp == "" {
		fmt.Fprintln(os.Stderr, "echo: give -listen ADDR, -udp ADDR, or both; -frame is not negative")
		flag.Usage()
		os.Exit(2)
	}
	if err := run(o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

type options struct {
	tcp, udp string
	frame    int
}

// run serves until SIGINT or SIGTERM and then prints the totals.
func run(o options, out io.Writer) error {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		return err
	}
	defer lp.Close()
	// First, so that whoever reads that it listens may end it.
	if _, err := signal.Notify(lp, func(os.Signal) { lp.Stop() }, os.Interrupt, syscall.SIGTERM); err != nil {
		return err
	}
	s := &server{frame: o.frame}
	s.read = s.echo
	if o.tcp != "" {
		ln, err := tcp.Listen(lp, o.tcp, nil)
		if err != nil {
			return err
		}
		ln.OnAccept = s.accept
		fmt.Fprintln(out, "listening tcp", ln.Addr())
	}
	if o.udp != "" {
		c, err := udp.Listen(lp, o.udp, nil)
		if err != nil {
			return err
		}
		c.OnRead = s.echoPacket
		fmt.Fprintln(out, "listening udp", c.LocalAddr())
	}
	if err := lp.Run(); err != nil {
		return err
	}
	fmt.Fprintf(out, "tcp: %d connections, %d bytes; udp: %d datagrams, %d bytes\n",
		s.conns, s.tcpBytes, s.datagrams, s.udpBytes)
	return nil
}

type server struct {
	frame              int
	read               func(*tcp.Conn, []byte) // one value for all connections
	conns, datagrams   int
	tcpBytes, udpBytes int64
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
