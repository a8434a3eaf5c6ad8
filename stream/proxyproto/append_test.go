package proxyproto_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"example.com/pike/poller"
	"example.com/pike/stream/proxyproto"
)

// TestAppend writes what was read, to the byte, where there is one way to say it.
func TestAppend(t *testing.T) {
	for _, c := range good {
		switch c.name {
		case "longest TCP6", "worst UNKNOWN", "UNKNOWN and what not", "LOCAL with what is to be ignored", "UNSPEC with addresses",
			"half unspecified":
			continue // there are several ways
		}
		b, err := c.want.Append([]byte("before"))
		if err != nil || string(b) != "before"+c.text {
			t.Errorf("%s: %q, %v; want %q", c.name, b, err, c.text)
		}
	}
	for _, h := range []proxyproto.Header{
		{Version: 1, Local: true},
		{Version: 1, Transport: proxyproto.UDP4, Source: ip("1.1.1.1:1"), Destination: ip("1.1.1.1:1")},
		{Version: 1, Transport: proxyproto.UnixStream, Source: poller.Addr{Path: "/a"}, Destination: poller.Addr{Path: "/b"}},
	} {
		if b, err := h.Append(nil); err != nil || string(b) != "PROXY UNKNOWN\r\n" {
			t.Errorf("%+v: %q, %v", h, b, err)
		}
	}
}

// TestAppendWrong holds that no header is sent that nobody could read.
func TestAppendWrong(t *testing.T) {
	tlvs := func(v ...proxyproto.TLV) proxyproto.Header {
		return proxyproto.Header{Version: 2, Transport: proxyproto.TCP4, Source: ip("1.1.1.1:1"), Destination: ip("1.1.1.2:2"), TLVs: v}
	}
	big := proxyproto.TLV{Type: 0xe0, Value: make([]byte, 65_500)}
	for _, c := range []struct {
		step string
		h    proxyproto.Header
	}{
		{"version", proxyproto.Header{}},
		{"version", proxyproto.Header{Version: 3}},
		{"TLV", proxyproto.Header{Version: 1, TLVs: []proxyproto.TLV{big}}},
		{"source address", proxyproto.Header{Version: 1, Transport: proxyproto.TCP4}},
		{"source address", proxyproto.Header{Version: 2, Transport: proxyproto.TCP4, Source: ip("[::1]:1"), Destination: ip("1.1.1.1:1")}},
		{"destination address", proxyproto.Header{Version: 2, Transport: proxyproto.TCP6, Source: ip("[::1]:1")}},
		{"source address", proxyproto.Header{Version: 2, Transport: proxyproto.UnixStream, Source: ip("1.1.1.1:1")}},
		{"destination address", proxyproto.Header{
			Version: 2, Transport: proxyproto.UnixStream, Destination: poller.Addr{Path: strings.Repeat("x", 109)}}},
		{"transport", proxyproto.Header{Version: 2, Transport: 0x10}},
		{"transport", proxyproto.Header{Version: 2, Transport: 0x41}},
		{"TLV", tlvs(proxyproto.TLV{Type: 0xe0, Value: make([]byte, 65_536)})},
		{"length", tlvs(big, big)},
		{"unique id", tlvs(proxyproto.TLV{Type: proxyproto.TypeUniqueID, Value: make([]byte, 129)})},
		{"checksum", tlvs(proxyproto.TLV{Type: proxyproto.TypeCRC32C}, proxyproto.TLV{Type: proxyproto.TypeCRC32C})},
	} {
		b, err := c.h.Append([]byte("before"))
		var wrong *proxyproto.HeaderError
		if string(b) != "before" || !errors.As(err, &wrong) || wrong.Step != c.step {
			t.Errorf("%+.100v: %.40q, %v; want the step %q", c.h, b, err, c.step)
		}
	}
}

// TestNewHeader has a header say what it can of two ends.
func TestNewHeader(t *testing.T) {
	file, none := poller.Addr{Path: "/run/a"}, poller.Addr{}
	for _, c := range []struct {
		src, dst poller.Addr
		want     proxyproto.Transport
	}{
		{ip("1.1.1.1:1"), ip("1.1.1.2:2"), proxyproto.TCP4},
		{ip("[::ffff:1.1.1.1]:1"), ip("1.1.1.2:2"), proxyproto.TCP4},
		{ip("[fe80::1%2]:1"), ip("[fe80::2%2]:2"), proxyproto.TCP6},
		{ip("1.1.1.1:1"), ip("[::1]:2"), proxyproto.TCP6},
		{file, file, proxyproto.UnixStream},
		{none, file, proxyproto.UnixStream},
		{file, none, proxyproto.Unspecified},
		{none, none, proxyproto.Unspecified},
		{ip("1.1.1.1:1"), none, proxyproto.Unspecified},
		{ip("1.1.1.1:1"), file, proxyproto.Unspecified},
	} {
		for version := 1; version <= 2; version++ {
			h := proxyproto.NewHeader(version, c.src, c.dst)
			if h.Transport != c.want || h.Relayed() != (c.want != proxyproto.Unspecified) {
				t.Errorf("%v to %v: %v", c.src, c.dst, h.Transport)
			}
			b, err := h.Append(nil)
			if err != nil {
				t.Errorf("%v to %v: %v", c.src, c.dst, err)
			}
			if _, n, err := proxyproto.Parse(b); err != nil || n != len(b) {
				t.Errorf("%v to %v: %q is not read: %v", c.src, c.dst, b, err)
			}
		}
	}
}

