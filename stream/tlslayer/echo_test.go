package tlslayer_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	mrand "math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"testing"

	"example.com/pike/stream"
	"example.com/pike/stream/tlslayer"
	"example.com/pike/tcp"
)

func random(r *mrand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestEcho has 300 messages of random sizes go both ways, and half-closes at the end.
func TestEcho(t *testing.T) {
	for kind, p := range pairs {
		t.Run(kind, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, o *tlslayer.Options, v uint16) {
				server, client := configsOf(p())
				server.MinVersion, server.MaxVersion = v, v
				server.NextProtos, client.NextProtos = []string{"x", "echo"}, []string{"echo"}
				s := serve(t, serverOptions(server, o), func(c *tcp.Conn) {
					st, ok := tlslayer.State(c)
					if !ok || st.Version != v || st.NegotiatedProtocol != "echo" || st.ServerName != "localhost" {
						t.Errorf("State says %v, %x, %q, %q", ok, st.Version, st.NegotiatedProtocol, st.ServerName)
					}
					echo(c)
				})
				nc := dial(t, s.addr, client)
				r := mrand.New(mrand.NewPCG(1, uint64(v)))
				sent, total := sha256.New(), 0
				wrote := make(chan error, 1)
				go func() {
					for range 300 {
						b := random(r, 1+r.IntN(1<<r.IntN(18)))
						total += len(b)
						sent.Write(b)
						if _, err := nc.Write(b); err != nil {
							wrote <- err
							return
						}
					}
					wrote <- nc.CloseWrite()
				}()
				got := sha256.New()
				n, err := io.Copy(got, nc)
				no(t, err)
				no(t, <-wrote)
				if int(n) != total || !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
					t.Errorf("of %d bytes %d came back, or others", total, n)
				}
				nc.Close()
				no(t, s.end(t))
			})
		})
	}
}

// TestDial has clients of our own talk to a server of our own, many at once and again and again, so that
// sessions are resumed.
func TestDial(t *testing.T) {
	eachVersion(t, func(t *testing.T, o *tlslayer.Options, v uint16) {
		server, client := configs(t)
		server.MaxVersion = v
		client.ServerName = "" // the host that is dialed
		client.ClientSessionCache = tls.NewLRUClientSessionCache(10)
		s := serve(t, serverOptions(server, o), echo)
		lp := newLoop(t)
		message := bytes.Repeat([]byte("0123456789abcdef"), 5000)
		resumed, closed := 0, 0
		var again func(left int)
		again = func(left int) {
			if left == 0 {
				return
			}
			_, err := tcp.Dial(lp, s.addr, clientOptions(client, o), func(c *tcp.Conn, err error) {
				if err != nil {
					t.Error(err)
					return
				}
				var got []byte
				c.OnRead = func(c *tcp.Conn, p []byte) {
					if got = append(got, p...); len(got) == len(message) {
						c.CloseWrite()
					}
				}
				c.OnClose = func(c *tcp.Conn, err error) {
					if err != nil && err != io.EOF || !bytes.Equal(got, message) {
						t.Errorf("closed with %d bytes: %v", len(got), err)
					}
					closed++
					again(left - 1)
				}
				if st, _ := tlslayer.State(c); st.DidResume {
					resumed++
				}
				c.Write(message[:7])
				c.Write(message[7:40000])
				c.Write(message[40000:])
			})
			no(t, err)
		}
		for range 10 {
			again(5)
		}
		runUntilIdle(t, lp)
		if closed != 50 || resumed < 25 {
			t.Errorf("%d were closed, and %d sessions resumed", closed, resumed)
		}
	})
}

