package secure

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"strings"
)

// ClientFlags say how a program is to encrypt what it dials.
type ClientFlags struct {
	TLS bool
	Pin string // the fingerprint of the only certificate that will do, or nothing
}

// Register adds the flags to fs.
func (f *ClientFlags) Register(fs *flag.FlagSet) {
	fs.BoolVar(&f.TLS, "tls", false, "with -connect: speak TLS; the certificate is checked as browsers do")
	fs.StringVar(&f.Pin, "tls-fingerprint", "", "with -connect: speak TLS, and want the certificate with this `SHA-256`, and no other")
}

// On reports whether the flags ask for TLS.
func (f *ClientFlags) On() bool { return f.TLS || f.Pin != "" }

// Config is what the flags say, or nil without TLS. With a fingerprint it is the whole certificate that is
// compared, so it does not matter who vouches for it, which name is in it and whether it has expired.
func (f *ClientFlags) Config() (*tls.Config, error) {
	if !f.On() {
		return nil, nil
	}
	if f.Pin == "" {
		return &tls.Config{}, nil
	}
	want, err := hex.DecodeString(strings.ReplaceAll(f.Pin, ":", ""))
	if err != nil || len(want) != sha256.Size {
		return nil, fmt.Errorf("-tls-fingerprint is %d bytes in hexadecimal, as -tls-self prints them", sha256.Size)
	}
	return &tls.Config{
		InsecureSkipVerify: true, // VerifyConnection is stricter
		VerifyConnection: func(cs tls.ConnectionState) error {
			if len(cs.PeerCertificates) == 0 {
				return errors.New("the server has no certificate")
			}
			got := sha256.Sum256(cs.PeerCertificates[0].Raw)
			if string(got[:]) != string(want) {
				return fmt.Errorf("the server has another certificate, with the fingerprint %s", Fingerprint(cs.PeerCertificates[0].Raw))
			}
			return nil
		},
	}, nil
}
