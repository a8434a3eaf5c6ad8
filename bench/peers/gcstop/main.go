// Gcstop measures how long the garbage collector waits for a saturated echo loop to stop, while another goroutine
// allocates as fast as it can. It does so with raw system calls, which the scheduler knows nothing of, with calls that tell
// the scheduler (syscall.Syscall), and on pike. Both ends of every connection are on the one loop, so it never waits.
package main

import (
	"fmt"
	"math"
	"os"
	"runtime/metrics"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/bench/peers/work"
)

const conns = 64

// echoed counts messages that came back.
var echoed atomic.Int64

func main() {
	size, window := 0, time.Duration(0)
	if len(os.Args) == 4 {
		size, _ = strconv.Atoi(os.Args[2])
		ms, _ := strconv.Atoi(os.Args[3])
		window = time.Duration(ms) * time.Millisecond
	}
	if size < 1 || window <= 0 {
		fmt.Fprintln(os.Stderr, "usage: gcstop raw|syscall|pike BYTES MILLISECONDS")
		os.Exit(2)
	}
	go func() {
		var err error
		switch os.Args[1] {
		case "raw":
			err = echoBare(unix.RawSyscall6, size)
		case "syscall":
			err = echoBare(unix.Syscall6, size)
		default:
			err = echoPike(size)
		}
		work.Fail(fmt.Errorf("the echo ended: %w", err))
	}()
	go allocate()
	time.Sleep(window / 4)
	measure(window)
}

// allocate keeps a ring of small objects that point at others, so that there is something to mark.
func allocate() {
	type node struct {
		next *node
		_    [120]byte
	}
	var ring [1 << 14]*node
	for i := 0; ; i++ {
		ring[i%len(ring)] = &node{next: new(node)}
	}
}

const (
	stopping = "/sched/pauses/stopping/gc:seconds"
	total    = "/sched/pauses/total/gc:seconds"
)

func measure(window time.Duration) {
	before, n, begin := read(), echoed.Load(), time.Now()
	time.Sleep(window)
	after, wall := read(), time.Since(begin).Seconds()
	stops, pauses := minus(after[0], before[0]), minus(after[1], before[1])
	work.Report(map[string]float64{
		"p50":         1e6 * quantile(stops, 0.5),
		"p99":         1e6 * quantile(stops, 0.99),
		"p99.9":       1e6 * quantile(stops, 0.999),
		"pause p99.9": 1e6 * quantile(pauses, 0.999),
		"stops":       count(stops) / wall,
		"rate":        float64(echoed.Load()-n) / wall,
	})
}

func read() [2]*metrics.Float64Histogram {
	samples := []metrics.Sample{{Name: stopping}, {Name: total}}
	metrics.Read(samples)
	return [2]*metrics.Float64Histogram{samples[0].Value.Float64Histogram(), samples[1].Value.Float64Histogram()}
}

func minus(a, b *metrics.Float64Histogram) *metrics.Float64Histogram {
	for i := range a.Counts {
		a.Counts[i] -= b.Counts[i]
	}
	return a
}

func count(h *metrics.Float64Histogram) (n float64) {
	for _, c := range h.Counts {
		n += float64(c)
	}
	return n
}

// quantile is the upper end of the bucket that the quantile is in; buckets are a quarter of a power of two.
func quantile(h *metrics.Float64Histogram, q float64) float64 {
	rank := q * count(h)
	for i, c := range h.Counts {
		if rank -= float64(c); rank < 0 && !math.IsInf(h.Buckets[i+1], 1) {
			return h.Buckets[i+1]
		}
	}
	return 0
}
