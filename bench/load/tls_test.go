package load

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// secure is the address of a server that answers by f, over TLS.
func secure(t *testing.T, f func(net.Conn)) string {
	ts := httptest.NewUnstartedServer(nil) // for its certificate
	ts.StartTLS()
	t.Cleanup(ts.Close)
	cfg := &tls.Config{Certificates: ts.TLS.Certificates}
	return serve(t, func(c net.Conn) { f(tls.Server(c, cfg)) })
}

func TestTLSEchoCounts(t *testing.T) {
	addr := secure(t, func(c net.Conn) { io.Copy(c, c) })
	for _, size := range []int{8, 64, 40 << 10} {
		e := echo{target: Target{Addr: addr}, span: span{20 * time.Millisecond, 300 * time.Millisecond}, secure: true}
		e.init(size)
		if err := e.connect(3); err != nil {
			t.Fatal(err)
		}
		r, err := e.measure()
		e.close()
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if r.Messages == 0 || r.P50 <= 0 || r.P50 > r.P999 {
			t.Errorf("%d bytes: %+v", size, r)
		}
	}
}

func TestStormCounts(t *testing.T) {
	e := tlsStorm{target: Target{Addr: secure(t, func(c net.Conn) { io.Copy(c, c) })}, size: 64}
	e.begin()
	defer e.close()
	if err := e.connect(3); err != nil {
		t.Fatal(err)
	}
	for i, c := range e.conns {
		go e.serve(i, c)
	}
	go e.shake()
	r, err := e.measure(span{20 * time.Millisecond, 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if r.Messages == 0 || r.P50 <= 0 || r.P50 > r.P999 {
		t.Errorf("%+v", r)
	}
}

// A server that answers with other bytes is found out.
func TestTLSEchoChecks(t *testing.T) {
	addr := secure(t, func(c net.Conn) {
		p := make([]byte, 64)
		n, _ := io.ReadFull(c, p)
		p[n-1] ^= 1
		c.Write(p[:n])
		io.Copy(io.Discard, c)
	})
	e := echo{target: Target{Addr: addr}, secure: true}
	defer e.close()
	if err := e.greet(1, 64); err == nil || !strings.Contains(err.Error(), "wrong bytes") {
		t.Errorf("a wrong byte: %v", err)
	}
}
