package load

import (
	"math/bits"
	"time"
)

// A Histogram counts durations in buckets of equal relative width. Each power of two is cut into 64, so that a
// quantile is within 1/64 of the truth at any size. To count is one increment.
type Histogram struct {
	counts [(64 - subBits) << subBits]int64
	total  int64
}

const subBits = 6

func (h *Histogram) add(d time.Duration) {
	h.counts[bucket(uint64(max(d, 0)))]++
	h.total++
}

// bucket is the value itself up to 128; above that, the exponent and the first bits after the leading one.
func bucket(v uint64) int {
	shift := max(bits.Len64(v)-subBits-1, 0)
	return shift<<subBits + int(v>>shift)
}

// middle is the inverse of bucket: the middle of the values that it maps to i.
func middle(i int) uint64 {
	if i < 2<<subBits {
		return uint64(i)
	}
	shift := i>>subBits - 1
	low := uint64(i-shift<<subBits) << shift
	return low + 1<<shift/2
}

// Quantile returns the duration that a share q of all counted durations does not exceed.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := int64(q * float64(h.total))
	for i, n := range h.counts {
		if rank -= n; rank < 0 {
			return time.Duration(middle(i))
		}
	}
	return 0
}
