package stream_test

import (
	"io"
	"net"
	"testing"
	"time"

	"example.com/pike/tcp"
)

// A peer that goes on talking is answered by a reset once the descriptor is
// closed, and what the system has not sent by then is lost: Close must wait.
func TestCloseWhileThePeerTalks(t *testing.T) {
	const size = 16 * mebibyte
	r := newRig(t)
	closed := false
	ln := r.listen(nil, func(c *tcp.Conn) {
		c.OnClose = func(_ *tcp.Conn, err error) { closed = true; r.no(err) }
		c.Write(make([]byte, size))
		c.Close()
	})
	got := make(chan int, 1)
	go func() { got <- talkAndRead(ln.LocalAddr().String(), size) }()
	r.until("the connection is closed", func() bool { return closed })
	r.equal("bytes read", <-got, size)
}

// talkAndRead reads slowly, and writes a byte for each piece it reads.
func talkAndRead(addr string, size int) (n int) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return -1
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	for buf := make([]byte, 256<<10); n < size; {
		k, err := c.Read(buf)
		n += k
		if err != nil {
			return n
		}
		c.Write([]byte("x"))
		time.Sleep(time.Millisecond)
	}
	return n
}

// More than the system discards in one call lies unread when the connection is
// closed.
func TestCloseWithMuchUnread(t *testing.T) {
	r := newRig(t)
	var server *tcp.Conn
	ln := r.listen(nil, func(c *tcp.Conn) {
		server = c
		c.PauseRead()
	})
	nc, err := net.Dial("tcp", ln.LocalAddr().String())
	r.no(err)
	defer nc.Close()
	r.until("accepted", func() bool { return server != nil })
	nc.SetDeadline(time.Now().Add(time.Second / 5))
	nc.Write(make([]byte, 4*mebibyte)) // as much as fits
	const size = 2 * mebibyte
	got := make(chan int, 1)
	go func() {
		nc.SetDeadline(time.Now().Add(patience))
		b, _ := io.ReadAll(nc)
		nc.Close()
		got <- len(b)
	}()
	server.Write(make([]byte, size))
	r.no(server.Close())
	ln.Close()
	r.run()
	r.equal("bytes read", <-got, size)
}

// A peer that neither talks nor ends is left alone once it has everything.
func TestCloseDoesNotWaitForThePeersEnd(t *testing.T) {
	r := newRig(t)
	closed := false
	ln := r.listen(nil, func(c *tcp.Conn) {
		c.OnClose = func(_ *tcp.Conn, err error) { closed = true; r.no(err) }
		c.WriteString("bye")
		c.Close()
	})
	nc, err := net.Dial("tcp", ln.LocalAddr().String())
	r.no(err)
	defer nc.Close()
	r.until("the connection is closed", func() bool { return closed })
}
