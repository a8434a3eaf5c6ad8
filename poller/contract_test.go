package poller_test

import (
	"testing"

	"example.com/pike/poller"
	"example.com/pike/poller/pollertest"
)

// TestContract runs the contract on every backend that this system has.
func TestContract(t *testing.T) {
	for _, name := range poller.Backends() {
		t.Run(name, func(t *testing.T) {
			pollertest.Run(t, func(t testing.TB) poller.Poller { return open(t, name) })
		})
	}
}

// open opens a backend, or skips the test where the system refuses it.
func open(t testing.TB, name string) poller.Poller {
	t.Helper()
	p, err := poller.Open(name)
	if err != nil {
		t.Fatalf("Open(%q): %v", name, err)
	}
	return p
}
