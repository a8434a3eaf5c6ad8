// Package layertest holds a layer to the contract of package poller: it has the contract's
// suite, pollertest, run over streams of the layer, on every backend that the system has and on
// the simulated network. It is for whoever writes a layer:
//
//	func TestContract(t *testing.T) { layertest.Run(t, myLayer{}, myLayer{}) }
package layertest

import (
	"fmt"
	"testing"

	"example.com/pike/poller"
	"example.com/pike/poller/pollertest"
	"example.com/pike/poller/sim"
	"example.com/pike/poller/system"
)

// Run has the suite run as sub-tests of t, with the layer accepted on streams that come in and
// dialed on those that are dialed: over each backend of the system, over the simulated network, and
// over that with faults, in one world or those that PIKE_SEEDS says. With -short it is the first of those.
func Run(t *testing.T, accepted, dialed poller.Layer) {
	t.Helper()
	RunExcept(t, accepted, dialed, nil)
}

// RunExcept is Run without the tests in except, by name, for the reasons given there. What a
// layer may leave out is what streams need not have: where it is no poller.Acker or
// poller.Releaser, say, the suite skips by itself.
func RunExcept(t *testing.T, accepted, dialed poller.Layer, except map[string]string) {
	t.Helper()
	suite := func(name string, except map[string]string, open func(t testing.TB) poller.Poller) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pollertest.RunStreams(t, func(t testing.TB) poller.Poller { return Over(open(t), accepted, dialed) }, except)
			t.Run("Wrap", func(t *testing.T) { wraps(t, open, accepted, dialed) })
		})
	}
	for _, name := range system.Backends() {
		suite(name, merged(except, pollertest.BrokenBelow()), func(t testing.TB) poller.Poller {
			p, err := system.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			return p
		})
	}
	suite("sim", except, func(testing.TB) poller.Poller { return sim.New(0, sim.Config{}).Host("host") })
	first, n := sim.Seeds(t, 1)
	if testing.Short() {
		n = 1
	}
	for i := range uint64(n) {
		suite(fmt.Sprint("sim with faults, seed ", first+i), except, func(testing.TB) poller.Poller {
			faults := sim.Heavy().Without(sim.TooManyOpen, sim.Pause, sim.DropUnread) // which the suite rules out
			return sim.New(first+i, sim.Config{Faults: faults}).Host("host")
		})
	}
}

func merged(all ...map[string]string) map[string]string {
	m := map[string]string{}
	for _, one := range all {
		for name, why := range one {
			m[name] = why
		}
	}
	return m
}
