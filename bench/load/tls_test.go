package load

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
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
	for _, size := range []int{8, 16 << 10} {
		e := tlsEcho{target: Target{Addr: addr}, size: size}
		e.begin()
		if err := e.connect(3); err != nil {
			t.Fatal(err)
		}
		for i, c := range e.conns {
			go e.serve(i, c)
		}
		r, err := e.measure(span{20 * time.Millisecond, 300 * time.Millisecond})
		e.close()
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if r.Messages == 0 || r.P50 <= 0 || r.P50 > r.P999 {
			t.Errorf("%d bytes: %+v", size, r)
		}
	}
}

// A server that answers with other bytes is found out.
func TestTLSEchoChecks(t *testing.T) {
	addr := secure(t, func(c net.Conn) {
		p := make([]byte, 64)
		n, _ := io.ReadFull(c, p)
		p[n-1] ^= 1
		c.Write(p[:n])
	})
	e := tlsEcho{target: Target{Addr: addr}, size: 64}
	defer e.close()
	if err := e.greet(1); err == nil {
		t.Error("no error for a wrong byte")
	}
}
