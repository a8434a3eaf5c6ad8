package protection

import (
	"crypto/tls"
	"slices"
)

// Seal appends a record with data to dst, and returns that. data has MaxPlaintext bytes at
// most, and is not of dst's memory. A KeyUpdate comes before the record where one is due: dst
// wants room for UpdateLen + Overhead + len(data), or is made larger.
func (r *Records) Seal(dst, data []byte) []byte {
	if len(data) > MaxPlaintext {
		panic("protection: too much data for a record")
	}
	if r.owed || r.out.left == 0 {
		r.owed = false
		dst = r.append(dst, handshakeType, []byte{updateMsg, 0, 0, 1, 0})
		r.out.update()
	}
	n := len(dst)
	dst = r.append(dst, dataType, data)
	r.sizes.sealed(len(dst) - n)
	return dst
}

// SealAlert appends a record with an alert to dst, and returns that.
func (r *Records) SealAlert(dst []byte, a tls.AlertError) []byte {
	const warning, fatal = 1, 2
	level := byte(fatal)
	if a == CloseNotify {
		level = warning
	}
	return r.append(dst, alertType, []byte{level, byte(a)})
}

func (r *Records) append(dst []byte, kind byte, data []byte) []byte {
	at := len(dst)
	dst = slices.Grow(dst, Overhead+len(data))[:at+HeaderLen]
	dst = append(dst, data...)
	dst = append(dst, kind)
	return dst[:at+len(r.out.seal(dst[at:]))] // there is room, so seal has stayed in place
}

// Most is how much data the next record is to have at most. It begins with what fits into a
// TCP segment, so that the peer can read the beginning of an answer early, and grows; where
// the Config has DynamicRecordSizingDisabled it is MaxPlaintext always.
func (r *Records) Most() int { return r.sizes.most() }

// sizes are those of records, as tls.Conn has them (maxPayloadSizeForWrite).
type sizes struct {
	records uint32 // that were sealed
	bytes   uint32 // of them; fullSize or more is all the same
}

const (
	segment  = 1208 // of TCP with IPv6's least MTU and timestamps
	fullSize = 128 << 10
)

func (s *sizes) most() int {
	if s.bytes >= fullSize {
		return MaxPlaintext
	}
	return min((segment-Overhead)*int(s.records+1), MaxPlaintext)
}

func (s *sizes) sealed(n int) {
	if s.bytes < fullSize {
		s.bytes += uint32(n)
		s.records++
	}
}
