package readiness

import (
	"strings"
	"testing"
)

// Time is read off a reading of the monotonic clock, which nobody can set: Since
// subtracts monotonic readings where both have one (package time).
func TestClockIsMonotonic(t *testing.T) {
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	q := &p.(*readiness).queue
	if !strings.Contains(q.base.String(), " m=") {
		t.Errorf("%v is of the wall clock alone", q.base)
	}
}
