//go:build unix

package main

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"example.com/pike/examples/internal/program"
	"example.com/pike/examples/internal/secure"
)

// The proxy's client speaks TLS, and what it talks to does not. The ends of both sides pass, one as a
// close_notify and the other as a FIN. What is no TLS reaches nobody.
func testSecure(t *testing.T, path string) {
	to := target(t, func(c *net.TCPConn) {
		io.Copy(c, c)
		c.CloseWrite()
	})
	p := program.Start(t, path, "-listen", "127.0.0.1:0", "-to", to, "-tls-self")
	fingerprint := p.Expect("certificate sha256 ")
	addr := p.Expect("listening ")
	plain := dial(t, addr)
	io.WriteString(plain, "this is no TLS, and this is no TLS either\n")
	io.ReadAll(plain) // an alert, and the end

	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<17) // 2 MiB
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: program.Patience}, Config: &tls.Config{InsecureSkipVerify: true}}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := conn.(*tls.Conn)
	if got := secure.Fingerprint(c.ConnectionState().PeerCertificates[0].Raw); got != fingerprint {
		t.Errorf("the certificate is %s, and not the one that was printed", got)
	}
	c.SetDeadline(time.Now().Add(program.Patience))
	go func() {
		c.Write(data)
		c.CloseWrite()
	}()
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes came back of %d, and then %v", len(got), len(data), err)
	}
	p.Signal(syscall.SIGINT)
	p.Ends(0, "1 connections, 0 of them open, 0 broken, 0 unreachable; 2097152 bytes there, 2097152 back; 1 refused")
}