// TestTLVs reads what a proxy says of TLS and the rest.
func TestTLVs(t *testing.T) {
	said := proxyproto.SSL{
		Client: proxyproto.SSLConnected | proxyproto.SSLCertConn, Verify: 7, Version: "TLSv1.3", CommonName: "client.example",
		Cipher: "TLS_AES_128_GCM_SHA256", SigAlg: "RSA-SHA256", KeyAlg: "RSA2048",
	}
	ssl, err := said.TLV()
	if err != nil {
		t.Fatal(err)
	}
	if want := "\x03\x00\x00\x00\x07" + tlv(0x21, "TLSv1.3") + tlv(0x22, "client.example") + tlv(0x23, "TLS_AES_128_GCM_SHA256") +
		tlv(0x24, "RSA-SHA256") + tlv(0x25, "RSA2048"); string(ssl.Value) != want {
		t.Errorf("%q, want %q", ssl.Value, want)
	}
	h := proxyproto.NewHeader(2, ip("[2001:db8::1]:1"), ip("[2001:db8::2]:2"))
	h.TLVs = []proxyproto.TLV{
		{Type: proxyproto.TypeNoop, Value: make([]byte, 5)}, {Type: proxyproto.TypeALPN, Value: []byte("h2")}, ssl,
		{Type: proxyproto.TypeAuthority, Value: []byte("host.example")}, {Type: proxyproto.TypeUniqueID, Value: []byte{0, 1}},
		{Type: proxyproto.TypeNetNS, Value: []byte("blue")}, {Type: proxyproto.TypeCRC32C}, {Type: 0xe5, Value: []byte("ours")},
	}
	b, err := h.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := proxyproto.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	heard, ok := got.SSL()
	own, _ := got.Lookup(0xe5)
	if !ok || heard != said || got.ALPN() != "h2" || got.Authority() != "host.example" || !bytes.Equal(got.UniqueID(), []byte{0, 1}) ||
		got.NetNS() != "blue" || string(own) != "ours" {
		t.Errorf("%+v, and TLS %+v", got, heard)
	}
	h = proxyproto.NewHeader(2, ip("1.1.1.1:1"), ip("1.1.1.2:2"))
	if _, ok := h.SSL(); ok || h.ALPN() != "" || h.Authority() != "" || h.UniqueID() != nil || h.NetNS() != "" {
		t.Error("a header without TLVs says something")
	}
	if _, err := (proxyproto.SSL{CommonName: strings.Repeat("x", 65_528)}).TLV(); err == nil {
		t.Error("a name longer than a length can say was taken")
	}
}

// FuzzParse holds that no bytes make Parse panic or read further than it says, that cutting
// changes nothing but when it is found, and that what was read can be written and read again.
func FuzzParse(f *testing.F) {
	for _, c := range good {
		f.Add([]byte(c.text + "behind"))
	}
	for _, c := range bad {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := proxyproto.Parse(b)
		var wrong *proxyproto.HeaderError
		switch {
		case err == proxyproto.ErrIncomplete:
			if h != nil || n <= len(b) || n > 16+65_535 {
				t.Fatalf("of %d bytes, needs %d", len(b), n)
			}
			return
		case err != nil:
			if h != nil || !errors.As(err, &wrong) || wrong.Step == "" {
				t.Fatalf("%+v, %v", h, err)
			}
			return
		case n > len(b) || h.Version == 1 && n > 107:
			t.Fatalf("%d bytes of %d", n, len(b))
		}
		again, m, err := proxyproto.Parse(b[:n])
		if err != nil || m != n || !reflect.DeepEqual(h, again) {
			t.Fatalf("alone: %+v, %d of %d, %v", again, m, n, err)
		}
		for cut := range min(n, 300) {
			if _, need, err := proxyproto.Parse(b[:cut]); err != proxyproto.ErrIncomplete || need > n {
				t.Fatalf("cut at %d of %d: needs %d, %v", cut, n, need, err)
			}
		}
		if !h.Relayed() {
			h.Transport = proxyproto.Unspecified // what is half unspecified is not sent
		}
		out, err := h.Append(nil)
		if err != nil {
			t.Fatalf("%+v is not written: %v", h, err)
		}
		again, _, err = proxyproto.Parse(out)
		if err != nil || !same(h, again) {
			t.Fatalf("%+v\nwas written, and read as\n%+v\n%v", h, again, err)
		}
	})
}

// same reports whether two headers say the same, except for the checksum, which is of one way to write it.
func same(a, b *proxyproto.Header) bool {
	x, y := *a, *b
	x.TLVs, y.TLVs = nil, nil
	if !reflect.DeepEqual(x, y) || len(a.TLVs) != len(b.TLVs) {
		return false
	}
	for i, v := range a.TLVs {
		if w := b.TLVs[i]; v.Type != w.Type || v.Type != proxyproto.TypeCRC32C && !bytes.Equal(v.Value, w.Value) {
			return false
		}
	}
	return true
}
