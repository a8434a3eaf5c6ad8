package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
)

// A Report is all of one run, as -json writes it.
type Report struct {
	Machine   Machine
	Quick     bool
	Rounds    int
	Workloads []Outcome
}

// An Outcome is what a workload gave; ratios are to the first result.
type Outcome struct {
	Name     string
	About    string
	Metrics  []Metric
	Results  []Result
	Verdicts []Verdict `json:",omitempty"`
	doubt    func(Sample) string
	goals    []Goal
}

// A Result is one peer's samples and what they come to.
type Result struct {
	Peer     string
	LeftOut  string             `json:",omitempty"` // why it was not measured
	Failures []string           `json:",omitempty"` // of single rounds
	Doubt    string             `json:",omitempty"` // why the medians are not this peer's doing
	Median   Sample             `json:",omitempty"`
	Ratio    map[string]float64 `json:",omitempty"` // of medians
	Paired   map[string]float64 `json:",omitempty"` // the median of the ratios within a round
	Spread   map[string]float64 `json:",omitempty"` // between the quartiles, to the median
	Samples  []Sample           `json:",omitempty"` // by round, null where it failed
}

func (o *Outcome) summarize() {
	for i := range o.Results {
		r := &o.Results[i]
		r.Median, r.Ratio, r.Paired, r.Spread = Sample{}, map[string]float64{}, map[string]float64{}, map[string]float64{}
		for _, m := range o.Metrics {
			o.summarizeMetric(r, m)
		}
		if o.doubt != nil && r.measured() {
			r.Doubt = o.doubt(r.Median)
		}
	}
	o.judge(o.goals)
}

func (r *Result) measured() bool { return len(r.Median) > 0 }

func (o *Outcome) summarizeMetric(r *Result, m Metric) {
	base := o.Results[0]
	var values []float64
	for _, s := range r.Samples {
		if s != nil {
			values = append(values, s[m.Name])
		}
	}
	if len(values) == 0 {
		return
	}
	mid := quantile(values, 0.5)
	r.Median[m.Name] = mid
	if !m.Ratio || mid == 0 {
		return
	}
	r.Spread[m.Name] = (quantile(values, 0.75) - quantile(values, 0.25)) / mid
	if b := base.Median[m.Name]; b != 0 {
		r.Ratio[m.Name] = mid / b
	}
	if ratios := paired(r, &base, m.Name); len(ratios) > 0 {
		r.Paired[m.Name] = quantile(ratios, 0.5)
	}
}

// quantile sorts the values, and interpolates between the two nearest.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	at := q * float64(len(values)-1)
	low := int(at)
	high := min(low+1, len(values)-1)
	return values[low] + (at-float64(low))*(values[high]-values[low])
}

// plotsAt is where the documents have their plots, from the bench's own folder.
const plotsAt = "../docs/" + plotsFolder

// publish draws and writes what the settings ask for. The plots come first, because the text links those that exist.
func (r *Report) publish(s settings) error {
	if s.plots {
		if err := r.writePlots(plotsAt); err != nil {
			return err
		}
	}
	if s.markdown != "" {
		return r.writeMarkdown(s.markdown)
	}
	return nil
}

// retell does with earlier runs what a run would do. If several runs have a workload, the last one counts. The machine is
// that of the first run.
func retell(s settings, chosen []Workload) error {
	var report Report
	found := map[string]Outcome{}
	for i, file := range names(s.from) {
		var r Report
		p, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(p, &r)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if i == 0 {
			report = r
			report.Workloads = nil
		}
		for _, o := range r.Workloads {
			found[o.Name] = o
		}
	}
	printMachine(os.Stdout, report.Machine)
	for _, w := range chosen {
		o, ok := found[w.Name]
		if !ok {
			continue
		}
		o.doubt, o.goals, o.Verdicts = w.Doubt, w.Goals, nil
		o.summarize()
		printOutcome(os.Stdout, o)
		report.Workloads = append(report.Workloads, o)
	}
	return errors.Join(report.write(s.json), report.publish(s))
}

// write writes the report to a file, if there is one. It is called for an interrupted run too, so that what was measured
// is kept.
func (r *Report) write(file string) error {
	if file == "" {
		return nil
	}
	p, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(p, '\n'), 0o644)
}
