package stream_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
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

func TestCloseNow(t *testing.T) {
	r := newRig(t)
	peer, c := r.pair()
	var reason error
	c.OnClose = func(_ *tcp.Conn, err error) { reason = err }
	r.no(peer.PauseRead())
	c.Write(make([]byte, 64*mebibyte))
	r.no(c.Close())
	r.turns(2)
	r.no(c.CloseNow())
	r.is(c.CloseNow(), net.ErrClosed)
	r.until("it is closed", func() bool { return reason != nil })
	r.is(reason, stream.ErrAborted)
	peer.Close()
	r.run()
}

// What the system has taken when the loop is closed is still delivered.
func TestLoopCloseDoesNotReset(t *testing.T) {
	r := newRig(t)
	nl, err := net.Listen("tcp", loopback)
	r.no(err)
	defer nl.Close()
	c, err := tcp.Dial(r.lp, nl.Addr().String(), nil, func(_ *tcp.Conn, err error) { r.no(err) })
	r.no(err)
	r.until("connected", c.Readable)
	nc, err := nl.Accept()
	r.no(err)
	defer nc.Close()
	c.Write(make([]byte, 16*mebibyte))
	taken := 16*mebibyte - c.Buffered()
	r.no(r.lp.Close())
	nc.SetDeadline(time.Now().Add(patience))
	b, err := io.ReadAll(nc)
	r.no(err)
	if len(b) < taken {
		t.Errorf("%d bytes were read, and the system had taken %d", len(b), taken)
	}
}

type twoAddresses struct{ first, second netip.Addr }

func (a twoAddresses) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{a.first, a.second}, nil
}

// An address that does not answer leaves time for the next one.
func TestDialGoesOnFromASilentAddress(t *testing.T) {
	silent, live := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	r := newRig(t, loop.Options{Resolver: twoAddresses{silent, live}})
	_, port, err := net.SplitHostPort(r.deaf())
	r.no(err)
	ln, err := tcp.Listen(r.lp, net.JoinHostPort(live.String(), port), nil)
	if err != nil {
		t.Skip("this system's loopback has one address: ", err)
	}
	ln.OnAccept = func(*tcp.Conn) {}
	var d dialLog
	began := r.lp.UpdateNow()
	_, err = tcp.Dial(r.lp, "two.example:"+port, &tcp.Options{Timeout: 3 * time.Second}, d.tell)
	r.no(err)
	r.until("dialed", func() bool { return d.calls > 0 })
	r.no(d.err)
	if took := r.lp.UpdateNow().Sub(began); took < 250*time.Millisecond {
		t.Errorf("the first address had %v, want 250 ms", took)
	}
}
