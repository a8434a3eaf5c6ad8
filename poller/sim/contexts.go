package sim

import (
	"context"
	"slices"
)

// A watchedContext is a context whose end a program wants to be told.
type watchedContext struct {
	ctx context.Context
	f   func()
}

// AfterFunc has f called when ctx has ended, after the turn in which it ended; see
// poller.Gate. context.AfterFunc would not do. It begins a goroutine, and the seed does not
// decide whether that is faster than the loop.
func (h *Host) AfterFunc(ctx context.Context, f func()) (stop func() bool) {
	c, w := &watchedContext{ctx, f}, h.w
	w.contexts = append(w.contexts, c)
	return func() bool { return w.forget(c) }
}

// forget reports whether c was still watched.
func (w *World) forget(c *watchedContext) bool {
	i := slices.Index(w.contexts, c)
	if i >= 0 {
		w.contexts = slices.Delete(w.contexts, i, i+1)
	}
	return i >= 0
}

// tellEnded calls for the contexts that have ended, in the order in which they were
// given.
func (w *World) tellEnded() {
	for i := 0; i < len(w.contexts); i++ {
		if c := w.contexts[i]; c.ctx.Err() != nil {
			w.forget(c)
			c.f() // which may have others forgotten
			i = -1
		}
	}
}
