package loop

// rounds are work that is put off and then done round by round: what comes up in a round
// waits for the next. A callback that panics leaves the rest of its round for later.
type rounds[T any] struct {
	next, round []T
	at          int // in round
}

func (r *rounds[T]) add(v T) { r.next = append(r.next, v) }

func (r *rounds[T]) any() bool { return len(r.next) > 0 || r.at < len(r.round) }

// begin begins a round if the one before is over, and reports whether there is anything
// left in the round.
func (r *rounds[T]) begin() bool {
	if r.at == len(r.round) {
		r.next, r.round, r.at = r.round[:0], r.next, 0
	}
	return r.at < len(r.round)
}

// take takes the next of the round.
func (r *rounds[T]) take() (v T, ok bool) {
	if r.at == len(r.round) {
		return v, false
	}
	v, r.round[r.at] = r.round[r.at], v
	r.at++
	return v, true
}

// rest is what take has not taken yet.
func (r *rounds[T]) rest() []T { return r.round[r.at:] }

// large reports whether the memory is much more than what is in it.
func (r *rounds[T]) large() bool { return loose(r.next, 0) || loose(r.round, r.at) }

// trim gives back memory. Of a round that is under way it keeps what was not taken yet.
func (r *rounds[T]) trim() {
	r.next = fit(r.next, 0)
	if loose(r.round, r.at) {
		r.round, r.at = fit(r.round, r.at), 0
	}
}
