package secure

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

func parse(t *testing.T, args ...string) *Flags {
	t.Helper()
	var f Flags
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	f.Register(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return &f
}

func TestFlagsThatDoNotGoTogether(t *testing.T) {
	for _, args := range [][]string{
		{"-tls-cert", "a"}, {"-tls-key", "a"}, {"-tls-self", "-tls-cert", "a", "-tls-key", "b"},
	} {
		f := parse(t, args...)
		if f.Check() == nil {
			t.Errorf("%q is taken", args)
		}
		if cfg, err := f.Config(io.Discard); cfg != nil || err == nil {
			t.Errorf("%q: Config gives %v, %v", args, cfg, err)
		}
	}
	if f := parse(t); f.On() || f.Check() != nil {
		t.Error("no flags are TLS, or wrong")
	}
	missing := filepath.Join(t.TempDir(), "missing")
	_, err := parse(t, "-tls-cert", missing, "-tls-key", missing).Config(io.Discard)
	if err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("a file that is missing: %v", err)
	}
}

// A client that trusts the certificate whose fingerprint was printed reaches the server by each of its names.
func TestMadeInMemory(t *testing.T) {
	var out bytes.Buffer
	cfg, err := parse(t, "-tls-self").Config(&out)
	if err != nil {
		t.Fatal(err)
	}
	der := cfg.Certificates[0].Certificate[0]
	if want := "certificate sha256 " + Fingerprint(der) + "\n"; out.String() != want || len(Fingerprint(der)) != 32*3-1 {
		t.Errorf("it printed %q, not %q", out.String(), want)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		a, b := net.Pipe()
		go tls.Server(b, cfg).Handshake()
		if err := tls.Client(a, &tls.Config{RootCAs: roots, ServerName: name}).Handshake(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		a.Close()
		b.Close()
	}
}
