package protection

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
)

const (
	ivLen     = 12
	maxSecret = 48
)

// A half protects one direction. The secret is kept for the next key only.
type half struct {
	aead   cipher.AEAD
	seq    uint64 // of the next record
	left   uint32 // records that the key may still seal
	size   uint8  // of the secret, which tells the suite
	iv     [ivLen]byte
	secret [maxSecret]byte
}

// set makes key and iv of secret (RFC 8446, 7.3). It fails where the program may not use
// AES-GCM.
func (h *half) set(secret []byte) error {
	h.size = uint8(copy(h.secret[:], secret))
	keyLen := 16
	if h.size == maxSecret {
		keyLen = 32
	}
	key, err := h.expand("key", keyLen)
	if err != nil {
		return err
	}
	defer clear(key)
	iv, err := h.expand("iv", ivLen)
	if err != nil {
		return err
	}
	defer clear(iv)
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	if h.aead, err = cipher.NewGCM(block); err != nil {
		return err
	}
	copy(h.iv[:], iv)
	h.seq, h.left = 0, keyMost
	return nil
}

// update has the next key follow (7.2). The old secret is overwritten, so nobody who learns
// the new one can read what was sent before.
func (h *half) update() {
	next, err := h.expand("traffic upd", int(h.size))
	if err == nil {
		err = h.set(next)
		clear(next)
	}
	if err != nil {
		panic("protection: a key that could be made once cannot be made again: " + err.Error())
	}
}

// expand is HKDF-Expand-Label without a context (7.1).
func (h *half) expand(label string, n int) ([]byte, error) {
	const prefix = "tls13 "
	info := binary.BigEndian.AppendUint16(make([]byte, 0, 32), uint16(n))
	info = append(info, byte(len(prefix)+len(label)))
	info = append(info, prefix...)
	info = append(info, label...)
	info = append(info, 0)
	var sum func() hash.Hash = sha256.New
	if h.size == maxSecret {
		sum = sha512.New384
	}
	return hkdf.Expand(sum, h.secret[:h.size], string(info), n)
}

// mask makes iv the nonce of the present record, and the nonce iv again (5.3). A nonce of its
// own would have to be on the heap, as it goes through an interface.
func (h *half) mask() {
	n := h.iv[ivLen-8:]
	binary.BigEndian.PutUint64(n, binary.BigEndian.Uint64(n)^h.seq)
}

// open opens rec in place, padding and type included. Where it fails rec is spoiled.
func (h *half) open(rec []byte) ([]byte, error) {
	body := rec[HeaderLen:]
	h.mask()
	inner, err := h.aead.Open(body[:0], h.iv[:], body, rec[:HeaderLen])
	h.mask()
	if err != nil {
		return nil, err
	}
	h.seq++
	return inner, nil
}

// seal seals what is in rec behind its header, in place, and appends the tag. The header is
// written here.
func (h *half) seal(rec []byte) []byte {
	n := len(rec) - HeaderLen + tagLen
	rec[0], rec[1], rec[2], rec[3], rec[4] = dataType, wireVersion>>8, wireVersion&0xff, byte(n>>8), byte(n)
	h.mask()
	rec = h.aead.Seal(rec[:HeaderLen], h.iv[:], rec[HeaderLen:], rec[:HeaderLen])
	h.mask()
	h.seq++
	if h.left > 0 {
		h.left--
	}
	return rec
}

func (h *half) wipe() {
	h.aead = nil
	clear(h.secret[:])
	clear(h.iv[:])
}
