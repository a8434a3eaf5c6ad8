package tlslayer_test

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"

	"example.com/pike/tcp"
)

// TestNameWithoutVerification has a client that verifies by itself know the name of the host, as after tls.Dial: with
// an empty name x509 does not look at names at all.
func TestNameWithoutVerification(t *testing.T) {
	server, client := configs(t)
	asked := make(chan string, 10)
	server.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		asked <- h.ServerName
		return nil, nil
	}
	roots := client.RootCAs
	var name string
	client = &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(cs tls.ConnectionState) error {
		name = cs.ServerName
		_, err := cs.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: cs.ServerName, Roots: roots})
		return err
	}}
	s := serve(t, serverOptions(server, nil), func(c *tcp.Conn) { c.Close() })
	lp := newLoop(t)
	var failure error
	addr := strings.Replace(s.addr, "127.0.0.1", "localhost", 1)
	_, err := tcp.Dial(lp, addr, clientOptions(client, nil), func(c *tcp.Conn, err error) {
		if failure = err; err == nil {
			c.Close()
		}
	})
	no(t, err)
	runUntilIdle(t, lp)
	no(t, failure)
	if got := <-asked; name != "localhost" || got != "localhost" {
		t.Errorf("VerifyConnection has the name %q, and the server %q, want localhost", name, got)
	}
	if client.ServerName != "" {
		t.Error("the Config of the user was changed")
	}
}
