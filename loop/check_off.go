//go:build !race && !pikedebug

package loop

// owner is empty outside race and debug builds: nothing is checked.
type owner struct{}

func (*owner) enter() {}
func (*owner) leave() {}

// Check panics, in race builds and under the build tag pikedebug, if the loop
// is running on another goroutine than the caller's; method names the call. It
// is for packages that make handles.
func (l *Loop) Check(method string) {}
