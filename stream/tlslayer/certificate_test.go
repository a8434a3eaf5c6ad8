package tlslayer_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/stream/tlslayer"
	"example.com/pike/tcp"
)

// TestClientCertificate asks for one, by a config that depends on the name. A client without is told why not.
func TestClientCertificate(t *testing.T) {
	eachVersion(t, func(t *testing.T, o *tlslayer.Options, v uint16) {
		inner, client := configs(t)
		other := pairs["ed25519"]()
		inner.ClientAuth, inner.ClientCAs, inner.MaxVersion = tls.RequireAndVerifyClientCert, other.pool, v
		var peer atomic.Value
		server := &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			peer.Store(h.Conn.RemoteAddr().String())
			return inner, nil
		}}
		s := serve(t, serverOptions(server, o), func(c *tcp.Conn) {
			st, _ := tlslayer.State(c)
			c.WriteString(st.PeerCertificates[0].Subject.CommonName)
			c.CloseWrite()
		})
		with := client.Clone()
		with.Certificates = []tls.Certificate{other.cert}
		nc := dial(t, s.addr, with)
		name, err := io.ReadAll(nc)
		no(t, err)
		if string(name) != "localhost" || peer.Load() != nc.LocalAddr().String() {
			t.Errorf("the certificate is of %q, and came from %v", name, peer.Load())
		}
		nc.Close()
		s.end(t)

		raw := tls.Client(dialPlain(t, s.addr), client)
		if err := raw.Handshake(); err == nil {
			_, err = raw.Read(make([]byte, 1))
			if err == nil || !strings.Contains(err.Error(), "certificate") {
				t.Errorf("the client without a certificate read %v", err)
			}
		}
		if err := s.end(t); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("the server's handshake ended with %v", err)
		}
	})
}

// TestWrongName has both sides know why there is no connection.
func TestWrongName(t *testing.T) {
	eachMode(t, func(t *testing.T, o *tlslayer.Options) {
		server, client := configs(t)
		client.ServerName = "example.com"
		s := serve(t, serverOptions(server, o), echo)
		lp := newLoop(t)
		var failure error
		_, err := tcp.Dial(lp, s.addr, clientOptions(client, o), func(_ *tcp.Conn, err error) { failure = err })
		no(t, err)
		runUntilIdle(t, lp)
		verify, ok := errors.AsType[*tls.CertificateVerificationError](failure)
		if !ok || len(verify.UnverifiedCertificates) != 1 {
			t.Errorf("Dial: %v", failure)
		}
		if _, ok := errors.AsType[x509.HostnameError](failure); !ok {
			t.Errorf("Dial: %v", failure)
		}
		if e, ok := errors.AsType[*tlslayer.Error](failure); !ok || e.Step != "handshake" || e.Peer.String() != s.addr {
			t.Errorf("Dial: %v", failure)
		}
		err = s.end(t)
		if e, ok := errors.AsType[*tlslayer.Error](err); !ok || e.Step != "handshake" || !strings.Contains(err.Error(), "bad certificate") {
			t.Errorf("the server's handshake ended with %v", err)
		}
	})
}

// TestNoCommonProtocol is an alert, which errors.As finds.
func TestNoCommonProtocol(t *testing.T) {
	server, client := configs(t)
	server.NextProtos, client.NextProtos = []string{"x"}, []string{"y"}
	s := serve(t, serverOptions(server, nil), echo)
	lp := newLoop(t)
	var failure error
	_, err := tcp.Dial(lp, s.addr, clientOptions(client, nil), func(_ *tcp.Conn, err error) { failure = err })
	no(t, err)
	runUntilIdle(t, lp)
	if failure == nil || !strings.Contains(failure.Error(), "no application protocol") {
		t.Errorf("Dial: %v", failure)
	}
	s.end(t)
}

