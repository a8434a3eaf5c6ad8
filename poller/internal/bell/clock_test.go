package bell

import (
	"strings"
	"testing"
)

// TestClockIsMonotonic: who sets the wall clock must not move it. Time.Since
// subtracts monotonic readings where both have one (package time).
func TestClockIsMonotonic(t *testing.T) {
	var b Bell
	b.StartClock()
	if !strings.Contains(b.base.String(), " m=") {
		t.Errorf("%v is of the wall clock alone", b.base)
	}
}
