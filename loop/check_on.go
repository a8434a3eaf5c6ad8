//go:build race || pikedebug

package loop

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
)

// owner is the goroutine that runs the loop, or 0.
type owner struct{ id atomic.Uint64 }

func (o *owner) enter() { o.id.Store(goroutineID()) }
func (o *owner) leave() { o.id.Store(0) }

// checkCaller is Maker.Check.
func (l *Loop) checkCaller(method string) error {
	if l == nil { // which the method answers
		return nil
	}
	if id := l.owner.id.Load(); id != 0 && id != goroutineID() {
		panic(fmt.Sprintf("pike: %s called off the loop's goroutine; use Loop.Post", method))
	}
	return nil
}

// goroutineID reads the number off the first line of a stack, "goroutine 7 [":
// the runtime shows it nowhere else. It costs a microsecond, so only debug
// builds do it.
func goroutineID() uint64 {
	var buf [64]byte
	line := bytes.TrimPrefix(buf[:runtime.Stack(buf[:], false)], []byte("goroutine "))
	id, err := strconv.ParseUint(string(line[:bytes.IndexByte(line, ' ')]), 10, 64)
	if err != nil {
		panic("pike: no goroutine id in " + string(line))
	}
	return id
}
