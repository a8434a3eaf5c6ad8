package main

import (
	"context"
	"slices"
	"strconv"

	"example.com/pike/bench/load"
)

func idleMemory() []Workload {
	peers := tcpEchoPeers(64)[1:] // the floor holds nothing, and nothing is no measure
	peers = slices.Insert(peers, len(peers)-1, Peer{Name: "nbio", Program: nbioProgram})
	return []Workload{{
		Name:   "idle-memory",
		About:  "resident memory for each of 18,000 connections (or as many as descriptors allow) that spoke once",
		Steady: true,
		Metrics: []Metric{
			{Name: "memory", Unit: "B/conn", Ratio: true},
			{Name: "connections"},
			{Name: "before", Unit: "MiB"},
			{Name: "after", Unit: "MiB"},
		},
		Goals:   []Goal{{Metric: "memory", Peer: "uv-tuned", Limit: 1}},
		Peers:   peers,
		Measure: measureIdleMemory,
	}}
}

func measureIdleMemory(ctx context.Context, b *Bench, p Peer) (Sample, error) {
	return b.idle(ctx, p, "tcp-idle", "-conns", strconv.Itoa(18000))
}

func (b *Bench) idle(ctx context.Context, p Peer, kind string, args ...string) (Sample, error) {
	var r load.IdleReport
	if err := b.loadServer(ctx, p, &r, kind, args...); err != nil {
		return nil, err
	}
	return Sample{
		"memory":      float64(r.After-r.Before) / float64(r.Conns),
		"connections": float64(r.Conns),
		"before":      float64(r.Before) / (1 << 20),
		"after":       float64(r.After) / (1 << 20),
	}, nil
}
