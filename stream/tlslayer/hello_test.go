package tlslayer_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/pike/stream/tlslayer"
)

// A sink keeps what a client says first, and then has no more to say.
type sink struct {
	net.Conn
	b bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error)    { return s.b.Write(p) }
func (*sink) Read([]byte) (int, error)         { return 0, io.EOF }
func (*sink) SetWriteDeadline(time.Time) error { return nil }
func (*sink) Close() error                     { return nil }

// helloOf is how crypto/tls begins.
func helloOf(cfg *tls.Config) []byte {
	s := new(sink)
	tls.Client(s, cfg).Handshake()
	return s.b.Bytes()
}

// spread has the message of the one record in hello in records of size bytes.
func spread(hello []byte, size int) (out []byte) {
	for part := range slices.Chunk(hello[5:], size) {
		out = append(out, hello[:3]...)
		out = binary.BigEndian.AppendUint16(out, uint16(len(part)))
		out = append(out, part...)
	}
	return out
}

// parsePieces has hello arrive a byte at a time, and asks whenever it is worth to. What is asked for in
// vain is never enough, so that n is the least.
func parsePieces(t *testing.T, hello []byte) (h *tls.ClientHelloInfo, asked int) {
	t.Helper()
	worth := 0
	for i := range len(hello) + 1 {
		got, n, err := tlslayer.ParseClientHello(hello[:i])
		if i < worth && !errors.Is(err, tlslayer.ErrIncomplete) {
			t.Fatalf("%d bytes were said to be too few, and are: %v", i, err)
		}
		if i == len(hello) {
			no(t, err)
			if n != len(hello) {
				t.Fatalf("it takes %d bytes of %d", n, len(hello))
			}
			return got, asked
		}
		if !errors.Is(err, tlslayer.ErrIncomplete) || n <= i || n > len(hello) || got != nil || n < worth {
			t.Fatalf("of %d bytes %d: %v, %d, %v", len(hello), i, got, n, err)
		}
		if n > worth {
			worth, asked = n, asked+1
		}
	}
	return nil, 0
}

// TestParseClientHello has hellos of crypto/tls, in records of many sizes and in pieces.
func TestParseClientHello(t *testing.T) {
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		hello := helloOf(&tls.Config{ServerName: "a.example", NextProtos: []string{"h2", "x"}, MaxVersion: v})
		for _, size := range []int{1 << 14, 700, 100, 30} {
			in := append(spread(hello[:5+3], 1), spread(append(hello[:5:5], hello[5+3:]...), size)...) // and a head in pieces
			h, asked := parsePieces(t, in)
			if h.ServerName != "a.example" || !slices.Equal(h.SupportedProtos, []string{"h2", "x"}) || h.SupportedVersions[0] != v {
				t.Errorf("%d a record: %q, %q, %x", size, h.ServerName, h.SupportedProtos, h.SupportedVersions)
			}
			if h.Conn != nil {
				t.Error("there is a Conn")
			}
			if records := bytes.Count(in, hello[:3]); asked > 2*records+2 {
				t.Errorf("%d a record: %d records were asked for %d times", size, records, asked)
			}
			// What comes behind it is not looked at.
			_, n, err := tlslayer.ParseClientHello(append(in, "more"...))
			if n != len(in) || err != nil {
				t.Errorf("%d a record, and more: %d, %v", size, n, err)
			}
		}
	}
	h, _ := parsePieces(t, helloOf(&tls.Config{InsecureSkipVerify: true}))
	if h.ServerName != "" || h.SupportedProtos != nil {
		t.Errorf("without a name: %q, %q", h.ServerName, h.SupportedProtos)
	}
}

// TestParseClientHelloKeepsNothing has the buffer used again.
func TestParseClientHelloKeepsNothing(t *testing.T) {
	hello := helloOf(&tls.Config{ServerName: "a.example", NextProtos: []string{"x"}})
	h, _, err := tlslayer.ParseClientHello(hello)
	no(t, err)
	clear(hello)
	if h.ServerName != "a.example" || h.SupportedProtos[0] != "x" {
		t.Errorf("%q, %q", h.ServerName, h.SupportedProtos)
	}
}

