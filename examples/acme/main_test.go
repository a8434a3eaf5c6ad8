package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"example.com/pike/loop"
	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// issued puts a certificate for name into the cache, as if an ACME server had issued it, and returns who trusts it.
func issued(t *testing.T, dir, name string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	data := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})
	data = append(data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	if err := autocert.DirCache(dir).Put(context.Background(), name, data); err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return roots
}

// TestServe has a client get the certificate by autocert, one ask for a name that is not ours, and one that wants the
// ACME server's protocol while no challenge is under way. No ACME server is asked.
func TestServe(t *testing.T) {
	const name = "echo.example.com"
	dir := t.TempDir()
	roots := issued(t, dir, name)
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer lp.Close()
	ln, err := listen(lp, options{listen: "127.0.0.1:0", names: name, cache: dir, directory: "https://127.0.0.1:1/none"})
	if err != nil {
		t.Fatal(err)
	}
	refused := make(chan error, 10)
	ln.OnError = func(err error) { refused <- err }
	addr := ln.LocalAddr().String()
	done := make(chan error)
	go func() { done <- lp.Run() }()
	defer func() {
		lp.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()

	dial := func(cfg *tls.Config) (*tls.Conn, error) {
		return tls.DialWithDialer(&net.Dialer{Timeout: 20 * time.Second}, "tcp", addr, cfg)
	}
	c, err := dial(&tls.Config{RootCAs: roots, ServerName: name, NextProtos: []string{"echo"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	c.Write([]byte("hello"))
	c.CloseWrite()
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, []byte("hello")) {
		t.Errorf("%q came back, %v", got, err)
	}
	for want, cfg := range map[string]*tls.Config{
		"not configured": {RootCAs: roots, ServerName: "other.example.com"},
		"no token cert":  {RootCAs: roots, ServerName: name, NextProtos: []string{acme.ALPNProto}},
	} {
		if _, err := dial(cfg); err == nil {
			t.Errorf("%s: the client has a connection", want)
		}
		select {
		case err := <-refused:
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the handshake failed with %v, not %q", err, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: OnError was not called", want)
		}
	}
}
