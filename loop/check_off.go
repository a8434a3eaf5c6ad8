//go:build !race && !pikedebug

package loop

// owner is empty outside race and debug builds: who runs the loop is not known, only
// whether it waits.
type owner struct{}

func (*owner) enter() {}
func (*owner) leave() {}

// Check returns ErrOffLoop, with the name of the method that was called, if the loop
// waits for events, as the caller's goroutine is not the loop's then. In race builds
// and under the build tag pikedebug it panics, whatever the loop does, if that runs on
// another goroutine. It is for packages that make handles, at the beginning of every
// method: one that is told so does nothing, and returns the error if it returns any.
func (l *Loop) checkCaller(method string) error {
	if l == nil || !l.waits() { // nil is for the method to answer
		return nil
	}
	return &misuse{method, ErrOffLoop}
}
