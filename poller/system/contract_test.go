package system_test

import (
	"testing"

	"example.com/pike/poller"
	"example.com/pike/poller/pollertest"
	"example.com/pike/poller/system"
)

// variants are backends in a state that the system may force on them.
var variants = map[string]func() (poller.Poller, error){}

// TestContract runs the contract on every backend that this system has.
func TestContract(t *testing.T) {
	for _, name := range system.Backends() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pollertest.RunExcept(t, func(t testing.TB) poller.Poller { return opened(t)(system.Open(name)) }, pollertest.BrokenBelow())
		})
	}
	for name, open := range variants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pollertest.Run(t, func(t testing.TB) poller.Poller { return opened(t)(open()) })
		})
	}
}

// opened checks what opening has returned.
func opened(t testing.TB) func(poller.Poller, error) poller.Poller {
	return func(p poller.Poller, err error) poller.Poller {
		t.Helper()
		if err != nil {
			t.Fatal("opening: ", err)
		}
		return p
	}
}

// each runs a test on every backend; the poller is closed at its end.
func each(t *testing.T, test func(t *testing.T, p poller.Poller)) {
	for _, name := range system.Backends() {
		t.Run(name, func(t *testing.T) {
			p := opened(t)(system.Open(name))
			t.Cleanup(func() { p.Close() })
			test(t, p)
		})
	}
}
