package main

import (
	"testing"
)

func TestEveryWorkloadCanBeChosen(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range workloads() {
		if seen[w.Name] {
			t.Errorf("two workloads are named %s", w.Name)
		}
		seen[w.Name] = true
		chosen, err := choose(workloads(), settings{only: w.Name, peers: "pike"})
		if err != nil || len(chosen) == 0 || chosen[0].Name != w.Name || chosen[0].Peers[0].Name != w.Peers[0].Name {
			t.Errorf("%s: %v, %v", w.Name, chosen, err)
		}
	}
	if _, err := choose(workloads(), settings{only: "no-such-work"}); err == nil {
		t.Error("an unknown name was accepted")
	}
}
