package sim_test

import (
	"fmt"
	"testing"

	"example.com/pike/poller"
	"example.com/pike/poller/pollertest"
	"example.com/pike/poller/sim"
)

func TestContract(t *testing.T) {
	pollertest.Run(t, func(t testing.TB) poller.Poller {
		return sim.New(0, sim.Config{}).Host("host")
	})
}

// TestContractUnderFaults holds the contract where sends are short and late and
// reads are split, in small buffers, as often as not. Faults that the suite rules
// out, such as descriptors that run out, are left to other tests. PIKE_SEEDS says in
// which worlds.
func TestContractUnderFaults(t *testing.T) {
	n := 20
	if testing.Short() || raceBuild {
		n = 2
	}
	first, n := sim.Seeds(t, n)
	faults := sim.Heavy().Without(sim.TooManyOpen, sim.Pause, sim.DropUnread)
	for i := range uint64(n) {
		seed := first + i
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("replay: PIKE_SEEDS=%d:1 go test -run TestContractUnderFaults ./poller/sim", seed)
				}
			})
			pollertest.Run(t, func(t testing.TB) poller.Poller {
				return sim.New(seed, sim.Config{Faults: faults}).Host("host")
			})
		})
	}
}
