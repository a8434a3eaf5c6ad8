package load

import (
	"math"
	"testing"
	"time"
)

func TestBucketAndMiddleAgree(t *testing.T) {
	last := -1
	for v := uint64(0); v < 1<<40; v += 1 + v/200 {
		i := bucket(v)
		if i != last && i != last+1 {
			t.Fatalf("bucket(%d) = %d after %d", v, i, last)
		}
		last = i
		if m := middle(i); math.Abs(float64(m)-float64(v)) > float64(v)/64 {
			t.Fatalf("middle(bucket(%d)) = %d", v, m)
		}
	}
	if i, n := bucket(math.MaxInt64), len(Histogram{}.counts); i >= n {
		t.Fatalf("bucket of the longest duration is %d of %d", i, n)
	}
}

func TestQuantile(t *testing.T) {
	var h Histogram
	if got := h.Quantile(0.5); got != 0 {
		t.Fatalf("of nothing: %v", got)
	}
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Microsecond)
	}
	for q, want := range map[float64]float64{0: 1, 0.5: 501, 0.99: 991, 0.999: 1000} {
		got := h.Quantile(q).Seconds() * 1e6
		if math.Abs(got-want) > want/64 {
			t.Errorf("quantile %v: %v µs, want %v", q, got, want)
		}
	}
}
