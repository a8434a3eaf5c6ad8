package proxyproto

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A TLV is one more thing that a header of version 2 says: a type, a length, which is that
// of Value and at most 65,535, and a value.
type TLV struct {
	Type  Type
	Value []byte
}

// A Type says what is in a TLV. Programs have 0xE0 to 0xEF for what they agree on.
type Type byte

// The types that are registered.
const (
	TypeALPN      Type = 0x01 // the protocol that was agreed on in TLS
	TypeAuthority Type = 0x02 // the host name that the client has given: SNI in TLS
	TypeCRC32C    Type = 0x03 // the checksum of the header; Append fills it in, whatever Value is
	TypeNoop      Type = 0x04 // fills space
	TypeUniqueID  Type = 0x05 // names the connection, by at most 128 bytes
	TypeSSL       Type = 0x20 // an SSL
	TypeNetNS     Type = 0x30 // the name of the network namespace
)

// The types within an SSL.
const (
	sslVersion Type = 0x21
	sslCN      Type = 0x22
	sslCipher  Type = 0x23
	sslSigAlg  Type = 0x24
	sslKeyAlg  Type = 0x25
)

// Lookup returns the value of the first TLV of a type.
func (h *Header) Lookup(t Type) (value []byte, ok bool) { return lookup(h.TLVs, t) }

func lookup(tlvs []TLV, t Type) ([]byte, bool) {
	for _, v := range tlvs {
		if v.Type == t {
			return v.Value, true
		}
	}
	return nil, false
}

// text is a value that is a string. It is empty where there is none.
func text(tlvs []TLV, t Type) string {
	v, _ := lookup(tlvs, t)
	return string(v)
}

// ALPN is the protocol that client and proxy have agreed on: h2, say. It is empty if the
// header does not say.
func (h *Header) ALPN() string { return text(h.TLVs, TypeALPN) }

// Authority is the host name that the client has given: that of SNI, if it spoke TLS with
// the proxy. It is empty if the header does not say. It was not checked in any way.
func (h *Header) Authority() string { return text(h.TLVs, TypeAuthority) }

// UniqueID is what the proxy calls the connection. It is nil if the header does not say.
func (h *Header) UniqueID() []byte {
	id, _ := h.Lookup(TypeUniqueID)
	return id
}

// NetNS is the name of the network namespace that the connection has come from. It is empty
// if the header does not say.
func (h *Header) NetNS() string { return text(h.TLVs, TypeNetNS) }

// SSL is what the header says of TLS between client and proxy.
func (h *Header) SSL() (s SSL, ok bool) {
	v, ok := h.Lookup(TypeSSL)
	if !ok {
		return SSL{}, false
	}
	s, err := parseSSL(v) // of what has come it was looked at already; others make headers, too
	return s, err == nil
}

// An SSL says how the client has spoken TLS with the proxy.
type SSL struct {
	Client SSLClient

	// Verify is 0 if the client has shown a certificate and the proxy has found it good.
	Verify uint32

	Version    string // of TLS: "TLSv1.3"
	CommonName string // of the client's certificate
	Cipher     string // "ECDHE-RSA-AES128-GCM-SHA256"
	SigAlg     string // that the certificate of the proxy was signed with: "RSA-SHA256"
	KeyAlg     string // of the key of the certificate of the proxy: "RSA2048"
}

// An SSLClient is a set of what is so.
type SSLClient byte

// What can be so.
const (
	SSLConnected   SSLClient = 1 << iota // the client speaks TLS
	SSLCertConn                          // it has shown a certificate in this connection
	SSLCertSession                       // it has shown one in the TLS session that this connection belongs to
)

// TLV is s as a TLV of a header to send. Empty strings are left out. It is an error if it
// is too long.
func (s SSL) TLV() (TLV, error) {
	b := append(make([]byte, 0, 64), byte(s.Client), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(b[1:], s.Verify)
	for _, part := range []struct {
		t    Type
		text string
	}{{sslVersion, s.Version}, {sslCN, s.CommonName}, {sslCipher, s.Cipher}, {sslSigAlg, s.SigAlg}, {sslKeyAlg, s.KeyAlg}} {
		if part.text == "" {
			continue
		}
		if len(b)+3+len(part.text) > 0xffff {
			return TLV{}, wrong(2, "SSL", "longer than a length can say")
		}
		b = appendTLV(b, part.t, part.text)
	}
	return TLV{Type: TypeSSL, Value: b}, nil
}

func parseSSL(b []byte) (SSL, error) {
	if len(b) < 5 {
		return SSL{}, fmt.Errorf("%d bytes, and the least is 5", len(b))
	}
	parts, err := parseTLVs(b[5:])
	if err != nil {
		return SSL{}, err
	}
	return SSL{
		Client: SSLClient(b[0]), Verify: binary.BigEndian.Uint32(b[1:]),
		Version: text(parts, sslVersion), CommonName: text(parts, sslCN), Cipher: text(parts, sslCipher),
		SigAlg: text(parts, sslSigAlg), KeyAlg: text(parts, sslKeyAlg),
	}, nil
}

var errTLV = errors.New("one is longer than what is left of the header")

// sound reports whether b is TLVs and nothing else.
func sound(b []byte) bool {
	_, err := countTLVs(b)
	return err == nil
}

// countTLVs is how many TLVs are in b.
func countTLVs(b []byte) (n int, err error) {
	for ; len(b) > 0; n++ {
		if len(b) < 3 {
			return 0, errTLV
		}
		next := 3 + int(binary.BigEndian.Uint16(b[1:]))
		if next > len(b) {
			return 0, errTLV
		}
		b = b[next:]
	}
	return n, nil
}

// parseTLVs reads b, which is TLVs and nothing else, and keeps nothing of it.
func parseTLVs(b []byte) ([]TLV, error) {
	n, err := countTLVs(b)
	if n == 0 {
		return nil, err
	}
	b = append([]byte(nil), b...)
	tlvs := make([]TLV, n)
	for i := range tlvs {
		next := 3 + int(binary.BigEndian.Uint16(b[1:]))
		tlvs[i] = TLV{Type: Type(b[0]), Value: b[3:next:next]}
		b = b[next:]
	}
	return tlvs, nil
}

// appendTLV appends a TLV whose value is not too long.
func appendTLV[V string | []byte](dst []byte, t Type, value V) []byte {
	dst = binary.BigEndian.AppendUint16(append(dst, byte(t)), uint16(len(value)))
	return append(dst, value...)
}
