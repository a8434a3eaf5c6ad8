package poller

// A backlog is a queue whose memory stays. What is told of is taken out first, so
// that a handler that panics out of Poll loses the others nothing.
type backlog[T any] struct {
	items []T
	head  int
}

func (b *backlog[T]) len() int { return len(b.items) - b.head }

func (b *backlog[T]) push(v T) {
	if b.head > 0 && len(b.items) == cap(b.items) {
		n := copy(b.items, b.items[b.head:])
		clear(b.items[n:])
		b.items, b.head = b.items[:n], 0
	}
	b.items = append(b.items, v)
}

func (b *backlog[T]) pop() T {
	var none T
	v := b.items[b.head]
	b.items[b.head] = none
	if b.head++; b.head == len(b.items) {
		b.items, b.head = b.items[:0], 0
	}
	return v
}
