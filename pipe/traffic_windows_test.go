package pipe_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"

	"example.com/pike/pipe"
	"example.com/pike/timer"
)

// These are libuv's tests of pipes (test-pipe-*.c, test-ipc-heavy-traffic-deadlock-bug.c), as far as
// named pipes can show them; package conformance has the others over unix-domain sockets.

// TestHeavyTraffic has both ends write 6 MiB before they read: neither waits for the other for ever.
func TestHeavyTraffic(t *testing.T) {
	n := newNamed(t, nil, nil)
	client, server := n.pair(nil)
	const each, writes = 3000, 6 << 20 / 3000
	got := [2]int{}
	for i, c := range []*pipe.Conn{client, server} {
		c.OnRead = func(c *pipe.Conn, p []byte) {
			for j, b := range p {
				if b != byte((got[i]+j)/each) {
					t.Fatalf("byte %d is wrong", got[i]+j)
				}
			}
			got[i] += len(p)
		}
		p := make([]byte, each)
		for k := range writes {
			for j := range p {
				p[j] = byte(k)
			}
			n.no(write(c, p))
		}
	}
	n.until("all has come", func() bool { return got[0] == each*writes && got[1] == each*writes })
}

// TestConnectMultiple has clients connect at once, all of which are told, in connections of their own.
func TestConnectMultiple(t *testing.T) {
	const clients = 20
	n := newNamed(t, &pipe.Options{Backlog: 3}, nil)
	accepted, connected, inDial := 0, 0, false
	n.ln.OnAccept = func(*pipe.Conn) { accepted++ }
	for range clients {
		inDial = true
		n.dial(nil, func(*pipe.Conn) {
			connected++
			if inDial {
				t.Error("told from inside Dial")
			}
		})
		inDial = false
	}
	n.until("all are connected and accepted", func() bool { return accepted == clients && connected == clients })
}

// TestConnectCloseMultiple closes each client in the callback that says it is connected, or before. The
// server sees each that has connected, and its end.
func TestConnectCloseMultiple(t *testing.T) {
	n := newNamed(t, nil, nil)
	const clients = 20
	accepted, ended, told, gaveUp := 0, 0, 0, 0
	n.ln.OnAccept = func(c *pipe.Conn) {
		accepted++
		c.OnRead = func(*pipe.Conn, []byte) { t.Error("it has received what nobody sent") }
		c.OnClose = func(_ *pipe.Conn, err error) {
			n.is("the reason", err, io.EOF)
			ended++
		}
	}
	for i := range clients {
		c, err := pipe.Dial(n.lp, n.name, nil, func(c *pipe.Conn, err error) {
			if told++; err != nil {
				n.is("Dial", err, net.ErrClosed)
				gaveUp++
				return
			}
			c.Close()
		})
		n.no(err)
		if i%2 == 1 {
			c.Close()
		}
	}
	n.until("all are told", func() bool { return told == clients })
	n.until("the server has seen the ends", func() bool { return accepted >= clients-gaveUp && ended == accepted })
	if gaveUp < clients/2 || accepted > clients {
		t.Errorf("%d have given up, %d were accepted", gaveUp, accepted)
	}
}

// TestServerClose closes the listener when the first has come: a client that waits is told, and the connection
// there is goes on.
func TestServerClose(t *testing.T) {
	n := newNamed(t, &pipe.Options{Backlog: 1}, nil)
	var server *pipe.Conn
	n.ln.OnAccept = func(c *pipe.Conn) { server = c; echo(c); n.ln.Close() }
	answered := false
	n.dial(nil, func(c *pipe.Conn) {
		c.OnRead = func(*pipe.Conn, []byte) { answered = true }
		c.WriteString("x")
	})
	n.until("it is served", func() bool { return answered })
	var late error
	_, err := pipe.Dial(n.lp, n.name, &pipe.Options{Timeout: 1}, func(_ *pipe.Conn, err error) { late = err })
	n.no(err)
	n.until("the next is told", func() bool { return late != nil })
	// While a connection is open the name is there, and has no instance free.
	if !errors.Is(late, os.ErrDeadlineExceeded) && !errors.Is(late, os.ErrNotExist) {
		t.Errorf("Dial: %v", late)
	}
	server.Close()
}

// TestPingPong answers each message with one, a thousand times, from inside OnRead.
func TestPingPong(t *testing.T) {
	n := newNamed(t, nil, echo)
	const rounds = 1000
	pongs := 0
	client, server := n.pair(nil)
	echo(server)
	reason := watch(client)
	client.OnRead = func(c *pipe.Conn, p []byte) {
		if string(p) != "PING" {
			t.Errorf("received %q", p)
		}
		if pongs++; pongs == rounds {
			c.Close()
			return
		}
		c.WriteString("PING")
	}
	client.WriteString("PING")
	n.until("it is over", func() bool { return reason.over })
	n.is("the reason", reason.reason, nil)
	if pongs != rounds {
		t.Errorf("%d pongs", pongs)
	}
}

// TestUnref holds that neither a listener nor a connection that is not referenced keeps the loop running, and a
// write under way does.
func TestUnref(t *testing.T) {
	n := newNamed(t, nil, nil)
	client, server := n.pair(nil)
	for _, h := range []interface{ Unref() }{n.ln, client, server} {
		h.Unref()
	}
	n.no(n.lp.Run())
	got := 0
	server.OnRead = func(_ *pipe.Conn, p []byte) { got += len(p) }
	server.PauseRead()
	n.no(write(client, make([]byte, 1<<20)))
	tm, err := timer.After(n.lp, 0, func() { server.ResumeRead() })
	n.no(err)
	n.no(n.lp.Run())
	tm.Close()
	if got < 1<<20-64<<10 { // the rest the system may have still
		t.Errorf("the loop has ended after %d bytes", got)
	}
}
