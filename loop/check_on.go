//go:build race || pikedebug

package loop

import (
	"fmt"
	"sync/atomic"
)

// owner is the goroutine that runs the loop, or 0.
type owner struct{ id atomic.Uint64 }

func (o *owner) enter() { o.id.Store(idOfGoroutine(new([64]byte))) }
func (o *owner) leave() { o.id.Store(0) }

// become makes the caller the owner until the answer is called.
func (o *owner) become() (undo func()) {
	was := o.id.Swap(idOfGoroutine(new([64]byte)))
	return func() { o.id.Store(was) }
}

// checkCaller is Maker.Check.
func (l *Loop) checkCaller(method string) error {
	if l == nil { // which the method answers
		return nil
	}
	if id := l.owner.id.Load(); id != 0 && id != idOfGoroutine(new([64]byte)) {
		panic(fmt.Sprintf("pike: %s called off the loop's goroutine; use Loop.Post", method))
	}
	return nil
}