// A counter is a net.Conn that counts what it reads.
type counter struct {
	net.Conn
	read atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// TestManyWritesAreOneRecord counts the bytes of the answer: 22 more than the data are one record of TLS 1.3.
func TestManyWritesAreOneRecord(t *testing.T) {
	server, client := configs(t)
	s := serve(t, serverOptions(server, nil), func(c *tcp.Conn) {
		c.OnRead = func(c *tcp.Conn, p []byte) {
			for i := range p {
				c.Write(p[i : i+1])
			}
		}
	})
	raw := &counter{Conn: dialPlain(t, s.addr)}
	nc := tls.Client(raw, client)
	no(t, exchange(nc, []byte("x")))
	raw.read.Store(0)
	no(t, exchange(nc, bytes.Repeat([]byte("y"), 500)))
	if n := raw.read.Load(); n != 500+5+1+16 {
		t.Errorf("the answer has %d bytes", n)
	}
}

// TestPause has a reader stop in each OnRead. It loses nothing.
func TestPause(t *testing.T) {
	server, client := configs(t)
	s := serve(t, serverOptions(server, nil), func(c *tcp.Conn) {
		got := sha256.New()
		c.OnRead = func(c *tcp.Conn, p []byte) {
			got.Write(p)
			c.PauseRead()
			c.Loop().Post(func() { c.ResumeRead() })
		}
		c.OnEOF = func(c *tcp.Conn) { c.Write(got.Sum(nil)); c.Close() }
	})
	nc := dial(t, s.addr, client)
	r := mrand.New(mrand.NewPCG(1, 2))
	b := random(r, 3<<20)
	want := sha256.Sum256(b)
	for len(b) > 0 {
		n := min(len(b), 1+r.IntN(5000))
		_, err := nc.Write(b[:n])
		no(t, err)
		b = b[n:]
	}
	no(t, nc.CloseWrite())
	sum, err := io.ReadAll(nc)
	no(t, err)
	if !bytes.Equal(sum, want[:]) {
		t.Error("what was read is not what was sent")
	}
}

// TestMuchAndClose has 16 MB written at once, and then the connection closed: all of it arrives, and
// close_notify behind it.
func TestMuchAndClose(t *testing.T) {
	server, client := configs(t)
	b := random(mrand.New(mrand.NewPCG(3, 4)), 16<<20)
	s := serve(t, serverOptions(server, nil), func(c *tcp.Conn) {
		c.Write(b)
		c.Close()
	})
	got, err := io.ReadAll(dial(t, s.addr, client))
	no(t, err)
	if !bytes.Equal(got, b) {
		t.Errorf("%d of %d bytes arrived, or others", len(got), len(b))
	}
	no(t, s.end(t))
}

// TestLoss has a peer that reads nothing for a while, and then what has arrived. The error tells what it
// lacks, and it learns that it lacks something, also where the end comes between two records.
func TestLoss(t *testing.T) {
	cfg, client := configs(t)
	const total = 8 << 20
	o := serverOptions(cfg, nil)
	o.WriteBuffer = 64 << 10
	s := serve(t, o, func(c *tcp.Conn) {
		c.Write(make([]byte, total))
		c.Loop().Post(func() { c.CloseNow() })
	})
	lp := newLoop(t)
	n, reason := 0, error(nil)
	_, err := tcp.Dial(lp, s.addr, clientOptions(client, nil), func(c *tcp.Conn, err error) {
		no(t, err)
		c.PauseRead()
		c.OnRead = func(_ *tcp.Conn, p []byte) { n += len(p) }
		c.OnClose = func(_ *tcp.Conn, err error) { reason = err }
		go func() {
			err := s.end(t)
			s.ends <- err
			lp.Post(func() { c.ResumeRead() })
		}()
	})
	no(t, err)
	runUntilIdle(t, lp)
	loss, ok := errors.AsType[*stream.LossError](s.end(t))
	if !ok {
		t.Fatal("no stream.LossError")
	}
	if n > total-loss.Unsent || n < total-loss.Unsent-loss.Unacked {
		t.Errorf("the peer has %d of %d, with %d unsent and %d unacknowledged", n, total, loss.Unsent, loss.Unacked)
	}
	if !errors.Is(reason, io.ErrUnexpectedEOF) {
		t.Errorf("to the peer it ended with %v", reason)
	}
}

// TestEndWithoutNotice has a peer's FIN come alone: what has arrived may have been cut short.
func TestEndWithoutNotice(t *testing.T) {
	eachVersion(t, func(t *testing.T, o *tlslayer.Options, v uint16) {
		server, client := configs(t)
		server.MaxVersion = v
		ended := make(chan struct{}, 1)
		s := serve(t, serverOptions(server, o), func(c *tcp.Conn) {
			echo(c)
			c.OnEOF = func(*tcp.Conn) { ended <- struct{}{} }
		})
		raw := dialPlain(t, s.addr)
		no(t, exchange(tls.Client(raw, client), []byte("half of it")))
		no(t, raw.CloseWrite())
		err := s.end(t)
		e, ok := errors.AsType[*tlslayer.Error](err)
		if !errors.Is(err, io.ErrUnexpectedEOF) || !ok || e.Step != "read" || e.Peer.String() != raw.LocalAddr().String() {
			t.Errorf("OnClose got %v", err)
		}
		if len(ended) > 0 {
			t.Error("OnEOF was called")
		}
	})
}

// TestBothHalves has each side end before the other, and the other still send.
func TestBothHalves(t *testing.T) {
	eachVersion(t, func(t *testing.T, o *tlslayer.Options, v uint16) {
		server, client := configs(t)
		server.MaxVersion = v
		s := serve(t, serverOptions(server, o), func(c *tcp.Conn) {
			c.WriteString("first")
			c.CloseWrite()
			var got []byte
			c.OnRead = func(c *tcp.Conn, p []byte) { got = append(got, p...) }
			c.OnEOF = func(c *tcp.Conn) {
				if string(got) != "second" {
					t.Errorf("the server read %q", got)
				}
			}
		})
		nc := dial(t, s.addr, client)
		got, err := io.ReadAll(nc)
		no(t, err)
		if string(got) != "first" {
			t.Errorf("the client read %q", got)
		}
		_, err = nc.Write([]byte("second"))
		no(t, err)
		no(t, nc.CloseWrite())
		if err := s.end(t); err != nil && err != io.EOF {
			t.Error(err)
		}
	})
}

// TestPeerThatDoesNotWait says close_notify and is gone, as curl is: that only ours does not arrive is
// no loss.
func TestPeerThatDoesNotWait(t *testing.T) {
	server, client := configs(t)
	s := serve(t, serverOptions(server, nil), func(c *tcp.Conn) { c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) } })
	for range 50 {
		raw := dialPlain(t, s.addr)
		nc := tls.Client(raw, client)
		no(t, exchange(nc, []byte("x")))
		no(t, nc.CloseWrite())
		no(t, raw.SetLinger(0))
		raw.Close()
		if err := s.end(t); err != nil && err != io.EOF {
			t.Fatal(err)
		}
	}
}

