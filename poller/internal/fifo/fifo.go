// Package fifo has a queue for what is put off.
package fifo

import "slices"

// A Queue is a queue that keeps its memory. Pop comes before what is popped is told: so a
// handler that panics out of Poll does not make it come again, and the others stay queued.
type Queue[T any] struct {
	items []T
	head  int
}

func (b *Queue[T]) Len() int { return len(b.items) - b.head }

func (b *Queue[T]) Push(v T) {
	if b.head > 0 && len(b.items) == cap(b.items) {
		n := copy(b.items, b.items[b.head:])
		clear(b.items[n:])
		b.items, b.head = b.items[:n], 0
	}
	b.items = append(b.items, v)
}

func (b *Queue[T]) Pop() T {
	var none T
	v := b.items[b.head]
	b.items[b.head] = none
	if b.head++; b.head == len(b.items) {
		b.items, b.head = b.items[:0], 0
	}
	return v
}

// Remove takes out what match reports true for.
func (b *Queue[T]) Remove(match func(T) bool) {
	left := slices.DeleteFunc(b.items[b.head:], match)
	if b.items = b.items[:b.head+len(left)]; len(left) == 0 {
		b.items, b.head = b.items[:0], 0
	}
}
