package frame

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
)

// Bytes are what a frame can be made of.
type Bytes interface{ ~string | ~[]byte }

// AppendLine appends line and \n to dst. A line that has a \n in it, or that ends in \r, would be read as
// another: os.ErrInvalid.
func AppendLine[T Bytes](dst []byte, line T) ([]byte, error) { return appendLine(dst, line, "\n") }

// AppendCRLF is AppendLine with \r\n, for protocols that want that, as those of the mail and the web.
func AppendCRLF[T Bytes](dst []byte, line T) ([]byte, error) { return appendLine(dst, line, "\r\n") }

func appendLine[T Bytes](dst []byte, line T, end string) ([]byte, error) {
	made := append(dst, line...)
	added := made[len(dst):]
	if bytes.IndexByte(added, '\n') >= 0 || bytes.HasSuffix(added, []byte{'\r'}) {
		return dst, fmt.Errorf("frame: a line with an end in it: %w", os.ErrInvalid)
	}
	return append(made, end...), nil
}

// AppendDelimited appends p and d to dst. If d comes earlier than that, p would be read as
// another: os.ErrInvalid, as it is without d.
func AppendDelimited[T Bytes](dst []byte, d string, p T) ([]byte, error) {
	made := append(append(dst, p...), d...)
	if d == "" || bytes.Index(made[len(dst):], []byte(d)) != len(p) {
		return dst, fmt.Errorf("frame: a frame with its delimiter %q in it: %w", d, os.ErrInvalid)
	}
	return made, nil
}

// AppendLength appends p to dst, and its length before it. A p that is too long for l is [ErrLength], and an l that
// makes no sense os.ErrInvalid.
func AppendLength[T Bytes](dst []byte, l Length, p T) ([]byte, error) {
	made, err := AppendPrefix(dst, l, len(p))
	if err != nil {
		return dst, err
	}
	return append(made, p...), nil
}

// AppendPrefix appends the length alone of a frame of n bytes, which are to follow. Errors are those of AppendLength.
func AppendPrefix(dst []byte, l Length, n int) ([]byte, error) {
	most := l.most()
	if most == 0 || n < 0 {
		return dst, fmt.Errorf("frame: length of %d bytes, for %d: %w", l.Size, n, os.ErrInvalid)
	}
	v := uint64(n)
	switch {
	case l.Inclusive && l.Size == 0:
		for k := uint64(1); ; k++ { // it needs k bytes for its own k bytes and the others
			if (v+k)>>(7*k) == 0 {
				v += k
				break
			}
		}
	case l.Inclusive:
		v += uint64(l.Size)
	}
	if v > most {
		return dst, fmt.Errorf("frame: %d bytes: %w", n, ErrLength)
	}
	switch l.Size {
	case 0:
		return binary.AppendUvarint(dst, v), nil
	case 1:
		return append(dst, byte(v)), nil
	}
	made := append(dst, make([]byte, l.Size)...) // no array of ours, which would escape to the heap
	switch p := made[len(dst):]; l.Size {
	case 2:
		l.order().PutUint16(p, uint16(v))
	case 4:
		l.order().PutUint32(p, uint32(v))
	default:
		l.order().PutUint64(p, v)
	}
	return made, nil
}
