//go:build !kqfake

package readiness

import (
	"testing"

	"example.com/pike/poller/internal/sys"
)

// TestPaceOfLooks: after a look that found nothing waits go without, until they have been
// many or two events have come at once.
func TestPaceOfLooks(t *testing.T) {
	var p pace
	without := func() (n int) {
		for !p.looks(false) {
			if n++; n > unaskedMost {
				t.Fatal("there is no look any more")
			}
			p.brought(1)
		}
		return n
	}
	if n := without(); n != 0 {
		t.Errorf("%d waits without a look at first, want none", n)
	}
	p.idle()
	if n := without(); n != unaskedMost {
		t.Errorf("%d waits without a look, want %d", n, unaskedMost)
	}
	p.idle()
	if !p.looks(true) {
		t.Error("no look where there must be one")
	}
	p.brought(2)
	if n := without(); n != 0 {
		t.Errorf("%d waits without a look after two events at once, want none", n)
	}
}

// TestPaceOfBulk: after bulk the scheduler is told of that many receives, and of waits meanwhile.
func TestPaceOfBulk(t *testing.T) {
	var p pace
	if p.received(sys.RawMost); p.bulky() || p.tells() {
		t.Error("what a raw call may move is taken for bulk")
	}
	p.received(sys.RawMost + 1)
	for i := range toldMost {
		if !p.bulky() || !p.tells() {
			t.Fatalf("receive %d after bulk is raw", i)
		}
		p.received(1)
	}
	if p.bulky() || p.tells() {
		t.Error("bulk is not forgotten")
	}
}
