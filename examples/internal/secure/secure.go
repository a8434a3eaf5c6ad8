// Package secure gives the examples their flags of TLS, and a certificate to try it
// with that is made in memory.
package secure

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"strings"
	"time"
)

// Flags say how a program is to encrypt.
type Flags struct {
	Cert, Key string
	Self      bool
}

// Register adds the flags to fs.
func (f *Flags) Register(fs *flag.FlagSet) {
	fs.StringVar(&f.Cert, "tls-cert", "", "serve TLS with the certificates in `FILE` (PEM), the server's own first; needs -tls-key")
	fs.StringVar(&f.Key, "tls-key", "", "the private key of -tls-cert, in `FILE` (PEM)")
	fs.BoolVar(&f.Self, "tls-self", false, "serve TLS with a certificate made in memory, and print its SHA-256 fingerprint")
}

// On reports whether the flags ask for TLS.
func (f *Flags) On() bool { return f.Self || f.Cert != "" || f.Key != "" }

// Check says what is wrong with the flags.
func (f *Flags) Check() error {
	switch {
	case (f.Cert == "") != (f.Key == ""):
		return errors.New("-tls-cert and -tls-key go together")
	case f.Self && f.Cert != "":
		return errors.New("-tls-self makes a certificate: it does not go with -tls-cert")
	}
	return nil
}

// Config is what the flags say, or nil without TLS. Where it makes a certificate it prints the
// fingerprint to out.
func (f *Flags) Config(out io.Writer) (*tls.Config, error) {
	if err := f.Check(); err != nil || !f.On() {
		return nil, err
	}
	if !f.Self {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, err
		}
		return config(pair), nil
	}
	pair, err := selfSigned()
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(out, "certificate sha256", Fingerprint(pair.Certificate[0]))
	return config(pair), nil
}

// config has records of full size from the first on. Small first records are for pages that a browser draws
// while they arrive.
func config(pair tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{pair}, DynamicRecordSizingDisabled: true}
}

// Fingerprint is the SHA-256 of a certificate (DER), as openssl x509 -fingerprint writes it.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// Write makes such a certificate and writes it and its key to two files, as -tls-cert and -tls-key
// want them.
func Write(cert, key string) error {
	pair, err := selfSigned()
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return err
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})
	if err := os.WriteFile(cert, public, 0o644); err != nil {
		return err
	}
	return os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600)
}

// selfSigned makes a certificate of this machine that nobody else vouches for. It is good for a year, because
// programs that run longer have a real one.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	of := x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "pike, made in memory"},
		NotBefore:             now.Add(-time.Hour), // clocks differ
		NotAfter:              now.AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true, // so that a client can be told to trust it
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if name, err := os.Hostname(); err == nil {
		of.DNSNames = append(of.DNSNames, name)
	}
	der, err := x509.CreateCertificate(rand.Reader, &of, &of, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
