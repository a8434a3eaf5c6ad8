package proxyproto_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"example.com/pike/poller"
	"example.com/pike/stream/proxyproto"
)

const sig = "\r\n\r\n\x00\r\nQUIT\n"

func ip(s string) poller.Addr { return poller.AddrOf(netip.MustParseAddrPort(s)) }

// binaryHeader is a header of version 2 with its length.
func binaryHeader(command, transport byte, block string) string {
	b := append([]byte(sig), command, transport, 0, 0)
	binary.BigEndian.PutUint16(b[14:], uint16(len(block)))
	return string(b) + block
}

func tlv(t byte, value string) string {
	return string([]byte{t, byte(len(value) >> 8), byte(len(value))}) + value
}

func path(s string) string { return s + strings.Repeat("\x00", 108-len(s)) }

// captured is what haproxy has sent with send-proxy-v2, before a GET.
var captured, _ = hex.DecodeString("0d0a0d0a000d0a515549540a2111000cac130001ac130003a6520050")

const (
	ports4 = "\x0a\x00\x00\x01\x0a\x00\x00\x02\x30\x39\x01\xbb"
	longV6 = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
)

var v6block = string(netip.MustParseAddr("2001:db8::1").AsSlice()) + string(netip.MustParseAddr("2001:db8::2").AsSlice()) +
	"\x30\x39\x01\xbb"

// The headers that are right, by the specification.
var good = []struct {
	name, text string
	want       proxyproto.Header
}{
	{"the specification's line", "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", proxyproto.Header{
		Version: 1, Transport: proxyproto.TCP4, Source: ip("192.168.0.1:56324"), Destination: ip("192.168.0.11:443")}},
	{"longest TCP4", "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", proxyproto.Header{
		Version: 1, Transport: proxyproto.TCP4, Source: ip("255.255.255.255:65535"), Destination: ip("255.255.255.255:65535")}},
	{"longest TCP6", "PROXY TCP6 " + longV6 + " " + strings.ToUpper(longV6) + " 65535 0\r\n", proxyproto.Header{
		Version: 1, Transport: proxyproto.TCP6, Source: ip("[" + longV6 + "]:65535"), Destination: ip("[" + longV6 + "]:0")}},
	{"TCP6 of an IPv4 client", "PROXY TCP6 ::ffff:10.0.0.1 ::1 1 2\r\n", proxyproto.Header{
		Version: 1, Transport: proxyproto.TCP6, Source: ip("10.0.0.1:1"), Destination: ip("[::1]:2")}},
	{"UNKNOWN", "PROXY UNKNOWN\r\n", proxyproto.Header{Version: 1}},
	{"worst UNKNOWN", "PROXY UNKNOWN " + longV6 + " " + longV6 + " 65535 65535\r\n", proxyproto.Header{Version: 1}},
	{"UNKNOWN and what not", "PROXY UNKNOWN \x00\n\r\xff PROXY\r\n", proxyproto.Header{Version: 1}},

	{"captured", string(captured), proxyproto.Header{
		Version: 2, Transport: proxyproto.TCP4, Source: ip("172.19.0.1:42578"), Destination: ip("172.19.0.3:80")}},
	{"UDP4", binaryHeader(0x21, 0x12, ports4), proxyproto.Header{
		Version: 2, Transport: proxyproto.UDP4, Source: ip("10.0.0.1:12345"), Destination: ip("10.0.0.2:443")}},
	{"TCP6 binary", binaryHeader(0x21, 0x21, v6block), proxyproto.Header{
		Version: 2, Transport: proxyproto.TCP6, Source: ip("[2001:db8::1]:12345"), Destination: ip("[2001:db8::2]:443")}},
	{"UDP6", binaryHeader(0x21, 0x22, v6block), proxyproto.Header{
		Version: 2, Transport: proxyproto.UDP6, Source: ip("[2001:db8::1]:12345"), Destination: ip("[2001:db8::2]:443")}},
	{"unix", binaryHeader(0x21, 0x31, path("/run/a")+path("\x00abstract")), proxyproto.Header{
		Version: 2, Transport: proxyproto.UnixStream, Source: poller.Addr{Path: "/run/a"}, Destination: poller.Addr{Path: "@abstract"}}},
	{"unix, no name and the longest", binaryHeader(0x21, 0x32, path("")+strings.Repeat("x", 108)), proxyproto.Header{
		Version: 2, Transport: proxyproto.UnixDatagram, Destination: poller.Addr{Path: strings.Repeat("x", 108)}}},
	{"LOCAL", binaryHeader(0x20, 0x00, ""), proxyproto.Header{Version: 2, Local: true}},
	{"LOCAL with what is to be ignored", binaryHeader(0x20, 0xff, "no addresses, no TLVs"), proxyproto.Header{Version: 2, Local: true}},
	{"UNSPEC", binaryHeader(0x21, 0x00, ""), proxyproto.Header{Version: 2}},
	{"UNSPEC with addresses", binaryHeader(0x21, 0x00, ports4), proxyproto.Header{Version: 2}},
	{"UNSPEC with a TLV", binaryHeader(0x21, 0x00, tlv(1, "h2")), proxyproto.Header{
		Version: 2, TLVs: []proxyproto.TLV{{Type: proxyproto.TypeALPN, Value: []byte("h2")}}}},
	{"half unspecified", binaryHeader(0x21, 0x10, ports4+tlv(1, "h2")), proxyproto.Header{Version: 2, Transport: 0x10}},
	{"TLVs", binaryHeader(0x21, 0x11, ports4+tlv(1, "h2")+tlv(4, "\x00")+tlv(0xe0, "")), proxyproto.Header{
		Version: 2, Transport: proxyproto.TCP4, Source: ip("10.0.0.1:12345"), Destination: ip("10.0.0.2:443"),
		TLVs: []proxyproto.TLV{{Type: 1, Value: []byte("h2")}, {Type: 4, Value: []byte{0}}, {Type: 0xe0, Value: []byte{}}}}},
}

