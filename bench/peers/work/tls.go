package work

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// Config is a server's with the certificate of two files, or with one of its own, P-256.
func Config(cert, key string) (*tls.Config, error) {
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		return config(pair), err
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := certify(private)
	return config(tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}), err
}

func config(pair tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{pair}, DynamicRecordSizingDisabled: true}
}

// WriteRSA writes a certificate with an RSA key of 2,048 bits and that key into dir, unless they are there, and
// returns the two names.
func WriteRSA(dir string) (cert, key string, err error) {
	cert, key = filepath.Join(dir, "rsa-cert.pem"), filepath.Join(dir, "rsa-key.pem")
	if _, err := tls.LoadX509KeyPair(cert, key); err == nil {
		return cert, key, nil
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", "", err
	}
	der, err := certify(private)
	if err != nil {
		return "", "", err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	if err := os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return "", "", err
	}
	return cert, key, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600)
}

func certify(private crypto.Signer) ([]byte, error) {
	now := time.Now()
	of := x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(24 * time.Hour),
		DNSNames:     []string{"localhost"},
	}
	return x509.CreateCertificate(rand.Reader, &of, &of, private.Public(), private)
}
