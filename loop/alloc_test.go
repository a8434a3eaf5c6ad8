//go:build !race && !pikedebug

package loop_test

import "testing"

// Race and debug builds look up goroutines, which allocates.
func TestPostAllocations(t *testing.T) {
	lp, _ := newFake(t)
	n, fn := 0, func() {}
	perClosure := testing.AllocsPerRun(1000, func() {
		by := n + 1
		lp.Post(func() { n = by })
		lp.RunNoWait()
	})
	if perClosure > 1 {
		t.Errorf("%v allocations for each Post of a closure, want at most 1", perClosure)
	}
	perPost := testing.AllocsPerRun(1000, func() {
		lp.Post(fn)
		lp.RunNoWait()
	})
	equal(t, "allocations of Post itself", perPost, 0)
}
