package tlslayer_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	mrand "math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/pike/stream/tlslayer"
	"example.com/pike/tcp"
)

var errCut = errors.New("cut")

// A cutter is a net.Conn that closes after so many bytes of one direction; 0 is never.
type cutter struct {
	net.Conn
	reads, writes int
	read, wrote   int
}

func (c *cutter) Read(p []byte) (int, error) {
	if c.reads > 0 {
		if c.read == c.reads {
			c.Conn.Close()
			return 0, errCut
		}
		p = p[:min(len(p), c.reads-c.read)]
	}
	n, err := c.Conn.Read(p)
	c.read += n
	return n, err
}

func (c *cutter) Write(p []byte) (int, error) {
	if c.writes > 0 && c.wrote+len(p) >= c.writes {
		n, _ := c.Conn.Write(p[:c.writes-c.wrote])
		c.wrote += n
		c.Conn.Close()
		return n, errCut
	}
	n, err := c.Conn.Write(p)
	c.wrote += n
	return n, err
}

// leaveNothing holds that f leaves no goroutine behind: the coroutine of a handshake lives until somebody
// ends it.
func leaveNothing(t *testing.T, f func()) {
	t.Helper()
	before := runtime.NumGoroutine()
	f()
	until(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
}

// TestCut cuts the connection at every byte of both directions of the handshake.
func TestCut(t *testing.T) {
	step := 1
	if testing.Short() || raceDetector {
		step = 23
	}
	eachVersion(t, func(t *testing.T, o *tlslayer.Options, v uint16) {
		server, client := configs(t)
		server.MaxVersion = v
		s := serve(t, serverOptions(server, o), echo)
		leaveNothing(t, func() {
			for _, reads := range []bool{false, true} {
				cuts := 0
				for n := 1; ; n += step {
					c := &cutter{Conn: dialPlain(t, s.addr), writes: n}
					if reads {
						c.reads, c.writes = n, 0
					}
					err := tls.Client(c, client).Handshake()
					c.Conn.Close()
					if end := s.end(t); end == nil && err != nil {
						t.Fatalf("cut at byte %d, and no error", n)
					}
					if err == nil {
						break
					}
					cuts++
				}
				if cuts < 300/step {
					t.Errorf("the handshake was cut at %d bytes only", cuts)
				}
			}
		})
	})
}

// A trickle writes one byte at a time, each in a packet of its own.
type trickle struct{ net.Conn }

func (c trickle) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := c.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
		if i%16 == 0 {
			runtime.Gosched()
		}
	}
	return len(p), nil
}

// TestTrickle has every byte of the client come alone.
func TestTrickle(t *testing.T) {
	eachVersion(t, func(t *testing.T, o *tlslayer.Options, v uint16) {
		server, client := configs(t)
		server.MaxVersion = v
		s := serve(t, serverOptions(server, o), echo)
		nc := tls.Client(trickle{dialPlain(t, s.addr)}, client)
		for i := range 20 {
			no(t, exchange(nc, bytes.Repeat([]byte{byte(i)}, 50)))
		}
		nc.Close()
		no(t, s.end(t))
	})
}

// TestGarbage sends what is no handshake, 500 kinds of it.
func TestGarbage(t *testing.T) {
	eachMode(t, func(t *testing.T, o *tlslayer.Options) {
		server, _ := configs(t)
		s := serve(t, serverOptions(server, o), func(*tcp.Conn) { t.Error("garbage was accepted") })
		r := mrand.New(mrand.NewPCG(1, 2))
		leaveNothing(t, func() {
			for i := range 500 {
				b := random(r, 1+r.IntN(3000))
				switch i % 6 {
				case 1:
					copy(b, "GET / HTTP/1.1\r\n")
				case 2:
					copy(b, []byte{22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}) // a ClientHello
				case 3:
					copy(b, []byte{22, 3, 1, 0xff, 0xff}) // a record that is too long
				case 4:
					copy(b, []byte{21, 3, 1, 0, 2, 2, 40}) // an alert
				case 5:
					copy(b, []byte{0x80, 0x2e, 1, 3, 1}) // SSL 2
				}
				c := dialPlain(t, s.addr)
				c.Write(b)
				c.CloseWrite()
				io.Copy(io.Discard, c)
				c.Close()
				if err := s.end(t); err == nil {
					t.Fatalf("kind %d: no error", i)
				}
			}
		})
	})
}

