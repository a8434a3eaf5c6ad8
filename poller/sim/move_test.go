package sim_test

import (
	"fmt"
	"testing"

	"example.com/pike/poller"
	"example.com/pike/poller/pollertest"
	"example.com/pike/poller/sim"
)

// TestMoves has streams go between two processes of a machine.
func TestMoves(t *testing.T) {
	pollertest.RunMoves(t, moveIn(0, sim.Config{}), nil)
}

func moveIn(seed uint64, cfg sim.Config) func(testing.TB) (from, to poller.Poller) {
	return func(testing.TB) (from, to poller.Poller) {
		h := sim.New(seed, cfg).Host("host")
		return h, h.Process("other")
	}
}

func TestMovesUnderFaults(t *testing.T) {
	n := 40
	if testing.Short() || raceBuild {
		n = 4
	}
	first, n := sim.Seeds(t, n)
	faults := sim.Heavy().Without(sim.TooManyOpen, sim.Pause, sim.DropUnread)
	for i := range uint64(n) {
		seed := first + i
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			pollertest.RunMoves(t, moveIn(seed, sim.Config{Faults: faults}), nil)
		})
	}
}
