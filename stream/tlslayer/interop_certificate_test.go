package tlslayer_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"example.com/pike/stream/tlslayer"
	"example.com/pike/tcp"
)

// TestOpenSSLClientCertificate has openssl show the certificate that the server asks for, and then have none.
func TestOpenSSLClientCertificate(t *testing.T) {
	bin := tool(t, "openssl")
	server, _ := configsOf(pairs["rsa"]())
	other := pairFor("client.example")
	server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, other.pool
	cert, key := pemFiles(t, other.cert)
	for _, version := range []string{"-tls1_3", "-tls1_2"} {
		t.Run(version, func(t *testing.T) {
			eachMode(t, func(t *testing.T, o *tlslayer.Options) {
				s := serve(t, serverOptions(server, o), func(c *tcp.Conn) {
					st, _ := tlslayer.State(c)
					c.WriteString("you are " + st.PeerCertificates[0].Subject.CommonName + "\n")
					echo(c)
				})
				p := start(t, bin, "s_client", "-connect", s.addr, version, "-cert", cert, "-key", key)
				p.says("you are client.example", 1)
				p.tell("hello")
				p.says("hello", 1)
				p.tell("Q")
				if err := s.end(t); err != nil && err != io.EOF {
					t.Error(err)
				}
				start(t, bin, "s_client", "-connect", s.addr, version)
				if err := s.end(t); err == nil || !strings.Contains(err.Error(), "certificate") {
					t.Errorf("without a certificate: %v", err)
				}
			})
		})
	}
}

// TestOpenSSLServerResumes has our client come again to openssl's server, with the session that it was given after
// the first handshake.
func TestOpenSSLServerResumes(t *testing.T) {
	bin := tool(t, "openssl")
	self := pairs["rsa"]()
	cert, key := pemFiles(t, self.cert)
	for _, version := range []string{"-tls1_3", "-tls1_2"} {
		t.Run(version, func(t *testing.T) {
			_, client := configsOf(self)
			client.ClientSessionCache = tls.NewLRUClientSessionCache(0)
			free, err := net.Listen("tcp", "127.0.0.1:0")
			no(t, err)
			addr := free.Addr().String()
			no(t, free.Close())
			p := start(t, bin, "s_server", "-accept", addr, "-cert", cert, "-key", key, "-rev", version)
			p.says("ACCEPT", 1)
			var resumed []bool
			for i := range 2 {
				lp := newLoop(t)
				_, err = tcp.Dial(lp, addr, clientOptions(client, nil), func(c *tcp.Conn, err error) {
					if err != nil {
						t.Error(err)
						return
					}
					st, _ := tlslayer.State(c)
					resumed = append(resumed, st.DidResume)
					var got string
					c.OnRead = func(c *tcp.Conn, b []byte) { // the session comes before the answer
						if got += string(b); got == fmt.Sprint(i, "olleh\n") {
							c.Close()
						}
					}
					fmt.Fprintf(c, "hello%d\n", i)
				})
				no(t, err)
				runUntilIdle(t, lp)
			}
			if fmt.Sprint(resumed) != "[false true]" {
				t.Errorf("resumed: %v\n%s", resumed, p.text())
			}
		})
	}
}