// TestParse reads each right header: alone, with more behind it, and cut at every byte.
func TestParse(t *testing.T) {
	for _, c := range good {
		t.Run(c.name, func(t *testing.T) {
			for _, behind := range []string{"", "\r\n", "GET / HTTP/1.1\r\n", c.text} {
				h, n, err := proxyproto.Parse([]byte(c.text + behind))
				if err != nil || n != len(c.text) {
					t.Fatalf("with %q behind: %d bytes of %d, %v", behind, n, len(c.text), err)
				}
				if !reflect.DeepEqual(*h, c.want) {
					t.Fatalf("with %q behind:\n got %+v\nwant %+v", behind, *h, c.want)
				}
			}
			for cut := range len(c.text) {
				h, n, err := proxyproto.Parse([]byte(c.text[:cut]))
				if h != nil || err != proxyproto.ErrIncomplete || n <= cut || n > len(c.text) {
					t.Fatalf("cut at %d: %+v, needs %d, %v", cut, h, n, err)
				}
			}
		})
	}
}

// TestParseKeepsNothing holds that a header outlives the memory it was read from.
func TestParseKeepsNothing(t *testing.T) {
	for _, c := range good {
		b := []byte(c.text)
		h, _, err := proxyproto.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		clear(b)
		if !reflect.DeepEqual(*h, c.want) {
			t.Errorf("%s: changed with the memory: %+v", c.name, *h)
		}
	}
}

// The headers that are wrong, the step that finds it, and after how many bytes it is found.
var bad = []struct {
	name, text, step string
	after            int
}{
	{"HTTP", "GET / HTTP/1.1\r\n", "signature", 1},
	{"TLS", "\x16\x03\x01\x02\x00", "signature", 1},
	{"lower case", "proxy TCP4 ", "signature", 1},
	{"nearly PROXY", "PROXX", "signature", 5},
	{"nearly version 2", "\r\n\r\n\x00\r\nQUIT\r", "signature", 12},
	{"two spaces", "PROXY  TCP4", "protocol", 7},
	{"TCP5", "PROXY TCP5 ", "protocol", 10},
	{"UDP4", "PROXY UDP4 ", "protocol", 8},
	{"UNKNOWNS", "PROXY UNKNOWNS\r\n", "protocol", 16},
	{"no fields", "PROXY\r\n", "protocol", 6},
	{"line feed alone", "PROXY TCP4 1.2.3.4 1.2.3.5 1 2\nGET", "end of line", 31},
	{"carriage return alone", "PROXY TCP4 1.2.3.4 1.2.3.5 1 2\rGET", "end of line", 32},
	{"no end", "PROXY TCP4 " + strings.Repeat("1", 96) + "\r\n", "end of line", 107},
	{"no end of UNKNOWN", "PROXY UNKNOWN" + strings.Repeat(" ", 93) + "\r\n", "end of line", 107},
	{"too few fields", "PROXY TCP4 1.2.3.4 1.2.3.5 1\r\n", "fields", 30},
	{"too many fields", "PROXY TCP4 1.2.3.4 1.2.3.5 1 2 3\r\n", "fields", 34},
	{"space at the end", "PROXY TCP4 1.2.3.4 1.2.3.5 1 2 \r\n", "fields", 33},
	{"spaces between", "PROXY TCP4 1.2.3.4  1.2.3.5 1 2\r\n", "fields", 33},
	{"IPv6 for TCP4", "PROXY TCP4 ::1 1.2.3.5 1 2\r\n", "source address", 28},
	{"IPv4 for TCP6", "PROXY TCP6 ::1 1.2.3.5 1 2\r\n", "destination address", 28},
	{"zone", "PROXY TCP6 fe80::1%lo ::1 1 2\r\n", "source address", 31},
	{"octal", "PROXY TCP4 1.2.3.04 1.2.3.5 1 2\r\n", "source address", 33},
	{"three numbers", "PROXY TCP4 1.2.3.4 1.2.3 1 2\r\n", "destination address", 30},
	{"256", "PROXY TCP4 1.2.3.4 1.2.3.256 1 2\r\n", "destination address", 34},
	{"port 65536", "PROXY TCP4 1.2.3.4 1.2.3.5 65536 2\r\n", "source port", 36},
	{"port 01", "PROXY TCP4 1.2.3.4 1.2.3.5 1 01\r\n", "destination port", 33},
	{"port +1", "PROXY TCP4 1.2.3.4 1.2.3.5 +1 1\r\n", "source port", 33},
	{"port of none", "PROXY TCP4 1.2.3.4 1.2.3.5 1 0x1\r\n", "destination port", 34},

	{"version 1 in binary", binaryHeader(0x11, 0x11, ports4), "version", 13},
	{"version 3", binaryHeader(0x31, 0x11, ports4), "version", 13},
	{"command 2", binaryHeader(0x22, 0x11, ports4), "command", 13},
	{"family 4", binaryHeader(0x21, 0x41, ports4), "transport", 14},
	{"protocol 3", binaryHeader(0x21, 0x13, ports4), "transport", 14},
	{"short of an address", binaryHeader(0x21, 0x11, ports4[:11]), "length", 16},
	{"IPv6 in the size of IPv4", binaryHeader(0x21, 0x21, ports4), "length", 16},
	{"unix in the size of IPv6", binaryHeader(0x21, 0x31, v6block), "length", 16},
	{"two bytes of a TLV", binaryHeader(0x21, 0x11, ports4+"\x01\x00"), "TLV", 30},
	{"TLV longer than the header", binaryHeader(0x21, 0x11, ports4+"\x01\x00\x03h2"), "TLV", 33},
	{"checksum of three bytes", binaryHeader(0x21, 0x11, ports4+tlv(3, "\x00\x00\x00")), "checksum", 34},
	{"wrong checksum", binaryHeader(0x21, 0x11, ports4+tlv(3, "\x00\x00\x00\x00")), "checksum", 35},
	{"unique id of 129 bytes", binaryHeader(0x21, 0x11, ports4+tlv(5, strings.Repeat("i", 129))), "unique id", 160},
	{"SSL of four bytes", binaryHeader(0x21, 0x11, ports4+tlv(0x20, "\x01\x00\x00\x00")), "SSL", 35},
	{"SSL with a broken part", binaryHeader(0x21, 0x11, ports4+tlv(0x20, "\x01\x00\x00\x00\x00\x21\x00\x09TLS")), "SSL", 42},
}

