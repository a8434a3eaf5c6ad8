//go:build !race && !pikedebug

package loop

// owner is empty outside race and debug builds. There the loop knows whether it waits, but
// not which goroutine runs it.
type owner struct{}

func (*owner) enter() {}
func (*owner) leave() {}

// become makes the caller the owner until the answer is called.
func (*owner) become() (undo func()) { return func() {} }

// checkCaller is Maker.Check.
func (l *Loop) checkCaller(method string) error {
	if l == nil || !l.waits() { // nil is for the method to answer
		return nil
	}
	return &misuse{method, ErrOffLoop}
}
