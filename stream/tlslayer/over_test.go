package tlslayer_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/stream/layer"
	"example.com/pike/stream/tlslayer"
	"example.com/pike/tcp"
)

// A queue is a net.Listener of connections that a loop hands over.
type queue struct{ conns chan net.Conn }

func (q queue) Accept() (net.Conn, error) {
	c, ok := <-q.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (q queue) Close() error   { return nil }
func (q queue) Addr() net.Addr { return &net.TCPAddr{} }

// TestNetConn has handshakes on the loop and then package net/http, by HTTP/1.1 and HTTP/2. It is handed over at
// once, or when the request has come and is not read, or in OnRead.
func TestNetConn(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a socket cannot leave its completion port")
	}
	if ownRecords() {
		t.Skip("TestOwnNetConn shows that it cannot be")
	}
	for _, when := range []string{"in OnAccept", "later", "in OnRead"} {
		t.Run(when, func(t *testing.T) {
			server, client := configs(t)
			server.NextProtos = []string{"h2", "http/1.1"}
			q := queue{make(chan net.Conn, 100)}
			hand := func(c *tcp.Conn) {
				nc, err := c.NetConn()
				if err != nil {
					t.Error(err)
					c.CloseNow()
					return
				}
				q.conns <- nc
			}
			s := serve(t, serverOptions(server, nil), func(c *tcp.Conn) {
				switch when {
				case "in OnAccept":
					hand(c)
				case "later":
					c.Loop().Post(func() { c.Loop().Post(func() { hand(c) }) })
				default:
					c.OnRead = func(c *tcp.Conn, first []byte) {
						first = bytes.Clone(first)
						nc, err := c.NetConn()
						if err != nil {
							t.Error(err)
							return
						}
						go func() {
							defer nc.Close()
							r := bufio.NewReader(io.MultiReader(bytes.NewReader(first), nc))
							for {
								req, err := http.ReadRequest(r)
								if err != nil {
									return
								}
								body, err := io.ReadAll(req.Body)
								if err != nil {
									t.Error(err)
								}
								body = append([]byte("HTTP/1.1 localhost"), body...)
								fmt.Fprintf(nc, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
							}
						}()
					}
				}
			})
			web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, r.Proto, " ", r.TLS.ServerName)
				io.Copy(w, r.Body)
			}), Protocols: new(http.Protocols)}
			web.Protocols.SetHTTP1(true)
			web.Protocols.SetHTTP2(true)
			go web.Serve(q)
			defer web.Close()
			defer close(q.conns)
			for _, h2 := range []bool{false, true} {
				if h2 && when == "in OnRead" {
					continue // what was read cannot be given back to net/http
				}
				get(t, s.addr, client, h2)
			}
		})
	}
}

func get(t *testing.T, addr string, client *tls.Config, h2 bool) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: client.Clone(), ForceAttemptHTTP2: h2}
	defer transport.CloseIdleConnections()
	_, port, _ := net.SplitHostPort(addr)
	want := "HTTP/1.1 localhost"
	if h2 {
		want = "HTTP/2.0 localhost"
	}
	for range 3 {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, "POST", "https://127.0.0.1:"+port+"/", bytes.NewReader(make([]byte, 1<<20)))
		no(t, err)
		response, err := (&http.Client{Transport: transport}).Do(request)
		no(t, err)
		b, err := io.ReadAll(response.Body)
		no(t, err)
		response.Body.Close()
		if !strings.HasPrefix(string(b), want) || len(b) != 1<<20+len(want) {
			t.Fatalf("%d bytes, %.20q", len(b), b)
		}
	}
}

// TestJoin is a proxy that terminates TLS: Join, and nothing else.
func TestJoin(t *testing.T) {
	server, client := configs(t)
	back := serve(t, nil, echo)
	joined := make(chan stream.Joined, 1)
	s := serve(t, serverOptions(server, nil), func(a *tcp.Conn) {
		b, err := tcp.Dial(a.Loop(), back.addr, nil, func(*tcp.Conn, error) {})
		if err != nil {
			t.Error(err)
			return
		}
		if err := stream.Join(a, b, func(j stream.Joined) { joined <- j }); err != nil {
			t.Error(err)
		}
	})
	const size = 5 << 20
	nc := dial(t, s.addr, client)
	wrote := make(chan error, 1)
	go func() {
		_, err := nc.Write(make([]byte, size))
		if err == nil {
			err = nc.CloseWrite()
		}
		wrote <- err
	}()
	n, err := io.Copy(io.Discard, nc)
	no(t, err)
	no(t, <-wrote)
	if n != size {
		t.Errorf("%d of %d bytes came back", n, size)
	}
	nc.Close()
	select {
	case j := <-joined:
		if j.AB != size || j.BA != size || j.Err != nil {
			t.Errorf("Join tells %+v", j)
		}
	case <-time.After(patience):
		t.Error("Join tells nothing")
	}
}