// TestClose has each way to end a connection say close_notify, the end of the loop included.
func TestClose(t *testing.T) {
	cfg, client := configs(t)
	for how, end := range map[string]func(c *tcp.Conn){
		"Close":      func(c *tcp.Conn) { c.Close() },
		"CloseNow":   func(c *tcp.Conn) { c.CloseNow() },
		"CloseWrite": func(c *tcp.Conn) { c.CloseWrite() },
		"Loop.Close": func(c *tcp.Conn) { c.Loop().Stop() },
	} {
		t.Run(how, func(t *testing.T) {
			s := serve(t, serverOptions(cfg, nil), func(c *tcp.Conn) {
				c.OnRead = func(c *tcp.Conn, p []byte) { end(c) }
			})
			nc := dial(t, s.addr, client)
			_, err := nc.Write([]byte("x"))
			no(t, err)
			if _, err = nc.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the peer read %v", err)
			}
		})
	}
}

// TestLayerTimeout cuts peers that begin a handshake and do not go on, silent ones and slow ones.
func TestLayerTimeout(t *testing.T) {
	server, client := configs(t)
	eachMode(t, func(t *testing.T, o *tlslayer.Options) {
		with := serverOptions(server, o)
		with.LayerTimeout, with.MaxLayering = 50_000_000, 2
		s := serve(t, with, echo)
		for i := range 4 {
			_, err := dialPlain(t, s.addr).Write([]byte{22, 3, 1}[:i%4])
			no(t, err)
		}
		nc := dial(t, s.addr, client) // it waits behind two times two
		no(t, exchange(nc, []byte("x")))
		for range 4 {
			if err := s.end(t); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a handshake ended with %v", err)
			}
		}
	})
}
