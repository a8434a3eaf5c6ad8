//go:build unix

package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"example.com/pike/examples/internal/program"
	"example.com/pike/examples/internal/secure"
)

// pinned is a client that takes the certificate with the fingerprint, and no other.
func pinned(fingerprint string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(cs tls.ConnectionState) error {
		if got := secure.Fingerprint(cs.PeerCertificates[0].Raw); got != fingerprint {
			return errors.New("the certificate's fingerprint is " + got)
		}
		return nil
	}}
}

// askSecurely sends data, ends that side by close_notify, and returns what is answered up to the server's own.
func askSecurely(t *testing.T, addr string, cfg *tls.Config, data []byte) []byte {
	t.Helper()
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: program.Patience}, Config: cfg}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(program.Patience))
	go func() {
		c.Write(data)
		c.(*tls.Conn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSecureEcho(t *testing.T) {
	path := program.Build(t)
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	t.Run("made in memory", func(t *testing.T) {
		for _, args := range [][]string{{"-tls-self"}, {"-tls-self", "-tls-own-records"}, {"-tls-self", "-frame", "16"}} {
			p := program.Start(t, path, append(args, "-listen", "127.0.0.1:0")...)
			fingerprint := p.Expect("certificate sha256 ")
			addr := p.Expect("listening tcp ")
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				cfg := pinned(fingerprint)
				cfg.MinVersion, cfg.MaxVersion = version, version
				for _, data := range [][]byte{[]byte("hello"), big} {
					if got := askSecurely(t, addr, cfg, data); !bytes.Equal(got, data) {
						t.Errorf("%q: %d bytes came back of %d", args, len(got), len(data))
					}
				}
			}
			p.Signal(syscall.SIGINT)
			p.Ends(0, "tcp: 4 connections, 2097162 bytes")
		}
	})
	t.Run("of files", func(t *testing.T) {
		cert, key := writeCertificate(t)
		p := program.Start(t, path, "-listen", "127.0.0.1:0", "-tls-cert", cert, "-tls-key", key)
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(read(t, cert))
		cfg := &tls.Config{RootCAs: roots, ServerName: "localhost"}
		if got := askSecurely(t, p.Expect("listening tcp "), cfg, big); !bytes.Equal(got, big) {
			t.Errorf("%d bytes came back of %d", len(got), len(big))
		}
		p.Signal(syscall.SIGINT)
		p.Ends(0, "tcp: 1 connections")
	})
	// A server that gets no TLS says so, and goes on.
	t.Run("garbage", func(t *testing.T) {
		p := program.Start(t, path, "-listen", "127.0.0.1:0", "-tls-self")
		fingerprint := p.Expect("certificate sha256 ")
		addr := p.Expect("listening tcp ")
		c, err := net.DialTimeout("tcp", addr, program.Patience)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		p.Expect("HTTP")
		program.Garbage(t, "tcp", addr)
		if got := askSecurely(t, addr, pinned(fingerprint), []byte("still here")); string(got) != "still here" {
			t.Errorf("%q came back", got)
		}
		p.Signal(syscall.SIGINT)
		p.Ends(0)
	})
	t.Run("bad flags", func(t *testing.T) {
		cert, key := writeCertificate(t)
		for _, args := range [][]string{
			{"-tls-cert", cert}, {"-tls-key", key}, {"-tls-self", "-tls-cert", cert, "-tls-key", key}, {"-tls-own-records"},
		} {
			program.Start(t, path, append(args, "-listen", "127.0.0.1:0")...).Ends(2, "-tls-", "Usage of")
		}
		program.Start(t, path, "-tls-self", "-udp", "127.0.0.1:0").Ends(2, "TLS are for TCP")
		program.Start(t, path, "-listen", "127.0.0.1:0", "-tls-cert", key, "-tls-key", key).Ends(1, "echo: ")
	})
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	if err := secure.Write(cert, key); err != nil {
		t.Fatal(err)
	}
	return cert, key
}
