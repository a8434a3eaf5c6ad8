package stream_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"example.com/pike/stream"
	"example.com/pike/tcp"
)

const mebibyte = 1 << 20

// A reading is what a goroutine has read off a net.Conn until its end.
type reading struct {
	bytes int
	err   error // what was not io.EOF, or not the pattern
}

// readSlowly reads the pattern in pieces, with a pause after each until total
// have come, and then to the end.
func readSlowly(nc net.Conn, piece int, pause time.Duration) <-chan reading {
	done := make(chan reading, 1)
	go func() {
		var p pattern
		buf := make([]byte, piece)
		time.Sleep(10 * pause)
		for {
			n, err := nc.Read(buf)
			if bad := p.check(buf[:n]); bad != nil {
				err = bad
			}
			if err == io.EOF {
				done <- reading{p.at, nil}
				return
			}
			if err != nil {
				done <- reading{p.at, err}
				return
			}
			time.Sleep(pause)
		}
	}()
	return done
}

func TestSixteenMegabytesThenClose(t *testing.T) {
	const total = 16 * mebibyte
	writes := map[string]func(r *rig, c *tcp.Conn){
		"one Write": func(r *rig, c *tcp.Conn) {
			_, err := c.Write(new(pattern).next(total))
			r.no(err)
		},
		"many Writes": func(r *rig, c *tcp.Conn) {
			var p pattern
			for size := 1; p.at < total; size = size*3%100_003 + 1 {
				_, err := c.Write(p.next(min(size, total-p.at)))
				r.no(err)
			}
		},
		"WriteBuffers": func(r *rig, c *tcp.Conn) {
			var p pattern
			for p.at < total {
				var bufs [][]byte
				for range 64 {
					bufs = append(bufs, p.next(16<<10))
				}
				r.no(c.WriteBuffers(bufs, nil))
			}
		},
	}
	for name, write := range writes {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c, nc := r.peer(nil)
			nc.SetReadBuffer(64 << 10)
			ends := 0
			c.OnClose = func(_ *tcp.Conn, err error) {
				ends++
				r.no(err)
			}
			got := readSlowly(nc, 512<<10, 2*time.Millisecond)
			write(r, c)
			r.equal("some of it must wait", c.Buffered() > mebibyte, true)
			r.no(c.Close())
			r.run()
			r.equal("OnClose", ends, 1)
			if g := <-got; g.bytes != total || g.err != nil {
				t.Fatalf("the peer read %d bytes of %d: %v", g.bytes, total, g.err)
			}
		})
	}
}

func TestHalfCloseThenLateReply(t *testing.T) {
	r := newRig(t)
	client, server := r.pair()
	var order []string
	server.OnRead = func(_ *tcp.Conn, p []byte) { order = append(order, "server read "+string(p)) }
	server.OnEOF = func(c *tcp.Conn) {
		order = append(order, "server EOF")
		r.after(20*time.Millisecond, func() {
			c.WriteString("late reply")
			r.no(c.CloseWrite())
		})
	}
	client.OnRead = func(_ *tcp.Conn, p []byte) { order = append(order, "client read "+string(p)) }
	client.OnEOF = func(*tcp.Conn) { order = append(order, "client EOF") }
	for _, c := range []*tcp.Conn{client, server} {
		c.OnClose = func(_ *tcp.Conn, err error) { r.no(err) }
	}
	client.WriteString("question")
	r.no(client.CloseWrite())
	r.run()
	want := []string{"server read question", "server EOF", "client read late reply", "client EOF"}
	if len(order) != len(want) {
		t.Fatalf("%q, want %q", order, want)
	}
	for i := range want {
		r.equal("step", order[i], want[i])
	}
}

// What is large and in flight at the half-close still arrives, in both
// directions at once.
func TestHalfCloseWithMuchInFlight(t *testing.T) {
	r := newRig(t)
	client, server := r.pair()
	const total = 4 * mebibyte
	var got [2]pattern
	for i, c := range []*tcp.Conn{client, server} {
		c.OnRead = func(_ *tcp.Conn, p []byte) { r.no(got[i].check(p)) }
		c.OnEOF = func(*tcp.Conn) { r.equal("bytes before EOF", got[i].at, total) }
		c.OnClose = func(_ *tcp.Conn, err error) { r.no(err) }
		c.Write(new(pattern).next(total))
		r.no(c.CloseWrite())
	}
	r.run()
	r.equal("to the client", got[0].at, total)
	r.equal("to the server", got[1].at, total)
}

func TestMebibyteAndCloseInOneGo(t *testing.T) {
	for _, paused := range []bool{false, true} {
		t.Run(map[bool]string{false: "reading", true: "paused until the peer is gone"}[paused], func(t *testing.T) {
			r := newRig(t)
			// The whole of it fits into the system's buffers, so that the peer is gone
			// before anything was read.
			c, nc := r.peer(&tcp.Options{ReadBuffer: 1_500_000}) // some systems refuse 2 MiB
			var got pattern
			eofs := 0
			c.OnRead = func(_ *tcp.Conn, p []byte) {
				r.equal("EOF before data", eofs, 0)
				r.no(got.check(p))
			}
			c.OnEOF = func(c *tcp.Conn) {
				eofs++
				r.no(c.Close())
			}
			if paused {
				r.no(c.PauseRead())
			}
			sent := make(chan error, 1)
			go func() {
				_, err := nc.Write(new(pattern).next(mebibyte))
				sent <- errors.Join(err, nc.Close())
			}()
			if paused {
				select {
				case err := <-sent:
					r.no(err)
				case <-time.After(100 * time.Millisecond): // a smaller buffer than asked for
				}
				r.turns(3)
				r.equal("read while paused", got.at, 0)
				r.no(c.ResumeRead())
			}
			r.run()
			r.equal("bytes", got.at, mebibyte)
			r.equal("EOFs", eofs, 1)
		})
	}
}

// Closing a socket with unread input makes the system reset the connection,
// and a reset throws away what the peer has not read yet (RFC 1122, 4.2.2.13).
func TestCloseWithUnreadInput(t *testing.T) {
	r := newRig(t)
	c, nc := r.peer(nil)
	r.no(c.PauseRead())
	_, err := nc.Write(make([]byte, 50_000))
	r.no(err)
	time.Sleep(20 * time.Millisecond)
	const bytes = 50_000 // as much as a peer takes that does not read, on BSDs 64 KiB: Close waits for it
	_, err = c.Write(new(pattern).next(bytes))
	r.no(err)
	r.no(c.Close())
	r.run()
	time.Sleep(20 * time.Millisecond)
	g := <-readSlowly(nc, 4096, 0)
	r.no(g.err)
	r.equal("bytes the peer read", g.bytes, bytes)
}

// A peer that waits for us to read what it sends would never read what we do:
// draining must go on reading.
func TestCloseReadsWhileItDrains(t *testing.T) {
	r := newRig(t)
	client, server := r.pair()
	const total = 8 * mebibyte
	r.no(server.PauseRead())
	read := 0
	client.OnRead = func(c *tcp.Conn, p []byte) { read += len(p) }
	client.OnWrite = func(c *tcp.Conn) { r.no(c.ResumeRead()) } // only once all is out
	r.no(client.PauseRead())
	client.Write(make([]byte, total))
	server.Write(make([]byte, total))
	server.OnClose = func(_ *tcp.Conn, err error) { r.no(err) }
	r.no(server.Close())
	r.run()
	r.equal("bytes the client read", read, total)
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