// TestBadConfig has what is no config be an error of the connection, and no panic.
func TestBadConfig(t *testing.T) {
	_, client := configs(t)
	client.Renegotiation = tls.RenegotiateOnceAsClient
	s := serve(t, serverOptions(nil, nil), echo)
	lp := newLoop(t)
	var failure error
	_, err := tcp.Dial(lp, s.addr, clientOptions(client, nil), func(_ *tcp.Conn, err error) { failure = err })
	no(t, err)
	runUntilIdle(t, lp)
	if !errors.Is(failure, os.ErrInvalid) {
		t.Errorf("Dial with a config that renegotiates: %v", failure)
	}
	if err := s.end(t); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("a server without a config: %v", err)
	}
	s = serve(t, serverOptions(new(tls.Config), nil), echo)
	_, plain := configs(t)
	tls.Client(dialPlain(t, s.addr), plain).Handshake()
	if err := s.end(t); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a server without a certificate: %v", err)
	}
}

// TestCertificateThatChanges has each handshake ask for the certificate, in a function that blocks. Others
// go on meanwhile.
func TestCertificateThatChanges(t *testing.T) {
	one, two := pairs["p256"](), pairs["ed25519"]()
	var current atomic.Pointer[tls.Certificate]
	current.Store(&one.cert)
	enter, leave := make(chan struct{}), make(chan struct{})
	s := serve(t, serverOptions(&tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		enter <- struct{}{}
		<-leave
		return current.Load(), nil
	}}, nil), echo)
	_, trustsOne := configsOf(one)
	_, trustsTwo := configsOf(two)
	allow := func() {
		<-enter
		leave <- struct{}{}
	}
	go allow()
	first := dial(t, s.addr, trustsOne)
	current.Store(&two.cert)
	second := make(chan error)
	go func() {
		c := tls.Client(dialPlain(t, s.addr), trustsTwo)
		second <- c.Handshake()
	}()
	<-enter
	no(t, exchange(first, []byte("while the second waits")))
	leave <- struct{}{}
	no(t, <-second)
}

// TestPanicOfTheConfig goes to the loop's OnPanic, with the stack where it was, and the handshake fails.
func TestPanicOfTheConfig(t *testing.T) { testPanic(t, nil) }

// TestPanicOfTheConfigOnLoop does not go out of the loop's Run.
func TestPanicOfTheConfigOnLoop(t *testing.T) { testPanic(t, &tlslayer.Options{OnLoop: true}) }

func testPanic(t *testing.T, o *tlslayer.Options) {
	server := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { panic(os.ErrExist) }}
	panics := make(chan any, 10)
	leaveNothing(t, func() {
		s := serveOn(t, loop.Options{OnPanic: func(_ loop.Handle, v any, stack []byte) { panics <- v }}, serverOptions(server, o), echo)
		_, client := configs(t)
		raw := dialPlain(t, s.addr)
		if err := tls.Client(raw, client).Handshake(); err == nil {
			t.Error("the client has shaken hands")
		}
		raw.Close()
		v := <-panics
		err, ok := v.(error)
		if !ok || !errors.Is(err, os.ErrExist) || !strings.Contains(err.Error(), "testPanic") {
			t.Errorf("OnPanic got %v", v)
		}
		if s.end(t) == nil {
			t.Error("the handshake has no error")
		}
		s.stop()
	})
}

// A refuser is an Executor that runs one job and no more.
type refuser struct{ jobs atomic.Int32 }

var errRefused = errors.New("refused")

func (r *refuser) Submit(job func()) error {
	if r.jobs.Add(1) > 1 {
		return errRefused
	}
	go job()
	return nil
}

// TestExecutorRefuses ends the handshake, and leaves nothing of it.
func TestExecutorRefuses(t *testing.T) {
	server, client := configs(t)
	leaveNothing(t, func() {
		s := serveOn(t, loop.Options{Executor: new(refuser)}, serverOptions(server, nil), echo)
		raw := dialPlain(t, s.addr)
		tls.Client(raw, client).Handshake()
		if err := s.end(t); !errors.Is(err, errRefused) {
			t.Errorf("the handshake ended with %v", err)
		}
		raw.Close()
		s.stop()
	})
}
