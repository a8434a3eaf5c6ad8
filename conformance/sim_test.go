package conformance

import (
	"fmt"
	"testing"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

// simFaults are all that a line has to put up with. What lines do not expect, such
// as descriptors that run out, is left out.
var simFaults = sim.Heavy().Without(sim.TooManyOpen, sim.Pause, sim.DropUnread)

// simBackends are the simulated network: once with nothing but its own order of
// things, and in a few worlds that are as bad as worlds get, where reads are split,
// sends short and Closed late. PIKE_SEEDS says in which.
func simBackends(t *testing.T) []backend {
	world := func(name string, seed uint64, cfg sim.Config) backend {
		return backend{name: name, sim: true, open: func(testing.TB) poller.Poller {
			return sim.New(seed, cfg).Host("host")
		}}
	}
	bs := []backend{world("sim", 0, sim.Config{})}
	first, n := sim.Seeds(t, 3)
	for i := range uint64(n) {
		b := world(fmt.Sprint("sim with faults ", first+i), first+i, sim.Config{Faults: simFaults})
		b.replay = fmt.Sprintf("PIKE_SEEDS=%d:1", first+i)
		bs = append(bs, b)
	}
	return bs
}
