package proxyproto

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"strconv"
	"strings"

	"example.com/pike/poller"
)

// Parse reads the header that b begins with. n is how many bytes it takes: what comes after
// them is not the proxy's, but the client's. h keeps nothing of b.
//
// ErrIncomplete says that more is needed: n is the least that b must have before it is worth
// to ask again, and no part of the header was looked at that could still change. All other
// errors are a *HeaderError. They come as soon as the bytes that are there cannot become a
// header, so that a connection of another protocol is known by its first bytes.
func Parse(b []byte) (h *Header, n int, err error) { return parse(b, maxBinary) }

// parse is Parse, with a bound for headers of version 2.
func parse(b []byte, most int) (*Header, int, error) {
	switch {
	case len(b) == 0:
		return nil, 1, ErrIncomplete
	case begins(b, signature):
		return parseBinary(b, most)
	case begins(b, word):
		return parseLine(b)
	}
	return nil, 0, wrong(0, "signature", "the connection begins with %s", excerpt(b))
}

// begins reports whether b begins with s, as far as there is anything of b.
func begins(b []byte, s string) bool {
	n := min(len(b), len(s))
	return string(b[:n]) == s[:n]
}

// The words that a line of version 1 can begin with.
const (
	lineTCP4    = word + " TCP4 "
	lineTCP6    = word + " TCP6 "
	lineUnknown = word + " UNKNOWN"
)

// parseLine reads version 1.
func parseLine(b []byte) (*Header, int, error) {
	tcp4, tcp6 := begins(b, lineTCP4), begins(b, lineTCP6)
	if !tcp4 && !tcp6 && !begins(b, lineUnknown) {
		return nil, 0, wrong(1, "protocol", "neither TCP4 nor TCP6 nor UNKNOWN: %s", excerpt(b))
	}
	head := b[:min(len(b), maxLine)]
	end := bytes.Index(head, []byte("\r\n"))
	if tcp4 || tcp6 { // of UNKNOWN anything may be in the line
		if i := loneEnd(head); i >= 0 && (end < 0 || i < end) {
			return nil, 0, wrong(1, "end of line", "a carriage return or line feed alone at byte %d", i)
		}
	}
	switch {
	case end < 0 && len(b) >= maxLine:
		return nil, 0, wrong(1, "end of line", "none within %d bytes", maxLine)
	case end < 0:
		return nil, len(b) + 1, ErrIncomplete
	case !tcp4 && !tcp6:
		if end > len(lineUnknown) && b[len(lineUnknown)] != ' ' {
			return nil, 0, wrong(1, "protocol", "neither TCP4 nor TCP6 nor UNKNOWN: %s", excerpt(b))
		}
		return &Header{Version: 1}, end + 2, nil
	}
	h, err := parseFields(string(b[len(lineTCP4):end]), tcp4)
	if err != nil {
		return nil, 0, err
	}
	return h, end + 2, nil
}

// loneEnd finds a carriage return or a line feed without the other. A carriage return at
// the end of b may still get its line feed.
func loneEnd(b []byte) int {
	for i, c := range b {
		switch {
		case c == '\n' && b[i-1] != '\r', c == '\r' && i+1 < len(b) && b[i+1] != '\n':
			return i
		}
	}
	return -1
}

// parseFields reads the addresses and ports of a line.
func parseFields(s string, tcp4 bool) (*Header, error) {
	f := strings.Split(s, " ")
	if len(f) != 4 {
		return nil, wrong(1, "fields", "%d after the protocol, want two addresses and two ports, with one space between", len(f))
	}
	var ips [2]netip.Addr
	for i, step := range []string{"source address", "destination address"} {
		ip, err := netip.ParseAddr(f[i])
		if err != nil || ip.Is4() != tcp4 || ip.Zone() != "" {
			family := "IPv6"
			if tcp4 {
				family = "IPv4"
			}
			return nil, wrong(1, step, "%.60q is no %s address", f[i], family)
		}
		ips[i] = ip
	}
	var ports [2]uint16
	for i, step := range []string{"source port", "destination port"} {
		p := f[2+i]
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || len(p) > 1 && p[0] == '0' {
			return nil, wrong(1, step, "%.60q is no port", p)
		}
		ports[i] = uint16(n)
	}
	h := &Header{Version: 1, Transport: TCP6, Source: address(ips[0], ports[0]), Destination: address(ips[1], ports[1])}
	if tcp4 {
		h.Transport = TCP4
	}
	return h, nil
}