// TestStartTLS has plain lines first, at both ends.
func TestStartTLS(t *testing.T) {
	eachMode(t, func(t *testing.T, o *tlslayer.Options) {
		server, client := configs(t)
		s := serve(t, nil, func(c *tcp.Conn) {
			c.OnRead = func(c *tcp.Conn, p []byte) {
				if string(p) != "STARTTLS\r\n" {
					t.Errorf("the server read %q", p)
				}
				c.WriteString("220 go ahead\r\n")
				c.OnRead = func(c *tcp.Conn, p []byte) {
					c.WriteString("got " + string(p))
					c.Close()
				}
				err := c.StartLayer(tlslayer.Server(server, o), func(c *tcp.Conn, err error) {
					if st, ok := tlslayer.State(c); err != nil || !ok || !st.HandshakeComplete {
						t.Errorf("StartLayer: %v, %v", ok, err)
					}
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
		lp := newLoop(t)
		var got string
		_, err := tcp.Dial(lp, s.addr, nil, func(c *tcp.Conn, err error) {
			no(t, err)
			c.WriteString("STARTTLS\r\n")
			c.OnRead = func(c *tcp.Conn, p []byte) {
				c.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) }
				no(t, c.StartLayer(tlslayer.Client(client, o), func(_ *tcp.Conn, err error) { no(t, err) }))
				c.WriteString("secret") // waits for the keys
			}
		})
		no(t, err)
		runUntilIdle(t, lp)
		if got != "got secret" {
			t.Errorf("the client read %q", got)
		}
		no(t, s.end(t))
	})
}

// TestTLSInTLS has an echo through two layers, as behind a proxy that is asked by https. State is that of the upper
// one. It cannot be handed over, as plain layers above TLS can.
func TestTLSInTLS(t *testing.T) {
	outer, trustsOuter := configs(t)
	inner, trustsInner := configsOf(pairs["ed25519"]())
	inner.NextProtos, trustsInner.NextProtos = []string{"inner"}, []string{"inner"}
	o := &tcp.Options{Layer: layer.Stack{tlslayer.Server(outer, nil), tlslayer.Server(inner, nil)}}
	s := serve(t, o, func(c *tcp.Conn) {
		if st, ok := tlslayer.State(c); !ok || st.NegotiatedProtocol != "inner" {
			t.Errorf("State says %v, %q", ok, st.NegotiatedProtocol)
		}
		if _, err := c.NetConn(); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("NetConn: %v", err)
		}
		echo(c)
	})
	nc := tls.Client(dial(t, s.addr, trustsOuter), trustsInner)
	for n := 1; n < 1<<20; n *= 7 {
		no(t, exchange(nc, make([]byte, n)))
	}
	nc.Close()
	if err := s.end(t); err != nil && err != io.EOF {
		t.Error(err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	o = &tcp.Options{Layer: layer.Stack{layer.Identity{}, tlslayer.Server(outer, nil), layer.Identity{}}}
	conns := make(chan net.Conn, 1)
	s = serve(t, o, func(c *tcp.Conn) {
		c.WriteString("written ")
		c.Loop().Post(func() { // written is sent
			nc, err := c.NetConn()
			if err != nil {
				t.Error(err)
			}
			conns <- nc
		})
	})
	client := dial(t, s.addr, trustsOuter)
	blocking := (<-conns).(*tls.Conn)
	defer blocking.Close()
	_, err := blocking.Write([]byte("before and after"))
	no(t, err)
	no(t, blocking.Close())
	got, err := io.ReadAll(client)
	no(t, err)
	if string(got) != "written before and after" {
		t.Errorf("the client read %q", got)
	}
	no(t, s.end(t))
}

// TestDialTimeout has a server that never answers the handshake.
func TestDialTimeout(t *testing.T) {
	_, client := configs(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	no(t, err)
	defer ln.Close()
	leaveNothing(t, func() {
		lp, err := loop.New(loop.Options{})
		no(t, err)
		with := clientOptions(client, nil)
		with.Timeout = 50 * time.Millisecond
		var failure error
		_, err = tcp.Dial(lp, ln.Addr().String(), with, func(_ *tcp.Conn, err error) { failure = err })
		no(t, err)
		runUntilIdle(t, lp)
		if !errors.Is(failure, context.DeadlineExceeded) && !isTimeout(failure) {
			t.Errorf("Dial: %v", failure)
		}
		lp.Close()
	})
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
