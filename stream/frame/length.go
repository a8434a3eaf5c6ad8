package frame

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
)

// ErrLength is the error of a frame whose length cannot be: more than fits in an int, or less than the length
// itself takes, where that counts.
var ErrLength = errors.New("invalid length")

// A Length is a [Splitter] of frames that begin with how long they are. The token is what follows the length, and may
// be empty. Input that ends within a frame is io.ErrUnexpectedEOF, and a Size that is none of those below
// os.ErrInvalid.
type Length struct {
	// Size is how many bytes the length has: 1, 2, 4 or 8. 0 is a uvarint of encoding/binary, which has up to
	// 10, as in protocol buffers.
	Size int

	// Order is that of those bytes; nil is big-endian, the network's.
	Order binary.ByteOrder

	// Inclusive says that the length counts its own bytes too.
	Inclusive bool
}

// Split is a bufio.SplitFunc, for a bufio.Scanner as well.
func (l Length) Split(data []byte, atEOF bool) (advance int, token []byte, err error) {
	head, all, err := l.parse(data)
	switch {
	case err != nil:
		return 0, nil, err
	case head > 0 && all <= len(data):
		return all, data[head:all:all], nil
	case atEOF && len(data) > 0:
		return 0, nil, io.ErrUnexpectedEOF
	}
	return 0, nil, nil
}

// Need is the size of the frame, its length included, and 0 as long as that is not there.
func (l Length) Need(data []byte) int {
	_, all, err := l.parse(data)
	if err != nil {
		return 0
	}
	return all
}

// parse finds how many bytes the length has, and the frame with it; 0 is unknown.
func (l Length) parse(data []byte) (head, all int, err error) {
	n := uint64(0)
	if head = l.Size; head == 0 {
		if n, head = binary.Uvarint(data); head < 0 || head == 0 && len(data) >= binary.MaxVarintLen64 {
			return 0, 0, ErrLength
		}
	} else if n, err = l.fixed(data); err != nil {
		return 0, 0, err
	}
	switch {
	case head == 0 || len(data) < head:
		return 0, 0, nil
	case l.Inclusive && n < uint64(head):
		return 0, 0, ErrLength
	case !l.Inclusive && n > uint64(math.MaxInt-head), n > math.MaxInt:
		return 0, 0, ErrLength
	case !l.Inclusive:
		n += uint64(head)
	}
	return head, int(n), nil
}

// fixed is a length of Size bytes, if they are there.
func (l Length) fixed(data []byte) (uint64, error) {
	switch {
	case l.most() == 0:
		return 0, os.ErrInvalid
	case len(data) < l.Size:
		return 0, nil
	}
	switch l.Size {
	case 1:
		return uint64(data[0]), nil
	case 2:
		return uint64(l.order().Uint16(data)), nil
	case 4:
		return uint64(l.order().Uint32(data)), nil
	}
	return l.order().Uint64(data), nil
}

func (l Length) order() binary.ByteOrder {
	if l.Order == nil {
		return binary.BigEndian
	}
	return l.Order
}

// most is the largest length that can be written, or 0 if there is no such Size.
func (l Length) most() uint64 {
	switch l.Size {
	case 0, 8:
		return math.MaxUint64
	case 1, 2, 4:
		return 1<<(8*l.Size) - 1
	}
	return 0
}
