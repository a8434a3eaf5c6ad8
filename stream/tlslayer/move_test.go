package tlslayer_test

import (
	"errors"
	"io"
	mrand "math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream/tlslayer"
	"example.com/pike/tcp"
)

// other is another loop, on a goroutine of its own.
func other(t *testing.T) *loop.Loop {
	t.Helper()
	lp, err := loop.New(loop.Options{})
	no(t, err)
	_, err = lp.NewAsync(func() {})
	no(t, err)
	done := make(chan error)
	go func() { done <- lp.Run() }()
	t.Cleanup(func() {
		lp.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := lp.Close(); err != nil {
			t.Error(err)
		}
	})
	return lp
}

// A connection goes from loop to loop in the middle of its records.
func TestMoveTo(t *testing.T) {
	eachVersion(t, func(t *testing.T, o *tlslayer.Options, v uint16) {
		server, client := configsOf(pairs["p256"]())
		server.MinVersion, server.MaxVersion = v, v
		lp := other(t)
		var moves atomic.Int64
		unsupported := false
		s := serve(t, serverOptions(server, o), func(c *tcp.Conn) {
			loops := []*loop.Loop{lp, c.Loop()}
			told := func(c *tcp.Conn, err error) {
				switch {
				case errors.Is(err, errors.ErrUnsupported):
					unsupported = true
				case errors.Is(err, net.ErrClosed): // it has ended first
				case err != nil:
					t.Errorf("a move: %v", err)
				default:
					if st, ok := tlslayer.State(c); !ok || st.Version != v {
						t.Error("there is no state after the move")
					}
					moves.Add(1)
				}
			}
			c.MoveTo(lp, func(c *tcp.Conn, err error) {
				told(c, err)
				c.WriteString("m") // the client sends nothing before it has that
			})
			n := 0
			c.OnRead = func(c *tcp.Conn, p []byte) {
				c.Write(p)
				if n++; n%3 == 0 {
					c.MoveTo(loops[n/3%2], told)
				}
			}
			c.OnEOF = func(c *tcp.Conn) { c.CloseWrite() }
		})
		nc := dial(t, s.addr, client)
		no(t, nc.SetDeadline(time.Now().Add(patience)))
		r := mrand.New(mrand.NewPCG(1, uint64(v)))
		sent := random(r, 600_000)
		if _, err := io.ReadFull(nc, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		go func() {
			for p := sent; len(p) > 0; {
				n := min(len(p), 1+r.IntN(20_000))
				nc.Write(p[:n])
				p = p[n:]
			}
			nc.CloseWrite()
		}()
		got, err := io.ReadAll(nc)
		no(t, err)
		if string(got) != string(sent) {
			t.Fatalf("%d bytes came back of %d, or others", len(got), len(sent))
		}
		no(t, s.end(t))
		if moves.Load() == 0 && !unsupported {
			t.Error("it was not moved")
		}
	})
}

// What is queued, sealed and on its way goes along.
func TestMoveToWithOutput(t *testing.T) {
	eachVersion(t, func(t *testing.T, o *tlslayer.Options, v uint16) {
		server, client := configsOf(pairs["p256"]())
		server.MinVersion, server.MaxVersion = v, v
		lp := other(t)
		r := mrand.New(mrand.NewPCG(2, uint64(v)))
		sent := random(r, 3<<20)
		moved := make(chan error, 1)
		with := serverOptions(server, o)
		with.WriteBuffer = 16 << 10 // or the system would take all of it
		s := serve(t, with, func(c *tcp.Conn) {
			c.OnRead = func(*tcp.Conn, []byte) {}
			c.Write(sent[:2<<20])
			c.Post(func(c *tcp.Conn) {
				c.MoveTo(lp, func(c *tcp.Conn, err error) {
					if err == nil && c.Buffered() < 1<<19 {
						t.Errorf("only %d bytes were queued", c.Buffered())
					}
					c.Write(sent[2<<20:])
					c.CloseWrite()
					moved <- err
				})
			})
		})
		nc := dial(t, s.addr, client)
		no(t, nc.SetDeadline(time.Now().Add(patience)))
		if err := <-moved; err != nil && !errors.Is(err, errors.ErrUnsupported) {
			t.Fatal(err)
		}
		got, err := io.ReadAll(nc)
		no(t, err)
		if string(got) != string(sent) {
			t.Fatalf("%d bytes came of %d, or others", len(got), len(sent))
		}
		no(t, nc.Close())
		if err := s.end(t); err != nil && err != io.EOF {
			t.Error(err)
		}
	})
}
