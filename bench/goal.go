package main

import "fmt"

// A Goal is what pike's figure may be at most, or for a Rate must be at least, in multiples of a peer's.
type Goal struct {
	Metric string
	Peer   string
	Limit  float64
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
	return fmt.Sprintf("%s %s %s of %s: %s, paired %s, %s",
		v.Metric, sign, ratio(v.Limit), v.Peer, ratio(v.Ratio), ratio(v.Paired), verdict)
}

// judge leaves out goals whose peer was not measured.
func (o *Outcome) judge(goals []Goal) {
	own := o.result(subject)
	for _, g := range goals {
		peer, m := o.result(g.Peer), o.metric(g.Metric)
		if own == nil || peer == nil || own.Median[g.Metric] == 0 || peer.Median[g.Metric] == 0 {
			continue
		}
		v := Verdict{Goal: g, AtLeast: m.Rate, Ratio: own.Median[g.Metric] / peer.Median[g.Metric]}
		v.Paired = quantile(paired(own, peer, g.Metric), 0.5)
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
