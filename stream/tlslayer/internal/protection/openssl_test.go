package protection

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestKeysOfSHA384 has key and iv of AES-256 by HMAC as RFC 5869 and RFC 8446, 7.1, spell it.
func TestKeysOfSHA384(t *testing.T) {
	secret := pattern(48)
	expand := func(label string, n byte) []byte {
		mac := hmac.New(sha512.New384, secret)
		mac.Write([]byte{0, n, byte(6 + len(label))})
		mac.Write([]byte("tls13 " + label + "\x00\x01"))
		return mac.Sum(nil)[:n]
	}
	var h half
	if err := h.set(secret); err != nil {
		t.Fatal(err)
	}
	key, err := h.expand("key", 32)
	if err != nil || !bytes.Equal(key, expand("key", 32)) || !bytes.Equal(h.iv[:], expand("iv", 12)) {
		t.Error("key or iv is another: ", err)
	}
	h.update()
	if !bytes.Equal(h.secret[:], expand("traffic upd", 48)) {
		t.Error("the next secret is another")
	}
}

// TestOpenSSL has openssl s_client talk to Records with each suite, which crypto/tls cannot be told
// to choose, and update its keys: K asks for ours as well, k does not.
func TestOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not here: ", err)
	}
	for _, suite := range []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"} {
		t.Run(suite, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, "openssl", "s_client", "-connect", ln.Addr().String(), "-tls1_3", "-ciphersuites", suite)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { cancel(); cmd.Wait() }()
			c, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(30 * time.Second))
			w := &watcher{Conn: c}
			conn := tls.Server(w, Watch(serverConfig(), func(c net.Conn) *Capture { return &c.(*watcher).capture }))
			if err := conn.Handshake(); err != nil {
				t.Fatal(err)
			}
			cs := conn.ConnectionState()
			if got := tls.CipherSuiteName(cs.CipherSuite); got != suite {
				t.Fatalf("the suite is %s", got)
			}
			r := w.capture.Records(&cs)
			if strings.Contains(suite, "CHACHA20") != (r == nil) {
				t.Fatalf("records: %v", r != nil)
			}
			if r == nil {
				return
			}
			talk(t, c, r, in)
		})
	}
}

// watcher is a net.Conn that tells a capture what is sent.
type watcher struct {
	net.Conn
	capture Capture
}

func (w *watcher) Write(p []byte) (int, error) {
	w.capture.Sent(p)
	return w.Conn.Write(p)
}

func talk(t *testing.T, c net.Conn, r *Records, in io.Writer) {
	t.Helper()
	for i, line := range []string{"one\n", "K\n", "two\n", "k\n", "three\n", "K\n", "four\n"} {
		if _, err := io.WriteString(in, line); err != nil {
			t.Fatal(err)
		}
		before := r.in.secret
		data := ""
		for data == "" && r.in.secret == before {
			header := make([]byte, HeaderLen)
			if _, err := io.ReadFull(c, header); err != nil {
				t.Fatal(i, err)
			}
			n, err := Length(header)
			if err != nil {
				t.Fatal(i, err)
			}
			rec := append(header, make([]byte, n-HeaderLen)...)
			if _, err := io.ReadFull(c, rec[HeaderLen:]); err != nil {
				t.Fatal(i, err)
			}
			p, err := r.Open(rec)
			if err != nil {
				t.Fatal(i, err)
			}
			data += string(p)
		}
		if updated := r.in.secret != before; updated != (len(line) == 2) {
			t.Fatalf("%q: keys updated %v", line, updated)
		}
		if len(line) > 2 && data != line {
			t.Fatalf("%q arrives as %q", line, data)
		}
		c.Write(r.Seal(nil, []byte(data+"!")))
	}
	// The client says close_notify when its input ends, and not an alert for what we have sent.
	in.(io.Closer).Close()
	rest, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	n, err := Length(rest)
	if err != nil || n > len(rest) {
		t.Fatal("half a record: ", err)
	}
	if _, err := r.Open(rest[:n]); !errors.Is(err, io.EOF) {
		t.Fatalf("the client ends with %v", err)
	}
}
