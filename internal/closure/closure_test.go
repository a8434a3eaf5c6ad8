package closure_test

import (
	"testing"

	"example.com/pike/internal/closure"
)

type named struct{ n int }

func (n *named) add() { n.n++ }

func TestOf(t *testing.T) {
	counter := func() func() int { n := 0; return func() int { n++; return n } }
	a, b := counter(), counter()
	copied := a
	var none func() int
	if closure.Of(a) != closure.Of(copied) {
		t.Error("a copy is another function")
	}
	if closure.Of(a) == closure.Of(b) {
		t.Error("two closures of the same code are one")
	}
	if closure.Of(none) != nil || closure.Of(a) == nil {
		t.Error("nil is not nil")
	}
	x, y := &named{}, &named{}
	if closure.Of(x.add) == closure.Of(y.add) {
		t.Error("the methods of two values are one")
	}
}

func TestOfAllocatesNothing(t *testing.T) {
	f := func() {}
	if n := testing.AllocsPerRun(100, func() { closure.Of(f) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
