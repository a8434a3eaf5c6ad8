package netconn

import "sync"

// chunkSize is what a chunk has room for; all of it is 8 KiB.
const chunkSize = 8<<10 - 24

// A chunk is a piece of memory that is somebody's only while something is in it.
type chunk struct {
	next     *chunk
	from, to int
	data     [chunkSize]byte
}

var chunks = sync.Pool{New: func() any { return new(chunk) }}

func newChunk() *chunk {
	k := chunks.Get().(*chunk)
	k.next, k.from, k.to = nil, 0, 0
	return k
}

func (k *chunk) free() {
	if k != nil {
		chunks.Put(k)
	}
}

// room is how much can be written. A chunk that is not there yet has all of it.
func (k *chunk) room() int {
	if k == nil {
		return chunkSize
	}
	return chunkSize - k.to
}

// write takes what there is room for of p.
func (k *chunk) write(p []byte) int {
	n := copy(k.data[k.to:], p)
	k.to += n
	return n
}

// A queue is bytes in the order in which they came.
type queue struct {
	first, last *chunk
	len         int
}

func (q *queue) write(p []byte) {
	q.len += len(p)
	for len(p) > 0 {
		switch {
		case q.last == nil:
			q.first = newChunk()
			q.last = q.first
		case q.last.room() == 0:
			q.last.next = newChunk()
			q.last = q.last.next
		}
		p = p[q.last.write(p):]
	}
}

func (q *queue) read(p []byte) (n int) {
	for n < len(p) && q.len > 0 {
		k := q.first
		got := copy(p[n:], k.data[k.from:k.to])
		n, q.len, k.from = n+got, q.len-got, k.from+got
		if k.from == k.to {
			q.shift()
		}
	}
	return n
}

// shift gives the first chunk back.
func (q *queue) shift() {
	k := q.first
	if q.first = k.next; q.first == nil {
		q.last = nil
	}
	k.free()
}

// free gives back all there is.
func (q *queue) free() {
	for q.first != nil {
		q.shift()
	}
	q.len = 0
}
