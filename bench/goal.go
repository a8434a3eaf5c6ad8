package main

import (
	"cmp"
	"fmt"
)

// A Goal is the most that pike's figure may be, or for a Rate the least, as a multiple of a peer's figure. Without a peer
// it is a limit for the figure itself.
type Goal struct {
	Metric string
	Peer   string
	Limit  float64
	Own    string `json:",omitempty"` // whose figure, if there is more than one way to do it with pike
}

// A Verdict is how a goal went.
type Verdict struct {
	Goal
	AtLeast bool
	Ratio   float64 // of the medians
	Paired  float64 // the median of the ratios within a round
	Met     bool    // by the ratio of the medians
}

func (v Verdict) String() string {
	sign, verdict := "≤", "met"
	if v.AtLeast {
		sign = "≥"
	}
	if !v.Met {
		verdict = "NOT MET"
	}
	if v.Peer == "" {
		return fmt.Sprintf("%s %s %s: %s, %s", v.figure(), sign, figure(v.Limit), figure(v.Ratio), verdict)
	}
	return fmt.Sprintf("%s %s %s of %s: %s, paired %s, %s",
		v.figure(), sign, ratio(v.Limit), v.Peer, ratio(v.Ratio), ratio(v.Paired), verdict)
}

// figure is the metric, and whose it is.
func (g Goal) figure() string {
	if g.Own == "" {
		return g.Metric
	}
	return g.Metric + " (" + g.Own + ")"
}

// judge leaves out goals whose peer was not measured.
func (o *Outcome) judge(goals []Goal) {
	for _, g := range goals {
		own, peer, m := o.result(cmp.Or(g.Own, subject)), o.result(g.Peer), o.metric(g.Metric)
		if own == nil || g.Peer != "" && (peer == nil || own.Median[g.Metric] == 0 || peer.Median[g.Metric] == 0) {
			continue
		}
		v := Verdict{Goal: g, AtLeast: m.Rate, Ratio: own.Median[g.Metric]}
		if peer != nil {
			v.Ratio /= peer.Median[g.Metric]
			v.Paired = quantile(paired(own, peer, g.Metric), 0.5)
		}
		v.Met = v.Ratio <= g.Limit
		if v.AtLeast {
			v.Met = v.Ratio >= g.Limit
		}
		o.Verdicts = append(o.Verdicts, v)
	}
}

func (o *Outcome) result(peer string) *Result {
	for i := range o.Results {
		if o.Results[i].Peer == peer && o.Results[i].measured() {
			return &o.Results[i]
		}
	}
	return nil
}

func (o *Outcome) metric(name string) Metric {
	for _, m := range o.Metrics {
		if m.Name == name {
			return m
		}
	}
	return Metric{}
}

// paired is the ratios of two peers' samples of the same round.
func paired(own, base *Result, metric string) (ratios []float64) {
	for i, s := range own.Samples {
		if s != nil && i < len(base.Samples) && base.Samples[i][metric] != 0 {
			ratios = append(ratios, s[metric]/base.Samples[i][metric])
		}
	}
	return ratios
}
