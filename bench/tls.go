package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"example.com/pike/bench/load"
	"example.com/pike/bench/peers/work"
)

// What a server with the certificate of its start costs: TLS 1.3, P-256, records of up to 16 KiB from the first on.

const ownRecords = "pike-own-records"

// tlsPeers begin with net and crypto/tls, a goroutine for each connection, because no library in C is here to be a floor.
func tlsPeers(size int) []Peer {
	return []Peer{
		{Name: "go-net", Program: goNetProgram, Args: []string{"tls-echo", "-buffer", strconv.Itoa(max(4096, size))}},
		{Name: subject, Program: pikeProgram, Args: []string{"-listen", anyLocal, "-tls-self"}},
		{Name: ownRecords, Program: pikeProgram, Args: []string{"-listen", anyLocal, "-tls-self", "-tls-own-records"}},
	}
}

func tlsEcho() []Workload {
	var all []Workload
	for _, g := range []struct {
		size, conns int
		goal, own   float64
	}{{64, 100, 0.85, 0.75}, {64, 1000, 0.80, 0.75}, {16 << 10, 100, 1, 0.85}, {16 << 10, 1000, 0.85, 0.75}} {
		all = append(all, Workload{
			Name:    fmt.Sprintf("tls-echo-%s-%d", sizeName(g.size), g.conns),
			About:   fmt.Sprintf("echo of %s over TLS 1.3, %d connections with one message each under way", sizeName(g.size), g.conns),
			Metrics: tcpEchoMetrics,
			Doubt:   loadBound,
			Goals: []Goal{
				{Metric: "CPU", Peer: "go-net", Limit: g.goal},
				{Metric: "CPU", Peer: "go-net", Limit: g.own, Own: ownRecords},
			},
			Peers: tlsPeers(g.size),
			Measure: func(ctx context.Context, b *Bench, p Peer) (Sample, error) {
				var r load.EchoReport
				err := b.loadServer(ctx, p, &r, "tcp-echo", append(b.echoArgs(g.size, g.conns), "-tls")...)
				return echoSample(r), err
			},
		})
	}
	return all
}

// tlsStorm is what a client waits while others shake hands with an RSA key, which is the dearest thing a server does.
func tlsStorm() []Workload {
	return []Workload{{
		Name:  "tls-storm",
		About: "echo of 64 B over TLS 1.3, 20 connections, beside 4 clients that shake hands (RSA, 2,048 bits) without end",
		Metrics: []Metric{
			{Name: "p50", Unit: "µs", Ratio: true},
			{Name: "p99", Unit: "µs", Ratio: true},
			{Name: "rate", Unit: "msg/s", Ratio: true, Rate: true},
			{Name: "busy", Unit: "%"},
		},
		Goals: []Goal{{Metric: "p50", Peer: "go-net", Limit: 0.5}},
		Peers: []Peer{
			{Name: "go-net", Program: goNetProgram, Args: []string{"tls-echo"}},
			{Name: subject, Program: pikeProgram, Args: []string{"-listen", anyLocal}},
		},
		Measure: func(ctx context.Context, b *Bench, p Peer) (Sample, error) {
			cert, key, err := work.WriteRSA(b.out)
			if err != nil {
				return nil, err
			}
			p.Args = append(slices.Clip(p.Args), "-tls-cert", cert, "-tls-key", key)
			var r load.EchoReport
			if err := b.loadServer(ctx, p, &r, "tls-storm", append(b.echoArgs(64, 20), "-storm", "4")...); err != nil {
				return nil, err
			}
			sample := echoSample(r)
			return Sample{"p50": sample["p50"], "p99": sample["p99"], "rate": sample["rate"], "busy": sample["busy"]}, nil
		},
	}}
}

// collected is when Go's runtime has collected garbage though nothing was allocated, which it does every two minutes.
// A handshake leaves ten times as much garbage as a connection keeps.
const collected = 130 * time.Second

// sparing ends the name of a peer whose collector leaves a fifth of what lives as garbage, and not as much as lives.
const sparing = "-gogc-20"

// spared are peers whose collector is sparing. How much of the resident memory is garbage is the program's choice, so
// the row shows both.
func spared(peers []Peer) []Peer {
	for i := range peers {
		peers[i].Name += sparing
		peers[i].Env = []string{"GOGC=20"}
	}
	return peers
}

func tlsIdle() []Workload {
	var all []Workload
	for _, g := range []struct {
		size  int
		goal  float64
		limit float64
	}{{64, 0.5, 4.5 * 1024}, {16 << 10, 0.65, 5.5 * 1024}} {
		all = append(all, Workload{
			Name: "tls-idle-" + sizeName(g.size),
			About: fmt.Sprintf("resident memory for each of 2,000 TLS connections, %v after one message of %s",
				collected, sizeName(g.size)),
			Steady: true,
			Long:   true,
			Metrics: []Metric{
				{Name: "memory", Unit: "B/conn", Ratio: true},
				{Name: "connections"},
				{Name: "before", Unit: "MiB"},
				{Name: "after", Unit: "MiB"},
			},
			Goals: []Goal{
				{Metric: "memory", Peer: "go-net", Limit: g.goal},
				{Metric: "memory", Limit: g.limit, Own: ownRecords + sparing},
			},
			Peers: append(tlsPeers(g.size), spared(tlsPeers(g.size))...),
			Measure: func(ctx context.Context, b *Bench, p Peer) (Sample, error) {
				longer := *b
				longer.window += collected
				return longer.idle(ctx, p, "tcp-idle", "-tls", "-conns", "2000", "-size", strconv.Itoa(g.size),
					"-settle", collected.String())
			},
		})
	}
	return all
}

// layers is what a layer that does nothing costs.
func layers() []Workload {
	var all []Workload
	for _, w := range tcpEcho() {
		if w.Name != "tcp-echo-64B-100" && w.Name != "tcp-echo-64B-1000" {
			continue
		}
		w.Name = "layer-" + w.Name[len("tcp-"):]
		w.About += ", plain and with a layer that does nothing"
		w.Peers = []Peer{
			{Name: "plain", Program: pikeWorkProgram, Args: []string{"echo"}},
			{Name: subject, Program: pikeWorkProgram, Args: []string{"echo-layered"}},
		}
		w.Goals = []Goal{{Metric: "CPU", Peer: "plain", Limit: 1.03}}
		w.ByName = true
		all = append(all, w)
	}
	return all
}
