package secure

import (
	"bytes"
	"crypto/tls"
	"io"
	"strings"
	"testing"
)

// A client with a fingerprint takes the certificate of that, and no other; without it nobody vouches for one that
// was made in memory.
func TestFingerprint(t *testing.T) {
	var out bytes.Buffer
	server, err := (&Flags{Self: true}).Config(&out)
	if err != nil {
		t.Fatal(err)
	}
	pin := Fingerprint(server.Certificates[0].Certificate[0])
	for name, c := range map[string]struct {
		flags ClientFlags
		want  string // of the error
	}{
		"that":                   {ClientFlags{Pin: pin}, ""},
		"that, in small letters": {ClientFlags{Pin: strings.ToLower(strings.ReplaceAll(pin, ":", ""))}, ""},
		"another":                {ClientFlags{Pin: strings.Repeat("00", 32)}, "another certificate, with the fingerprint " + pin},
		"none":                   {ClientFlags{TLS: true}, "certificate"},
	} {
		cfg, err := c.flags.Config()
		if err != nil {
			t.Fatal(name, err)
		}
		cfg.ServerName = "localhost"
		ln, err := tls.Listen("tcp", "127.0.0.1:0", server)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if conn, err := ln.Accept(); err == nil {
				io.Copy(io.Discard, conn)
				conn.Close()
			}
		}()
		conn, err := tls.Dial("tcp", ln.Addr().String(), cfg)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err == nil {
			conn.Close()
		}
		ln.Close()
	}
	for _, pin := range []string{"x", "00", strings.Repeat("0", 65)} {
		if _, err := (&ClientFlags{Pin: pin}).Config(); err == nil {
			t.Errorf("%q is taken for a fingerprint", pin)
		}
	}
	if cfg, err := new(ClientFlags).Config(); cfg != nil || err != nil {
		t.Errorf("no flags are %v, %v", cfg, err)
	}
}
