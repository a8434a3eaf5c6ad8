package tlslayer_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"
)

// A pair is a certificate, mostly for localhost, that signs itself, and who trusts it.
type pair struct {
	cert tls.Certificate
	pool *x509.CertPool
}

var pairs = map[string]func() pair{
	"p256": sync.OnceValue(func() pair { return newPair(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }),
	"rsa":  sync.OnceValue(func() pair { return newPair(rsa.GenerateKey(rand.Reader, 2048)) }),
	"ed25519": sync.OnceValue(func() pair {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return newPair(key, err)
	}),
}

func newPair[K crypto.Signer](key K, err error) pair {
	if err != nil {
		panic(err)
	}
	return sign("localhost", key)
}

// pairFor is a certificate for another name.
func pairFor(name string) pair {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return sign(name, key)
}

func sign(name string, key crypto.Signer) pair {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:        true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	p := pair{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, x509.NewCertPool()}
	p.pool.AddCert(leaf)
	return p
}

// configs are those of a server with a certificate for localhost, and of a client that trusts it.
func configs(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	return configsOf(pairs["p256"]())
}

func configsOf(p pair) (server, client *tls.Config) {
	return &tls.Config{Certificates: []tls.Certificate{p.cert}}, &tls.Config{RootCAs: p.pool, ServerName: "localhost"}
}
