package loop_test

import (
	"testing"
	"time"

	"example.com/pike/loop"
)

// Every duration is in the bucket that begins where the one before ends, and none is wider than a quarter
// of where it begins.
func TestHistogramBuckets(t *testing.T) {
	for i := range loop.HistogramBuckets - 1 {
		begin, end := time.Duration(0), loop.BucketEnd(i)
		if i > 0 {
			begin = loop.BucketEnd(i - 1)
			if wide := end - begin; wide <= 0 || wide > begin/4 {
				t.Errorf("bucket %d is from %d to %d", i, begin, end)
			}
		}
		for _, d := range []time.Duration{begin, (begin + end) / 2, end - 1} {
			h := loop.HistogramOf(d)
			equal(t, "the bucket of "+d.String(), h.Buckets[i], 1)
		}
	}
	h := loop.HistogramOf(time.Hour)
	equal(t, "in the last bucket", h.Buckets[loop.HistogramBuckets-1], 1)
	equal(t, "the end of the last", loop.BucketEnd(loop.HistogramBuckets-1), 1<<63-1)
	equal(t, "less than nothing is nothing", loop.HistogramOf(-time.Second), loop.HistogramOf(0))
}

func TestHistogramQuantiles(t *testing.T) {
	var all []time.Duration
	for i := range 1000 {
		all = append(all, time.Duration(i+1)*time.Millisecond)
	}
	h := loop.HistogramOf(all...)
	for q, want := range map[float64]time.Duration{
		0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 0: time.Millisecond, 1: time.Second,
	} {
		if got := h.Quantile(q); got < want || got > want+want/4 {
			t.Errorf("the quantile %v is %v, want %v or a quarter more", q, got, want)
		}
	}
	equal(t, "count", h.Count, 1000)
	equal(t, "the longest", h.Max, time.Second)
	equal(t, "sum", h.Sum, 500500*time.Millisecond)
	equal(t, "of nothing", loop.Histogram{}.Quantile(0.5), 0)
	equal(t, "no quantile exceeds the longest", loop.HistogramOf(1_100_000).Quantile(1), 1_100_000)
}

// Two readings tell what was between them, and those of several loops add up.
func TestHistogramSinceAndAdd(t *testing.T) {
	before := loop.HistogramOf(time.Second, 30*time.Millisecond)
	after := loop.HistogramOf(time.Second, 30*time.Millisecond, 2*time.Millisecond)
	since := after.Since(&before)
	equal(t, "count", since.Count, 1)
	equal(t, "sum", since.Sum, 2*time.Millisecond)
	if m := since.Max; m < 2*time.Millisecond || m > 2500*time.Microsecond {
		t.Errorf("the longest since then is %v, want 2ms or a quarter more", m)
	}
	longer := loop.HistogramOf(time.Second, 30*time.Millisecond, 2*time.Second)
	equal(t, "one that is longer than all before is exact", longer.Since(&before).Max, 2*time.Second)
	equal(t, "nothing since then", after.Since(&after), loop.Histogram{})
	other := loop.HistogramOf(2 * time.Millisecond)
	equal(t, "the sum of two", before.Add(&other), after)
}
