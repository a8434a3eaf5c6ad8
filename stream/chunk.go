package stream

import (
	"math/bits"
	"time"

	"example.com/pike/loop"
)

// What a loop keeps for what its connections will queue next. In quiet times it keeps as much as
// the first two say. With the lists of buffers of the outputs that is about half a MiB.
const (
	spareRest  = 32        // outputs
	chunksRest = 256 << 10 // bytes of chunks
	spareMost  = 1024      // outputs, while they are used, so that a message to so many at once allocates nothing
	chunksMost = 2 << 20   // bytes of chunks, while they are used

	// quiet is how long what is kept may stay unused. What is more than the first two goes
	// back to the heap then.
	quiet = time.Second

	slotsKept = 128 // buffers that a spare output has room for at most
)

// A chunk is memory for one or several buffers of a queue. Between those in the queue there may
// be the caller's own.
type chunk struct {
	buf   []byte // all of it; nil if it is unpooled
	used  int
	users int  // buffers of the queue that lie here
	class int8 // of its size, or unpooled
}

// The sizes of chunks are powers of two, so that none is more than twice as large as what it is
// taken for.
const (
	leastShift = 10
	mostShift  = 21 // for unread input; queues take none larger than mostChunk
	classes    = mostShift - leastShift + 1
	unpooled   = -1

	leastChunk = 1 << leastShift
	mostChunk  = 1 << 16
	mostPooled = 1 << mostShift
)

// ownSmall stands for output.small.
var ownSmall chunk

// chunks are those that the connections of a loop do not use now.
type chunks struct {
	free  [classes][]*chunk
	least [classes]int // how few there were since the last look
	bytes int
}

// take finds a chunk of at least n bytes.
func (s *chunks) take(n int) *chunk {
	if n > mostPooled {
		return &chunk{buf: make([]byte, ceil(n)), class: unpooled}
	}
	class := classOf(n)
	free := s.free[class]
	last := len(free) - 1
	if last < 0 {
		return &chunk{buf: make([]byte, leastChunk<<class), class: int8(class)}
	}
	k := free[last]
	free[last] = nil
	s.free[class] = free[:last]
	s.least[class] = min(s.least[class], last)
	s.bytes -= len(k.buf)
	return k
}

// classOf is the smallest class of n bytes.
func classOf(n int) int { return bits.Len(uint(max(n, leastChunk)-1)) - leastShift }

func (s *chunks) put(k *chunk) {
	if k.class == unpooled || s.bytes+len(k.buf) > chunksMost {
		return
	}
	k.used = 0
	s.free[k.class] = append(s.free[k.class], k)
	s.bytes += len(k.buf)
}

// shrink drops what was not used since the last time. chunksRest stays in any case.
func (s *chunks) shrink() {
	for class := classes - 1; class >= 0; class-- {
		free, size := s.free[class], leastChunk<<class
		for n := s.least[class]; n > 0 && s.bytes > chunksRest; n-- {
			free[len(free)-1] = nil
			free = free[:len(free)-1]
			s.bytes -= size
		}
		s.free[class], s.least[class] = fit(free), len(free)
	}
}

// fit gives back the memory of a list that is much shorter than it was.
func fit[T any](list []T) []T {
	if cap(list) <= 64 || cap(list) <= 4*len(list) {
		return list
	}
	return append(make([]T, 0, 2*len(list)), list...)
}

// keepLess has memory given back after a quiet time, if there is more than stays in any case. It
// keeps no loop alive, and wakes an idle loop two or three times.
func (s *shared) keepLess() {
	lists := len(s.spare) > spareRest || len(s.inputs) > spareRest || cap(s.busy) > max(spareMost, 4*len(s.busy))
	if (lists || s.chunks.bytes > chunksRest) && !s.look.Armed() {
		s.look.Init(s)
		s.lp.Maker().SetTimeout(&s.look, s.lp.Maker().Poller().Now().Add(quiet))
	}
}

// Expired gives back what the connections have not used since the last time.
func (s *shared) Expired(*loop.Timeout) {
	n := max(len(s.spare)-s.leastSpare, min(len(s.spare), spareRest))
	clear(s.spare[n:])
	s.spare = fit(s.spare[:n])
	s.leastSpare = n
	s.chunks.shrink()
	clear(s.inputs[min(len(s.inputs), spareRest):])
	s.inputs = fit(s.inputs[:min(len(s.inputs), spareRest)])
	s.busy, s.waiting = fit(s.busy), fit(s.waiting)
	s.keepLess()
}
