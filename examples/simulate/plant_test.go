package main

import (
	"strings"
	"testing"

	"example.com/pike/poller/sim"
)

// TestPlants holds that each bug is found, and that it is the bug: the seed that finds it is sound without.
func TestPlants(t *testing.T) {
	cfg, sound := heavy(t)
	for _, bug := range plants {
		t.Run(bug.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(worldsMost) {
				_, err := sim.Once(seed, cfg, func(w *sim.World) error { return play(w, bug, new(tally)) })
				if err == nil {
					continue
				}
				t.Logf("seed %d: %v", seed, err)
				if strings.HasPrefix(err.Error(), "panic") {
					t.Error("it was not found but fell over")
				}
				if _, err := sim.Once(seed, cfg, sound); err != nil {
					t.Errorf("without the bug: %v", err)
				}
				return
			}
			t.Errorf("not found in %d worlds", worldsMost)
		})
	}
}