// TestPlainPeer has the log say what is the matter.
func TestPlainPeer(t *testing.T) {
	server, client := configs(t)
	s := serve(t, serverOptions(server, nil), echo)
	for sends, want := range map[string]string{
		"GET / HTTP/1.1\r\n\r\n":          "plain HTTP",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n":    "plain HTTP",
		"PROXY TCP4 1.2.3.4 5.6.7.8 9 10": "plain PROXY protocol",
		"SSH-2.0-OpenSSH_9":               "plain SSH",
	} {
		c := dialPlain(t, s.addr)
		_, err := c.Write([]byte(sends))
		no(t, err)
		err = s.end(t)
		header, ok := errors.AsType[tls.RecordHeaderError](err)
		if !ok || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), c.LocalAddr().String()) {
			t.Errorf("%q: %v", sends, err)
		}
		if header.Conn != nil {
			t.Error("the error gives the wire away")
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	no(t, err)
	defer ln.Close()
	lp := newLoop(t)
	var failure error
	_, err = tcp.Dial(lp, ln.Addr().String(), clientOptions(client, nil), func(_ *tcp.Conn, err error) { failure = err })
	no(t, err)
	run(t, lp, func() error {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		io.Copy(io.Discard, c)
		return nil
	})
	if failure == nil || !strings.Contains(failure.Error(), "plain HTTP") {
		t.Errorf("dialing a server without TLS: %v", failure)
	}
}

// A damager turns a bit of what is written.
type damager struct {
	net.Conn
	at int // negative is nowhere
	r  *mrand.Rand
}

func (d *damager) Write(p []byte) (int, error) {
	if d.at >= 0 && d.at < len(p) {
		p = bytes.Clone(p)
		p[d.at] ^= 1 << d.r.IntN(8)
		d.at = -1
	} else if d.at >= 0 {
		d.at -= len(p)
	}
	return d.Conn.Write(p)
}

// TestDamage turns a bit anywhere: after the handshake, and in it. The connection ends with an error, and
// nothing of that record is delivered.
func TestDamage(t *testing.T) {
	eachVersion(t, func(t *testing.T, o *tlslayer.Options, v uint16) {
		server, client := configs(t)
		server.MaxVersion = v
		s := serve(t, serverOptions(server, o), func(c *tcp.Conn) {
			c.OnRead = func(c *tcp.Conn, p []byte) {
				for _, b := range p {
					if b != 7 {
						t.Errorf("a byte %d was delivered", b)
					}
				}
				c.Write(p)
			}
		})
		r := mrand.New(mrand.NewPCG(5, uint64(v)))
		for i := range 120 {
			raw := dialPlain(t, s.addr)
			d := &damager{Conn: raw, at: -1, r: r}
			nc := tls.Client(d, client)
			if i%4 == 0 {
				d.at = 11 + r.IntN(200) // behind the version, which a server may ignore
				nc.Handshake()
			} else {
				no(t, nc.Handshake())
				b := bytes.Repeat([]byte{7}, 1+r.IntN(3000))
				d.at = r.IntN(5 * len(b))
				for range 5 {
					nc.Write(b)
				}
			}
			d.at = -1
			raw.CloseWrite() // a length that has grown waits for more
			io.Copy(io.Discard, nc)
			raw.Close()
			if err := s.end(t); err == nil {
				t.Fatal("no error")
			}
		}
	})
}

// TestForgedRecord has the peer read the alert, and the owner get the error that caused it.
func TestForgedRecord(t *testing.T) {
	eachVersion(t, func(t *testing.T, o *tlslayer.Options, v uint16) {
		server, client := configs(t)
		server.MaxVersion = v
		s := serve(t, serverOptions(server, o), echo)
		raw := dialPlain(t, s.addr)
		nc := tls.Client(raw, client)
		no(t, exchange(nc, []byte("x")))
		_, err := raw.Write(append([]byte{23, 3, 3, 0, 40, 1, 2, 3}, make([]byte, 37)...))
		no(t, err)
		var alert tls.AlertError
		if _, err = nc.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "bad record MAC") {
			t.Errorf("the peer read %v", err)
		}
		err = s.end(t)
		if e, ok := errors.AsType[*tlslayer.Error](err); !ok || e.Step != "read" || !strings.Contains(err.Error(), "bad record MAC") {
			t.Errorf("OnClose got %v (%v)", err, alert)
		}
	})
}

// A recorder has nobody on the other side.
type recorder struct{ *bytes.Buffer }

func (*recorder) Read([]byte) (int, error)         { return 0, errCut }
func (*recorder) Close() error                     { return nil }
func (*recorder) LocalAddr() net.Addr              { return nil }
func (*recorder) RemoteAddr() net.Addr             { return nil }
func (*recorder) SetDeadline(time.Time) error      { return nil }
func (*recorder) SetReadDeadline(time.Time) error  { return nil }
func (*recorder) SetWriteDeadline(time.Time) error { return nil }
