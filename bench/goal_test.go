package main

import (
	"slices"
	"testing"
)

// outcome is a peer and pike, a figure that should be small and one that should be large.
func outcome() Outcome {
	o := Outcome{
		Name: "work", About: "some work",
		Metrics: []Metric{{Name: "CPU", Unit: "µs", Ratio: true}, {Name: "rate", Unit: "msg/s", Ratio: true, Rate: true}},
		Results: []Result{
			{Peer: "uv", Samples: []Sample{{"CPU": 2, "rate": 100}, {"CPU": 2, "rate": 100}, {"CPU": 4, "rate": 50}}},
			{Peer: subject, Samples: []Sample{{"CPU": 1, "rate": 120}, {"CPU": 1, "rate": 120}, {"CPU": 4, "rate": 60}}},
			{Peer: "absent", LeftOut: "not installed"},
		},
		goals: []Goal{
			{Metric: "CPU", Peer: "uv", Limit: 0.5}, {Metric: "CPU", Peer: "uv", Limit: 0.4},
			{Metric: "rate", Peer: "uv", Limit: 1.2}, {Metric: "rate", Peer: "uv", Limit: 1.3},
			{Metric: "CPU", Peer: "absent", Limit: 1}, {Metric: "CPU", Limit: 1}, {Metric: "CPU", Limit: 3, Own: "uv"},
			{Metric: "CPU", Limit: 1, Own: "uv"},
		},
	}
	o.summarize()
	return o
}

func TestVerdicts(t *testing.T) {
	o := outcome()
	var met []bool
	for _, v := range o.Verdicts {
		met = append(met, v.Met)
		if v.AtLeast != (v.Metric == "rate") || (v.Paired == 0) != (v.Peer == "") {
			t.Errorf("%+v", v)
		}
	}
	if want := []bool{true, false, true, false, true, true, false}; !slices.Equal(met, want) {
		t.Errorf("%v, want %v: a goal is met at its limit, a rate above it, and one of an absent peer is left out", met, want)
	}
}