// TestParseWrong holds that what is wrong is found, named, and found as soon as it can be.
func TestParseWrong(t *testing.T) {
	for _, c := range bad {
		t.Run(c.name, func(t *testing.T) {
			h, _, err := proxyproto.Parse([]byte(c.text + "and more"))
			var wrong *proxyproto.HeaderError
			if h != nil || !errors.As(err, &wrong) || wrong.Step != c.step {
				t.Fatalf("%+v, %v; want the step %q", h, err, c.step)
			}
			if !strings.Contains(err.Error(), c.step) || strings.ContainsAny(err.Error(), "\r\n\x00") || len(err.Error()) > 200 {
				t.Errorf("a bad line for a log: %q", err)
			}
			for cut := range c.after + 1 {
				_, need, err := proxyproto.Parse([]byte(c.text[:cut]))
				if err == proxyproto.ErrIncomplete && need > c.after {
					t.Fatalf("of %d bytes: needs %d, and is wrong at %d", cut, need, c.after)
				}
				if found := err != proxyproto.ErrIncomplete; found != (cut == c.after) {
					t.Fatalf("of %d bytes: %v; it is to be found by byte %d", cut, err, c.after)
				}
			}
		})
	}
}

// TestChecksum holds the checksum to the value of a header that was computed by another
// program (Python's bit by bit form of CRC32c), and finds each flipped bit.
func TestChecksum(t *testing.T) {
	h := proxyproto.NewHeader(2, ip("10.0.0.1:12345"), ip("10.0.0.2:443"))
	h.TLVs = []proxyproto.TLV{
		{Type: proxyproto.TypeALPN, Value: []byte("h2")}, {Type: proxyproto.TypeCRC32C}, {Type: 0xe1, Value: []byte("x")},
	}
	b, err := h.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := binaryHeader(0x21, 0x11, ports4+tlv(1, "h2")+tlv(3, "\xf4\xdc\x05\xee")+tlv(0xe1, "x"))
	if string(b) != want {
		t.Fatalf("got %x\nwant %x", b, want)
	}
	if _, n, err := proxyproto.Parse(b); err != nil || n != len(b) {
		t.Fatal(n, err)
	}
	for i := 16; i < len(b); i++ { // before that the header is another, or none
		for bit := range 8 {
			flipped := bytes.Clone(b)
			flipped[i] ^= 1 << bit
			h, _, err := proxyproto.Parse(flipped)
			if err == nil && hasChecksum(h) {
				t.Errorf("bit %d of byte %d was flipped, and nothing found", bit, i)
			}
		}
	}
}

func hasChecksum(h *proxyproto.Header) bool {
	_, ok := h.Lookup(proxyproto.TypeCRC32C)
	return ok
}
