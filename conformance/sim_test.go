package conformance

import (
	"fmt"
	"testing"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

// The simulated network: once with nothing but its own order of things, and in a
// few worlds that are as bad as worlds get, where reads are split, sends short and
// Closed late. What a line does not expect, such as descriptors that run out, is
// left out.
func init() {
	world := func(name string, seed uint64, cfg sim.Config) {
		simBackends = append(simBackends, backend{name: name, sim: true, open: func(testing.TB) poller.Poller {
			return sim.New(seed, cfg).Host("host")
		}})
	}
	world("sim", 0, sim.Config{})
	bad := sim.Config{Faults: sim.Heavy().Without(sim.TooManyOpen, sim.Pause, sim.DropUnread)}
	for seed := range uint64(3) {
		world(fmt.Sprint("sim with faults ", seed+1), seed+1, bad)
	}
}
