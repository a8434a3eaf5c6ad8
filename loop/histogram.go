package loop

import (
	"math/bits"
	"time"
)

// The buckets of a Histogram: four to each power of two nanoseconds, from 1 µs on. So a bucket ends
// at most a quarter above where it begins.
const (
	stepBits   = 2 // of the steps of a power of two
	firstPower = 10
	lastPower  = 34 // 2^34 ns and a little are 17 s; what is longer is in the last bucket

	// HistogramBuckets is how many there are.
	HistogramBuckets = (lastPower-firstPower)<<stepBits + 1
)

// A Histogram counts durations by their size, in nanoseconds. It only grows: what has come since an
// earlier reading is the difference of the two, by Since. So several who read it do not disturb each
// other. The zero value is empty.
type Histogram struct {
	Count   uint64
	Sum     time.Duration
	Max     time.Duration
	Buckets [HistogramBuckets]uint64 // see BucketEnd
}

// BucketEnd is the end of a bucket: what is in it is shorter. That of the last one has no end, and
// is the longest Duration.
func BucketEnd(i int) time.Duration {
	if i >= HistogramBuckets-1 {
		return 1<<63 - 1
	}
	power, step := firstPower+i>>stepBits, i&(1<<stepBits-1)
	return time.Duration(1<<stepBits+step) << (power - stepBits)
}

// bucketOf is the bucket that d is in. What is shorter than 2^firstPower is in the first.
func bucketOf(d time.Duration) int {
	if d < 1<<firstPower {
		return 0
	}
	power := bits.Len64(uint64(d)) - 1
	step := int(d>>(power-stepBits)) & (1<<stepBits - 1)
	return min((power-firstPower)<<stepBits+step+1, HistogramBuckets-1)
}

func (h *Histogram) add(d time.Duration) {
	d = max(d, 0)
	h.Count++
	h.Sum += d
	h.Max = max(h.Max, d)
	h.Buckets[bucketOf(d)]++
}

// Quantile is the duration that the part q of all does not exceed: 0.5 is the median, 0.99 what one of a
// hundred exceeds. It is the end of a bucket, and so up to a quarter too long, but no longer than Max. Of an
// empty Histogram it is 0.
func (h Histogram) Quantile(q float64) time.Duration {
	if h.Count == 0 {
		return 0
	}
	below := uint64(q * float64(h.Count))
	if float64(below) < q*float64(h.Count) {
		below++
	}
	below = min(max(below, 1), h.Count)
	for i, n := range h.Buckets {
		if n >= below {
			return min(BucketEnd(i), h.Max)
		}
		below -= n
	}
	return h.Max
}

// Since is what has come after an earlier reading. Its Max is exact if nothing before was as long.
// Else it is the end of the last bucket that anything has come into.
func (h Histogram) Since(before *Histogram) Histogram {
	h.Count -= before.Count
	h.Sum -= before.Sum
	longest := time.Duration(0)
	for i, n := range before.Buckets {
		if h.Buckets[i] -= n; h.Buckets[i] > 0 {
			longest = BucketEnd(i)
		}
	}
	if h.Max == before.Max {
		h.Max = min(h.Max, longest)
	}
	return h
}

// Add is what is in either of the two.
func (h Histogram) Add(o *Histogram) Histogram {
	h.Count += o.Count
	h.Sum += o.Sum
	h.Max = max(h.Max, o.Max)
	for i, n := range o.Buckets {
		h.Buckets[i] += n
	}
	return h
}