// TestParseClientHelloRefuses is told as soon as it can be, and never waits for more than MaxClientHello.
func TestParseClientHelloRefuses(t *testing.T) {
	hello := helloOf(&tls.Config{ServerName: "a.example"})
	large := bytes.Repeat([]byte{22, 3, 1, 0, 1, 0}, 100) // a byte a record
	large[5] = 1
	large[11+6] = 0x80 // 32 KiB
	much := bytes.Repeat(append([]byte{22, 3, 1, 0x30, 0}, make([]byte, 0x3000)...), 6)
	much[5], much[7] = 1, 0xff // with its headers it is more
	bare := bytes.Clone(hello)
	for i := range bare[5+4+2+32:] {
		bare[5+4+2+32+i] = 0xff
	}
	for what, c := range map[string]struct {
		in    []byte
		least int // from how many bytes on it is known
		want  string
	}{
		"HTTP":            {[]byte("GET / HTTP/1.1\r\n"), 5, "plain HTTP"},
		"PROXY":           {[]byte("PROXY TCP4 1.2.3.4"), 5, "plain PROXY protocol"},
		"an alert":        {[]byte{21, 3, 1, 0, 2, 2, 40}, 5, "not of a TLS handshake"},
		"SSL 2":           {[]byte{0x80, 0x2e, 1, 3, 1, 0, 0}, 5, "not of a TLS handshake"},
		"an empty record": {[]byte{22, 3, 1, 0, 0, 22}, 5, "not of a TLS handshake"},
		"a large record":  {[]byte{22, 3, 1, 0x40, 1, 1}, 5, "not of a TLS handshake"},
		"a ServerHello":   {[]byte{22, 3, 3, 0, 50, 2, 0, 0, 46}, 6, "type 2"},
		"a large message": {[]byte{22, 3, 3, 0, 50, 1, 1, 0, 0}, 9, "more than 65536"},
		"many records":    {large, 0, "more than 64 records"},
		"much in few":     {much, 0, "more than 65536 bytes"},
		"nonsense":        {bare, len(bare), "decoding message"},
		"a later non-TLS": {append(spread(hello, 9)[:14], "GET /"...), 19, "plain HTTP"},
	} {
		for i := range c.in {
			h, n, err := tlslayer.ParseClientHello(c.in[:i+1])
			if h != nil {
				t.Fatalf("%s: %v", what, h)
			}
			if errors.Is(err, tlslayer.ErrIncomplete) {
				if n <= i+1 || n > tlslayer.MaxClientHello || c.least > 0 && i+1 >= c.least || i+1 == len(c.in) {
					t.Fatalf("%s: %d bytes need %d: %v", what, i+1, n, err)
				}
				continue
			}
			e, ok := errors.AsType[*tlslayer.Error](err)
			if !ok || e.Step != "hello" || n != 0 || !strings.Contains(err.Error(), c.want) || i+1 < c.least {
				t.Fatalf("%s: %d bytes: %d, %v", what, i+1, n, err)
			}
			break
		}
	}
}

// TestOpenSSLHello has the hellos of openssl, by the versions it knows. They come in pieces, too.
func TestOpenSSLHello(t *testing.T) {
	bin := tool(t, "openssl")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	no(t, err)
	defer ln.Close()
	for version, want := range map[string]uint16{"-tls1_3": tls.VersionTLS13, "-tls1_2": tls.VersionTLS12} {
		p := start(t, bin, "s_client", "-connect", ln.Addr().String(), "-servername", "b.example", "-alpn", "h2,http/1.1", version)
		c, err := ln.Accept()
		no(t, err)
		no(t, c.SetDeadline(time.Now().Add(patience)))
		var hello []byte
		for n := 1; n > len(hello); {
			have := len(hello)
			hello = append(hello, make([]byte, n-have)...)
			_, err = io.ReadFull(c, hello[have:])
			no(t, err)
			if _, n, err = tlslayer.ParseClientHello(hello); err != nil && !errors.Is(err, tlslayer.ErrIncomplete) {
				t.Fatal(err)
			}
		}
		h, _ := parsePieces(t, hello)
		if h.ServerName != "b.example" || !slices.Equal(h.SupportedProtos, []string{"h2", "http/1.1"}) ||
			!slices.Contains(h.SupportedVersions, want) {
			t.Errorf("%s: %q, %q, %x", version, h.ServerName, h.SupportedProtos, h.SupportedVersions)
		}
		no(t, c.Close())
		select {
		case <-p.exit:
		case <-time.After(patience):
			t.Fatal("openssl does not end")
		}
	}
}

// FuzzParseClientHello holds that what is asked for is bounded and more than there is, that fewer bytes are
// never known to be another hello, and that what comes behind changes nothing.
func FuzzParseClientHello(f *testing.F) {
	hello := helloOf(&tls.Config{ServerName: "a.example", NextProtos: []string{"h2"}})
	for _, in := range [][]byte{hello, spread(hello, 100), spread(hello, 1), hello[:50], []byte("GET / HTTP/1.1"), {22, 3, 1, 0, 1, 1}} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		h, n, err := tlslayer.ParseClientHello(p)
		switch {
		case errors.Is(err, tlslayer.ErrIncomplete):
			if h != nil || n <= len(p) || n > tlslayer.MaxClientHello {
				t.Fatalf("%v, %d of %d", h, n, len(p))
			}
		case err != nil:
			if h != nil || n != 0 {
				t.Fatalf("%v, %d, %v", h, n, err)
			}
		default:
			if n > len(p) || n > tlslayer.MaxClientHello {
				t.Fatalf("%d of %d", n, len(p))
			}
			if _, _, err := tlslayer.ParseClientHello(p[:n-1]); !errors.Is(err, tlslayer.ErrIncomplete) {
				t.Fatalf("a byte less: %v", err)
			}
			again, m, err := tlslayer.ParseClientHello(append(bytes.Clone(p), 0))
			if m != n || err != nil || again.ServerName != h.ServerName {
				t.Fatalf("a byte more: %d, %v", m, err)
			}
		}
	})
}
