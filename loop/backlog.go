package loop

// A backlog is work that is put off, and done in rounds: what comes up in a round
// waits for the next. A callback's panic leaves the rest of its round for later.
type backlog[T any] struct {
	next, round []T
	at          int // in round
}

func (b *backlog[T]) add(v T) { b.next = append(b.next, v) }

func (b *backlog[T]) any() bool { return len(b.next) > 0 || b.at < len(b.round) }

// begin begins a round, unless one is to be ended first, and reports whether there
// is anything in it.
func (b *backlog[T]) begin() bool {
	if b.at == len(b.round) {
		b.next, b.round, b.at = b.round[:0], b.next, 0
	}
	return b.at < len(b.round)
}

// take takes the next of the round.
func (b *backlog[T]) take() (v T, ok bool) {
	if b.at == len(b.round) {
		return v, false
	}
	v, b.round[b.at] = b.round[b.at], v
	b.at++
	return v, true
}

// rest is what take has not taken yet.
func (b *backlog[T]) rest() []T { return b.round[b.at:] }

// large reports whether the backlog has grown more than it is used.
func (b *backlog[T]) large() bool { return loose(b.next, 0) || loose(b.round, b.at) }

// trim gives back what it has grown. What is kept of a round that goes on, begins with
// what was not taken.
func (b *backlog[T]) trim() {
	b.next = fit(b.next, 0)
	if loose(b.round, b.at) {
		b.round, b.at = fit(b.round, b.at), 0
	}
}
