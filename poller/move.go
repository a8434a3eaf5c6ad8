package poller

// A Detacher is a stream that can leave its Poller, to go on with another of the same kind. So one
// loop accepts for many, and a connection goes to a loop that has less to do.
type Detacher interface {
	Stream

	// Detach takes the stream from its Poller, and everything with it: the descriptor, what the
	// system has received, the ends of both sides, what was not told yet, and a Send in flight,
	// whose Sent comes from the Poller that has the stream next. The stream is stopped. Nothing is
	// told until [Attacher.Attach]. Until then only Close and Reset may be called, which
	// give the descriptor back at once and tell nobody: who has detached it is the only owner. It
	// may be handed to another goroutine, also after the Poller was closed.
	//
	// An error leaves everything as it was. It is net.ErrClosed after Close,
	// EBUSY while the stream is dialed, or sends files (FilePasser), and errors.ErrUnsupported where
	// the system cannot take the stream from a Poller any more: Windows can only before it was used.
	//
	// It must not be called inside an upcall of the stream itself. In Accepted it may: the handler
	// that Accepted returns then is not used.
	Detach() error
}

// An Attacher is a Poller that takes streams which have left another.
type Attacher interface {
	// Attach makes s, which was detached, a stream of this Poller, and h its owner; a nil h leaves
	// it the one it has. s is the same object as before. It is stopped. Connected is not told, also if s has left
	// its Poller before its owner was: it is connected. What was to be told before is told by the next Polls.
	//
	// An error leaves s detached: it may be given to another Poller, or to the one that it came
	// from. It is errors.ErrUnsupported if s is of another kind of Poller.
	Attach(s Stream, h StreamHandler) error
}

// A Mover is a stream of a [Layer] that can go to another Poller, with the stream below it. Who moves
// a stack calls Leave of each, the topmost first, then Detach of what is at the [Bottom]; and then on the
// other goroutine Attach of that, with a nil handler, and Enter of each, the lowest first.
type Mover interface {
	Layered

	// Leave has the stream let go of its Env. It calls nobody, and the stream is stopped: from here on nothing
	// of it is in the Env's hands. What was given to Defer is taken back; see [Withdrawer]. An
	// error leaves everything as it was: net.ErrClosed after Close, EBUSY while it gets ready.
	Leave() error

	// Enter goes on with env, which is the same one as before if the move has come to nothing. The stream below
	// is attached, or has entered. It calls nobody: what the stream has to do then, it does by env.Defer.
	Enter(env Env)
}

// A Withdrawer is an Env that gives back what Defer was given. Of one that is none, a stream with
// something put off cannot leave: EBUSY.
type Withdrawer interface {
	// Withdraw has f not flushed, and reports whether it would have been.
	Withdraw(f Flusher) bool
}

// Withdraw has env not flush f, which it was to flush, and reports whether it can do so.
func Withdraw(env Env, f Flusher) bool {
	w, ok := env.(Withdrawer)
	return ok && w.Withdraw(f)
}

// CanMove reports whether s, and every stream below it, can go to another Poller: each layer is a Mover, and
// what is below them a Detacher.
func CanMove(s Stream) bool {
	for {
		l, layered := s.(Layered)
		if !layered {
			_, ok := s.(Detacher)
			return ok
		}
		if _, ok := l.(Mover); !ok {
			return false
		}
		s = l.Below()
	}
}
