package pollertest

import (
	"bytes"
	"math/rand/v2"
	"sync"
)

// A pattern is an endless stream of bytes in which a byte shows that is lost, doubled or of
// another stream. Each pattern is the same noise from a different place on.
type pattern uint64

// noisePeriod is a prime number, because a shift by a common size is then no multiple of it.
const (
	noisePeriod = 65521
	noiseChunk  = 64 << 10
)

// noise is one period and a chunk more, so that a chunk from any place is one
// slice.
var noise = sync.OnceValue(func() []byte {
	b := make([]byte, noisePeriod+noiseChunk)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		if i < noisePeriod {
			b[i] = byte(rng.Uint32())
		} else {
			b[i] = b[i-noisePeriod]
		}
	}
	return b
})

func (s pattern) chunk(off int64) []byte {
	return noise()[(uint64(s)*0x9E3779B97F4A7C15%noisePeriod+uint64(off))%noisePeriod:][:noiseChunk]
}

// fill writes what the stream has from off on.
func (s pattern) fill(b []byte, off int64) {
	for len(b) > 0 {
		n := copy(b, s.chunk(off))
		b, off = b[n:], off+int64(n)
	}
}

// differs returns where b first differs from the stream from off on, or -1.
func (s pattern) differs(b []byte, off int64) int {
	for at := 0; at < len(b); {
		n := min(len(b)-at, noiseChunk)
		want, got := s.chunk(off + int64(at))[:n], b[at:at+n]
		if !bytes.Equal(want, got) {
			for i := range got {
				if got[i] != want[i] {
					return at + i
				}
			}
		}
		at += n
	}
	return -1
}

// bytes makes a slice of the stream.
func (s pattern) bytes(n int, off int64) []byte {
	b := make([]byte, n)
	s.fill(b, off)
	return b
}

// scribble makes b useless. A backend that still sends from it sends what no pattern has.
func scribble(b []byte) {
	for i := range b {
		b[i] = 0xDB
	}
}
