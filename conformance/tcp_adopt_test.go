package conformance

import (
	"errors"
	"io"
	"net"
	"syscall"

	"example.com/pike/stream"
	"example.com/pike/tcp"
)

var _ = add(line{id: "S23", name: "open", needs: realSystem, run: onStreams(adoptAndUse)})

// A descriptor comes as a net.Conn or net.Listener, which is closed when it is
// taken over: a second handle for it, libuv's EEXIST and EBUSY, has nothing to
// take. What is adopted connected is readable and writable, and what was adopted
// listening accepts.
func adoptAndUse(s *streams) {
	nl, err := net.Listen("tcp", anyPort4)
	s.no(err)
	ln, err := stream.AdoptListener(s.lp, nl)
	if errors.Is(err, errors.ErrUnsupported) {
		s.Skip("this backend cannot adopt: ", err)
	}
	s.no(err)
	_, err = stream.AdoptListener(s.lp, nl)
	s.is(err, net.ErrClosed)
	ln.OnAccept = func(c *tcp.Conn) {
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
		s.no(ln.Close())
	}

	nc, err := net.Dial("tcp", ln.LocalAddr().String())
	s.no(err)
	c, err := stream.AdoptConn(s.lp, nc)
	s.no(err)
	_, err = stream.AdoptConn(s.lp, nc)
	s.is(err, net.ErrClosed)
	s.equal("Readable", c.Readable(), true)
	s.equal("Writable", c.Writable(), true)
	got, eofs := "", 0
	c.OnRead = func(c *tcp.Conn, p []byte) {
		if got += string(p); got == "PING" {
			s.no(c.CloseWrite())
		}
	}
	c.OnEOF = func(*tcp.Conn) { eofs++ }
	s.no(c.ResumeRead())
	c.WriteString("PING")
	s.end()
	s.equal("echo", got, "PING")
	s.equal("EOFs", eofs, 1)

	udp, err := net.Dial("udp", "127.0.0.1:9")
	s.no(err)
	defer udp.Close()
	_, err = stream.AdoptConn(s.lp, udp)
	s.is(err, syscall.EPROTOTYPE)
	pipe, far := net.Pipe()
	defer far.Close()
	_, err = stream.AdoptConn(s.lp, pipe)
	s.is(err, errors.ErrUnsupported)
	_, err = io.WriteString(udp, "it is still its owner's")
	s.no(err)
}
