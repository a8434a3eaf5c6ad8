package main

import (
	"context"
	"slices"
)

// A Workload is one kind of work that several peers do. To add one, write a file that returns it, and give it a line in
// workloads.
type Workload struct {
	Name    string
	About   string
	ByName  bool     // too special to run unasked
	Long    bool     // too long for -quick
	Steady  bool     // gives much the same figure every time: one round is enough, or a few
	Metrics []Metric // the first is the one that peers are judged by
	Goals   []Goal
	Peers   []Peer // the first is what all are compared to
	Measure func(context.Context, *Bench, Peer) (Sample, error)
	Doubt   func(median Sample) string // why this peer's medians are not its own doing, or ""
}

func workloads() []Workload {
	return slices.Concat(
		tcpEcho(), tcpFrames(), tcpPingPong(), tcpBulk(), tcpChurn(), tcpBurst(), tcpBroadcast(), tcpLoops(),
		httpFiles(), udpOnePeer(), udpPummel(),
		timers(), posting(), idleMemory(), tlsEcho(), tlsStorm(), tlsIdle(), layers(), gcStops(), calibration())
}

// A Metric is one figure of a sample. Less is better, except for a Rate. Without Ratio it explains the others, and is
// compared to nothing.
type Metric struct {
	Name  string
	Unit  string
	Ratio bool
	Rate  bool `json:",omitempty"`
}

// A Sample is what one run of one peer gave, by name of metric.
type Sample map[string]float64

// disturbed, if a sample has it, is the share of the window that other programs took from its cores.
const disturbed = "disturbed"

// A Peer is a program that does the work, and how it is started for it.
type Peer struct {
	Name    string
	Program *Program
	Args    []string
	Env     []string
}
