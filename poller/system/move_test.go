package system_test

import (
	"testing"

	"example.com/pike/poller"
	"example.com/pike/poller/pollertest"
	"example.com/pike/poller/system"
)

// TestMoves has streams go between two pollers of every backend.
func TestMoves(t *testing.T) {
	for _, name := range system.Backends() {
		t.Run(name, func(t *testing.T) {
			pollertest.RunMoves(t, func(t testing.TB) (from, to poller.Poller) {
				return opened(t)(system.Open(name)), opened(t)(system.Open(name))
			}, nil)
		})
	}
}
