// Package fifo has a queue for what is put off.
package fifo

// A Queue is a queue whose memory stays. What is told of is taken out first, so
// that a handler that panics out of Poll loses the others nothing.
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