// parseBinary reads version 2. The bytes are looked at one after another, as they come.
func parseBinary(b []byte, most int) (*Header, int, error) {
	h := &Header{Version: 2}
	if len(b) > 12 {
		if v := b[12] >> 4; v != 2 {
			return nil, 0, wrong(2, "version", "%d, want 2", v)
		}
		switch c := b[12] & 15; c {
		case 0:
			h.Local = true
		case 1:
		default:
			return nil, 0, wrong(2, "command", "%d is neither LOCAL (0) nor PROXY (1)", c)
		}
	}
	// What LOCAL says besides is to be ignored, whatever it is.
	if len(b) > 13 && !h.Local {
		if h.Transport = Transport(b[13]); !h.Transport.valid() {
			return nil, 0, wrong(2, "transport", "%#02x has an unknown family or protocol", b[13])
		}
	}
	switch {
	case len(b) < 14: // the next byte may be wrong
		return nil, len(b) + 1, ErrIncomplete
	case len(b) < fixed:
		return nil, fixed, ErrIncomplete
	}
	n := fixed + int(binary.BigEndian.Uint16(b[14:]))
	switch least := fixed + h.Transport.addresses(); {
	case n > most:
		return nil, 0, wrong(2, "length", "%d bytes, and the most is %d", n, most)
	case n < least:
		return nil, 0, wrong(2, "length", "%d bytes, and with the addresses of %v it has at least %d", n, h.Transport, least)
	case len(b) < n:
		return nil, n, ErrIncomplete
	case h.Local:
		return h, n, nil
	}
	if err := h.parseBlock(b[:n]); err != nil {
		return nil, 0, err
	}
	return h, n, nil
}

// parseBlock reads what comes after the first 16 bytes of b, the whole header.
func (h *Header) parseBlock(b []byte) error {
	at := fixed + h.Transport.addresses()
	if h.Transport.known() {
		h.Source, h.Destination = parseAddresses(h.Transport.family(), b[fixed:at])
	} else if h.Transport.family() != familyUnspecified || !sound(b[at:]) {
		// What the block begins with is not defined, so nothing can be found in it.
		return nil
	}
	tlvs, err := parseTLVs(b[at:])
	if err != nil {
		return &HeaderError{Version: 2, Step: "TLV", Err: err}
	}
	h.TLVs = tlvs
	summed := false
	for _, v := range tlvs {
		switch at += 3; v.Type {
		case TypeCRC32C:
			if len(v.Value) != 4 || summed {
				return wrong(2, "checksum", "there is more than one, or it has not 4 bytes but %d", len(v.Value))
			}
			summed = true
			if got, want := binary.BigEndian.Uint32(v.Value), checksum(b, at); got != want {
				return wrong(2, "checksum", "%#08x, and the header's is %#08x", got, want)
			}
		case TypeUniqueID:
			if len(v.Value) > maxID {
				return wrong(2, "unique id", "%d bytes, and the most is %d", len(v.Value), maxID)
			}
		case TypeSSL:
			if _, err := parseSSL(v.Value); err != nil {
				return &HeaderError{Version: 2, Step: "SSL", Err: err}
			}
		}
		at += len(v.Value)
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is that of a header whose checksum is at b[at:], taken as zeroes.
func checksum(b []byte, at int) uint32 {
	var zeroes [4]byte
	sum := crc32.Update(0, castagnoli, b[:at])
	sum = crc32.Update(sum, castagnoli, zeroes[:])
	return crc32.Update(sum, castagnoli, b[at+4:])
}

// parseAddresses reads the addresses of version 2. b has just them.
func parseAddresses(family byte, b []byte) (src, dst poller.Addr) {
	if family == familyUnix {
		return parsePath(b[:unixPath]), parsePath(b[unixPath:])
	}
	ports := b[len(b)-4:]
	size := (len(b) - 4) / 2
	from, _ := netip.AddrFromSlice(b[:size])
	to, _ := netip.AddrFromSlice(b[size : 2*size])
	return address(from, binary.BigEndian.Uint16(ports)), address(to, binary.BigEndian.Uint16(ports[2:]))
}

// parsePath reads the name of a unix-domain socket. An abstract name of Linux begins with a
// zero byte, and has an @ for it in an Addr.
func parsePath(b []byte) poller.Addr {
	if b[0] != 0 {
		if end := bytes.IndexByte(b, 0); end >= 0 {
			b = b[:end]
		}
		return poller.Addr{Path: string(b)}
	}
	name := bytes.TrimRight(b[1:], "\x00")
	if len(name) == 0 {
		return poller.Addr{}
	}
	return poller.Addr{Path: "@" + string(name)}
}
