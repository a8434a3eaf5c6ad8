package loop

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	looksPerSlow = 4                      // that the watchdog takes in the time a callback may run
	leastPeriod  = 500 * time.Microsecond // between two, so that a small Slow does not keep a processor busy
	dumpMost     = 64 << 20               // bytes of all stacks
)

// A watchdog looks now and then whether the callback that runs is the one that ran before. The loop
// only counts: beat is odd while a callback runs. Nothing looks while nothing happens.
type watchdog struct {
	l      *Loop
	slow   time.Duration
	period time.Duration
	tell   func(kind string, took time.Duration, stack []byte)

	beat    atomic.Uint64
	kind    atomic.Pointer[string] // of what calls back
	parked  atomic.Bool            // nobody looks
	told    atomic.Uint64          // callbacks
	slowest atomic.Int64           // of those

	// The loop's own.
	beats uint64 // what beat is
	depth int    // of callbacks in callbacks
	last  reflect.Type
	kinds map[reflect.Type]*string

	// Under mu.
	mu     sync.Mutex
	timer  *time.Timer
	closed bool
	seen   uint64        // beat at the last look
	since  time.Time     // when that was seen first
	next   time.Duration // that it has to take to be reported
}

// posted is the kind of what has no handle.
var posted = "post"

func newWatchdog(l *Loop, slow time.Duration, tell func(string, time.Duration, []byte)) *watchdog {
	w := &watchdog{l: l, slow: slow, period: max(slow/looksPerSlow, leastPeriod), tell: tell, kinds: map[reflect.Type]*string{nil: &posted}}
	if tell == nil {
		w.tell = w.log
	}
	w.kind.Store(&posted)
	w.parked.Store(true)
	return w
}

// begin is before a callback of h, and end after it.
func (w *watchdog) begin(h Handle) {
	if w.depth++; w.depth > 1 {
		return
	}
	if of := reflect.TypeOf(h); of != w.last {
		w.of(of)
	}
	w.beats++
	w.beat.Store(w.beats)
	if w.parked.Load() {
		w.wake()
	}
}

func (w *watchdog) end() {
	if w.depth--; w.depth == 0 {
		w.beats++
		w.beat.Store(w.beats)
	}
}

func (w *watchdog) of(t reflect.Type) {
	k := w.kinds[t]
	if k == nil {
		k = new(string)
		*k = strings.TrimPrefix(t.String(), "*")
		w.kinds[t] = k
	}
	w.last = t
	w.kind.Store(k)
}

// wake has somebody look again.
func (w *watchdog) wake() {
	if !w.parked.CompareAndSwap(true, false) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
	case w.timer == nil:
		w.timer = time.AfterFunc(w.period, w.look)
	default:
		w.timer.Reset(w.period)
	}
}

func (w *watchdog) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

// look is now and then.
func (w *watchdog) look() {
	if s, due := w.sees(w.beat.Load(), time.Now()); due { // the time last: beat is no younger than it
		stack := stackOf(w.l.runner.Load())
		if w.beat.Load() != s.beat {
			stack = nil
		}
		w.tell(s.kind, s.took, stack)
	}
	w.goOn()
}

// A sighting is a callback that runs long.
type sighting struct {
	beat uint64
	kind string
	took time.Duration
}

// sees reports whether the callback that runs is to be reported.
func (w *watchdog) sees(beat uint64, now time.Time) (s sighting, due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s = sighting{beat, *w.kind.Load(), now.Sub(w.since)}
	switch {
	case s.beat != w.seen:
		w.seen, w.since, w.next = s.beat, now, w.slow
		return s, false
	case s.beat%2 == 0, s.took < w.next, w.beat.Load() != s.beat: // kind may be of the next one then
		return s, false
	}
	if w.next == w.slow {
		w.told.Add(1)
	}
	w.next = 2 * s.took
	w.slowest.Store(max(w.slowest.Load(), int64(s.took)))
	return s, true
}

// goOn looks again later, unless nothing has happened since the last look.
func (w *watchdog) goOn() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	if w.seen%2 == 0 && w.beat.Load() == w.seen && w.idle() {
		return
	}
	w.timer.Reset(w.period)
}

// idle has the next callback wake the watchdog. One that has begun meanwhile does not know.
func (w *watchdog) idle() bool {
	w.parked.Store(true)
	return w.beat.Load() == w.seen || !w.parked.CompareAndSwap(true, false)
}

// log is for a loop without OnSlow.
func (w *watchdog) log(kind string, took time.Duration, stack []byte) {
	w.l.log.Warn("a callback runs long", "kind", kind, "took", took, "stack", string(stack))
}

// idOfGoroutine is the number of the goroutine that calls. The runtime shows it only on the first line of a
// stack, "goroutine 7 [". buf is for that line.
func idOfGoroutine(buf *[64]byte) uint64 {
	text := bytes.TrimPrefix(buf[:runtime.Stack(buf[:], false)], []byte("goroutine "))
	id, err := strconv.ParseUint(string(text[:max(0, bytes.IndexByte(text, ' '))]), 10, 64)
	if err != nil {
		panic("pike: no goroutine id in " + string(text))
	}
	return id
}

// stackOf is the stack of another goroutine. The runtime tells those of all, or one's own alone.
func stackOf(id uint64) []byte {
	begin := fmt.Appendf(nil, "goroutine %d [", id)
	for size := 1 << 20; size <= dumpMost; size *= 4 {
		all := make([]byte, size)
		n := runtime.Stack(all, true)
		for text := range bytes.SplitSeq(all[:n], []byte("\n\n")) {
			if bytes.HasPrefix(text, begin) {
				return bytes.Clone(text)
			}
		}
		if n < size {
			break
		}
	}
	return nil
}
