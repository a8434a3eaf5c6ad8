package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
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

func TestMarkdownKeepsWhatPeopleWrote(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	text := "# Speed\n\nby hand\n\n" + markdownBegin + "\nold\n" + markdownEnd + "\n\n## Limits\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	r := Report{Workloads: []Outcome{outcome()}}
	for range 2 { // the second finds what the first wrote
		if err := r.writeMarkdown(file); err != nil {
			t.Fatal(err)
		}
	}
	p, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := string(p)
	for _, want := range []string{
		"# Speed\n\nby hand\n\n", "\n\n## Limits\n", "### work", "| **pike** | 1.00 |", "**not met**", "left out: absent",
	} {
		if strings.Count(got, want) == 0 {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "old") || strings.Count(got, markdownBegin) != 1 || strings.Count(got, "### work") != 1 {
		t.Errorf("not replaced:\n%s", got)
	}
	if err := os.WriteFile(file, []byte("# Speed\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.writeMarkdown(file); err == nil || !strings.Contains(err.Error(), markdownBegin) {
		t.Errorf("a file without a place for it: %v", err)
	}
}

func TestPlotsOfAllThatWasMeasured(t *testing.T) {
	dir := t.TempDir()
	r := Report{Workloads: []Outcome{outcome()}}
	if err := r.writePlots(dir); err != nil {
		t.Fatal(err)
	}
	p, err := os.ReadFile(filepath.Join(dir, "work.svg"))
	if err != nil || !strings.Contains(string(p), "<svg") || !strings.Contains(string(p), "pike") || strings.Contains(string(p), "absent") {
		t.Errorf("%v: %.200s", err, p)
	}
}

func TestUneven(t *testing.T) {
	for said, want := range map[string]float64{
		"loop 0: tcp: 60 connections, 9 bytes\nloop 1: tcp: 40 connections, 9 bytes\ntcp: 100 connections, 18 bytes": 20,
		"tcp: 100 connections, 18 bytes": 0,
	} {
		if got, err := uneven(said); err != nil || !near(got, want) {
			t.Errorf("%q: %v, %v", said, got, err)
		}
	}
	if _, err := uneven("killed"); err == nil {
		t.Error("silence was taken for evenness")
	}
}
