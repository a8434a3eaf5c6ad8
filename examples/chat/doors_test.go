package main

import (
	"crypto/tls"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"

	"example.com/pike/examples/internal/secure"
)

func TestInvitation(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:7000": "go run ./examples/chat -connect 127.0.0.1:7000, or nc 127.0.0.1 7000",
		"[::]:80":        "go run ./examples/chat -connect localhost:80, or nc localhost 80",
		"[::1]:9":        "go run ./examples/chat -connect [::1]:9, or nc ::1 9",
	} {
		if got := invitation(netip.MustParseAddrPort(addr), &options{}); got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
}

// TestSecured has a certificate made in memory: who does as the server's terminal says is let in;
// who wants another certificate is not.
func TestSecured(t *testing.T) {
	s := startServer(t, "-tls-self")
	all := s.stdout.String()
	_, pin, ok := strings.Cut(all, "certificate sha256 ")
	pin, _, _ = strings.Cut(pin, "\n")
	if !ok || !strings.Contains(all, "join with: "+command+" -connect "+s.addr+" -tls-fingerprint "+pin+"\n") {
		t.Fatalf("it printed %q", all)
	}
	a := start(t, "-connect", s.addr, "-tls-fingerprint", pin, "-name", "ann")
	b := start(t, "-connect", s.addr, "-tls-fingerprint", pin, "-name", "bob")
	converse(t, a, b)
	other := start(t, "-connect", s.addr, "-tls-fingerprint", strings.Repeat("AB:", 31)+"AB")
	other.ends(1)
	other.logged("the server has another certificate, with the fingerprint " + pin)
	browser := start(t, "-connect", s.addr, "-tls")
	browser.ends(1)
	browser.logged("certificate")
	s.signal(os.Interrupt)
	a.printed(goodbye)
	a.ends(0)
	s.ends(0)
}

// converse has two say something, once both are there.
func converse(t *testing.T, a, b *child) {
	t.Helper()
	for c, name := range map[*child]string{a: "ann", b: "bob"} {
		io.WriteString(c.stdin, "/who\n")
		c.printed("* in #lobby: ")
		c.printed(name)
	}
	io.WriteString(a.stdin, "hello, bob\n")
	b.printed("[#lobby] ann: hello, bob\n")
	io.WriteString(b.stdin, "hello, ann\n")
	a.printed("[#lobby] bob: hello, ann\n")
}

// TestCertificateOfFiles has a certificate in files, whose fingerprint whoever made it knows.
func TestCertificateOfFiles(t *testing.T) {
	cert, key := temporary(t), temporary(t)
	if err := secure.Write(cert, key); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(t, "-tls-cert", cert, "-tls-key", key)
	s.printed("join with: " + command + " -connect " + s.addr + " -tls\n")
	pin := secure.Fingerprint(pair.Certificate[0])
	a := start(t, "-connect", s.addr, "-tls-fingerprint", pin, "-name", "ann")
	b := start(t, "-connect", s.addr, "-tls-fingerprint", pin, "-name", "bob")
	converse(t, a, b)
}
