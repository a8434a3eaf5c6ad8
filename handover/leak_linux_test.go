package handover_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"example.com/pike/handover"
)

func descriptors(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// However a start ends, it leaves no descriptor. What waits for a child that is let go of closes its own a little
// later.
func TestNoDescriptorIsLeft(t *testing.T) {
	r := newRig(t)
	attempt := func() {
		for _, as := range []string{"crash", "deaf", "serve"} {
			n, _ := r.outcome(as, 0)
			n.Signal(os.Kill)
		}
		o := handover.Options{Listeners: r.lns}
		if _, err := handover.Start(r.lp, exec.Command("/no/such/program"), o, func(*handover.Next, error) {}); err == nil {
			t.Error("there is such a program")
		}
		r.handles()
	}
	attempt() // and the runtime has what it keeps
	before := descriptors(t)
	for range 3 {
		attempt()
	}
	for end := time.Now().Add(patience); descriptors(t) > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d descriptors, and %d before", descriptors(t), before)
		}
	}
}
