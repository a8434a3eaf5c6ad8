package proxyproto

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"example.com/pike/poller"
)

// Append appends h to dst, as it is sent. It keeps nothing of h, and changes nothing of it.
//
// In version 1 what is neither TCP4 nor TCP6 is UNKNOWN, and a header with TLVs is an error.
// In version 2 a TLV of TypeCRC32C gets the checksum as its value. Addresses that do not fit
// Transport, and what is too long, are a *HeaderError. dst is returned as it was then.
func (h *Header) Append(dst []byte) ([]byte, error) {
	switch h.Version {
	case 1:
		return h.appendLine(dst)
	case 2:
		return h.appendBinary(dst)
	}
	return dst, wrong(0, "version", "%d is neither 1 nor 2", h.Version)
}

func (h *Header) appendLine(dst []byte) ([]byte, error) {
	if len(h.TLVs) > 0 {
		return dst, wrong(1, "TLV", "a line has none")
	}
	if h.Local || h.Transport != TCP4 && h.Transport != TCP6 {
		return append(dst, lineUnknown+"\r\n"...), nil
	}
	src, dest, err := h.ips()
	if err != nil {
		return dst, err
	}
	dst = append(dst, word+" "...)
	dst = append(append(dst, h.Transport.String()...), ' ')
	dst = append(src.AppendTo(dst), ' ')
	dst = append(dest.AppendTo(dst), ' ')
	dst = append(strconv.AppendUint(dst, uint64(h.Source.Port()), 10), ' ')
	return append(strconv.AppendUint(dst, uint64(h.Destination.Port()), 10), "\r\n"...), nil
}

// ips is the addresses in the family of Transport.
func (h *Header) ips() (src, dest netip.Addr, err error) {
	if src, err = h.ip("source address", h.Source); err == nil {
		dest, err = h.ip("destination address", h.Destination)
	}
	return src, dest, err
}

func (h *Header) ip(step string, a poller.Addr) (netip.Addr, error) {
	ip := a.Addr().Unmap().WithZone("")
	switch v4 := h.Transport.family() == familyIPv4; {
	case !ip.IsValid() || v4 && !ip.Is4():
		return ip, wrong(h.Version, step, "%v is none of %v", a, h.Transport)
	case v4:
		return ip, nil
	}
	return netip.AddrFrom16(ip.As16()), nil
}

func (h *Header) appendBinary(dst []byte) ([]byte, error) {
	b := append(dst, signature...)
	if h.Local {
		return append(b, 2<<4, byte(Unspecified), 0, 0), nil
	}
	if !h.Transport.valid() || !h.Transport.known() && h.Transport != Unspecified {
		return dst, wrong(2, "transport", "%#02x is none", byte(h.Transport))
	}
	b = append(b, 2<<4|1, byte(h.Transport), 0, 0)
	var err error
	switch h.Transport.family() {
	case familyIPv4, familyIPv6:
		var src, dest netip.Addr
		if src, dest, err = h.ips(); err != nil {
			return dst, err
		}
		b = append(append(b, src.AsSlice()...), dest.AsSlice()...)
		b = binary.BigEndian.AppendUint16(b, h.Source.Port())
		b = binary.BigEndian.AppendUint16(b, h.Destination.Port())
	case familyUnix:
		if b, err = appendPath(b, "source address", h.Source); err == nil {
			b, err = appendPath(b, "destination address", h.Destination)
		}
		if err != nil {
			return dst, err
		}
	}
	sum := 0 // where the checksum is, in b
	for _, v := range h.TLVs {
		switch {
		case len(v.Value) > 0xffff:
			return dst, wrong(2, "TLV", "%d bytes, and the most is %d", len(v.Value), 0xffff)
		case v.Type == TypeUniqueID && len(v.Value) > maxID:
			return dst, wrong(2, "unique id", "%d bytes, and the most is %d", len(v.Value), maxID)
		case v.Type == TypeCRC32C && sum > 0:
			return dst, wrong(2, "checksum", "there is more than one")
		case v.Type == TypeCRC32C:
			sum = len(b) + 3
			b = appendTLV(b, v.Type, "\x00\x00\x00\x00")
		default:
			b = appendTLV(b, v.Type, v.Value)
		}
	}
	n := len(b) - len(dst)
	if n > maxBinary {
		return dst, wrong(2, "length", "%d bytes, and the most is %d", n, maxBinary)
	}
	binary.BigEndian.PutUint16(b[len(dst)+14:], uint16(n-fixed))
	if sum > 0 {
		binary.BigEndian.PutUint32(b[sum:], checksum(b[len(dst):], sum-len(dst)))
	}
	return b, nil
}

// appendPath appends the name of a unix-domain socket, with zero bytes up to its size.
func appendPath(dst []byte, step string, a poller.Addr) ([]byte, error) {
	if a.AddrPort.IsValid() || len(a.Path) > unixPath {
		return dst, wrong(2, step, "%.120q is no name of a unix-domain socket, or has more than %d bytes", a, unixPath)
	}
	var b [unixPath]byte
	copy(b[:], a.Path)
	if b[0] == '@' {
		b[0] = 0
	}
	return append(dst, b[:]...), nil
}
