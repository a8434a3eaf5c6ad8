package main

import (
	"math"
	"strings"
	"testing"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		values  []float64
		q, want float64
	}{
		{[]float64{7}, 0.5, 7},
		{[]float64{9, 1, 5}, 0.5, 5},
		{[]float64{4, 1, 2, 3}, 0.5, 2.5},
		{[]float64{5, 4, 3, 2, 1}, 0.25, 2},
		{[]float64{1, 2}, 1, 2},
	} {
		if got := quantile(c.values, c.q); !near(got, c.want) {
			t.Errorf("quantile(%v, %v) = %v, want %v", c.values, c.q, got, c.want)
		}
	}
}

// TestSummarize has the floor's second round fail, and the machine half as fast in its third.
func TestSummarize(t *testing.T) {
	o := Outcome{Metrics: []Metric{{Name: "CPU", Unit: "µs", Ratio: true}}, Results: []Result{
		{Peer: "floor", Samples: []Sample{{"CPU": 1}, nil, {"CPU": 2}}},
		{Peer: "pike", Samples: []Sample{{"CPU": 1.1}, {"CPU": 1.1}, {"CPU": 2.2}}},
		{Peer: "absent", LeftOut: "not installed"},
	}}
	o.summarize()
	pike := o.Results[1]
	if !near(pike.Median["CPU"], 1.1) || !near(pike.Ratio["CPU"], 1.1/1.5) || !near(pike.Paired["CPU"], 1.1) {
		t.Errorf("%+v", pike)
	}
	if o.Results[2].measured() {
		t.Errorf("%+v", o.Results[2])
	}
	var out strings.Builder
	printOutcome(&out, o)
	for _, want := range []string{"pike, CPU: 0.73 of floor", "left out: absent: not installed"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}
