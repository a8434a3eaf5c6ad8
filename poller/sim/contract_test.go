package sim_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"example.com/pike/poller"
	"example.com/pike/poller/pollertest"
	"example.com/pike/poller/sim"
)

// contractSeeds is how many worlds the contract is held in, besides one without
// faults; PIKE_CONTRACT_SEEDS says otherwise.
func contractSeeds(t *testing.T) uint64 {
	text := os.Getenv("PIKE_CONTRACT_SEEDS")
	switch {
	case text != "":
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		return n
	case testing.Short() || raceBuild:
		return 2
	}
	return 20
}

func TestContract(t *testing.T) {
	pollertest.Run(t, func(t testing.TB) poller.Poller {
		return sim.New(0, sim.Config{}).Host("host")
	})
}

// TestContractUnderFaults holds the contract where sends are short and late and
// reads are split, in small buffers, as often as not. Faults that the suite rules
// out, such as descriptors that run out, are left to other tests.
func TestContractUnderFaults(t *testing.T) {
	faults := sim.Heavy().Without(sim.TooManyOpen, sim.Pause, sim.DropUnread)
	for seed := range contractSeeds(t) {
		t.Run(fmt.Sprint("seed ", seed+1), func(t *testing.T) {
			t.Parallel()
			pollertest.Run(t, func(t testing.TB) poller.Poller {
				return sim.New(seed+1, sim.Config{Faults: faults}).Host("host")
			})
		})
	}
}
