package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"example.com/pike/bench/load"
)

var (
	uvStreamProgram = compileC("uvstream", "peers/uvstream.c", "-luv")
	pikeWorkProgram = buildGo("pike-work", ".", "./peers/pike")
)

// tcpFrames has 16 small requests come at once, and each answered by a write of its own.
func tcpFrames() []Workload {
	const frame, at = 64, 16
	return []Workload{{
		Name:    "tcp-frames",
		About:   "TCP, 100 connections, 16 requests of 64 B at once, a write for each; CPU and rate are of requests",
		Metrics: tcpEchoMetrics,
		Goals:   []Goal{{Metric: "CPU", Peer: "uv-tuned", Limit: 0.15}},
		Peers: []Peer{
			{Name: "floor", Program: floorProgram, Args: []string{"echo", anyPort}}, // one send for all that came
			{Name: "uv-tuned", Program: uvProgram, Args: []string{"tuned", anyPort, strconv.Itoa(frame)}},
			{Name: "uv-guide", Program: uvProgram, Args: []string{"guide", anyPort, strconv.Itoa(frame)}},
			{Name: "go-net", Program: goNetProgram, Args: []string{"echo-frames", "-frame", strconv.Itoa(frame)}},
			{Name: "go-bufio", Program: goNetProgram, Args: []string{"echo-bufio", "-frame", strconv.Itoa(frame)}},
			{Name: "netpoll", Program: netpollProgram, Args: []string{"-frame", strconv.Itoa(frame)}},
			{Name: "gnet", Program: gnetProgram, Args: []string{"-frame", strconv.Itoa(frame)}},
			{Name: subject, Program: pikeProgram, Args: []string{"-listen", anyLocal, "-frame", strconv.Itoa(frame)}},
		},
		Measure: func(ctx context.Context, b *Bench, p Peer) (Sample, error) {
			s, err := echoOf(frame*at, 100)(ctx, b, p)
			if err == nil {
				s["CPU"] /= at
				s["load work"] /= at
				s["rate"] *= at
			}
			return s, err
		},
		Doubt: loadBound,
	}}
}

// tcpPingPong is judged by its latency, because neither side has anything to do but to answer.
func tcpPingPong() []Workload {
	metrics := []Metric{
		{Name: "p50", Unit: "µs", Ratio: true},
		{Name: "p99", Unit: "µs", Ratio: true},
		{Name: "p99.9", Unit: "µs", Ratio: true},
		{Name: "CPU", Unit: "µs/msg", Ratio: true},
		{Name: "rate", Unit: "msg/s", Ratio: true, Rate: true},
		{Name: disturbed, Unit: "%"},
	}
	return []Workload{{
		Name:    "tcp-ping-pong",
		About:   "TCP, one connection, one message of 64 B under way: latency",
		Metrics: metrics,
		Goals:   []Goal{{Metric: "p50", Peer: "uv-tuned", Limit: 1.05}, {Metric: "p99", Peer: "uv-tuned", Limit: 1.05}},
		Peers:   tcpEchoPeers(64),
		Measure: echoOf(64, 1),
	}}
}

// tcpBroadcast counts deliveries.
func tcpBroadcast() []Workload {
	return []Workload{{
		Name:    "tcp-broadcast",
		About:   "TCP, one message of 64 B to 1,000 connections, the next when all have it; CPU and rate are of deliveries",
		Metrics: windowMetrics("delivery", "µs"),
		Goals:   []Goal{{Metric: "CPU", Peer: "floor", Limit: 1.05}},
		Peers: []Peer{
			{Name: "floor", Program: floorProgram, Args: []string{"broadcast", anyPort}},
			{Name: "uv-tuned", Program: uvStreamProgram, Args: []string{"broadcast-tuned", anyPort}},
			{Name: "uv-guide", Program: uvStreamProgram, Args: []string{"broadcast-guide", anyPort}},
			{Name: "go-net", Program: goNetProgram, Args: []string{"broadcast"}},
			{Name: subject, Program: pikeWorkProgram, Args: []string{"broadcast"}},
		},
		Measure: windowOf(1, 1e6, "tcp-broadcast", "-conns", "1000"),
	}}
}

// tcpChurn is judged by CPU, because the load's part of a connection costs more than the server's.
func tcpChurn() []Workload {
	return []Workload{{
		Name:    "tcp-churn",
		About:   "TCP, 100 connections at a time, each made, answered once and closed (libuv's pound)",
		Metrics: windowMetrics("conn", "µs"),
		Goals:   []Goal{{Metric: "CPU", Peer: "uv-tuned", Limit: 1}},
		Peers:   tcpEchoPeers(64),
		Measure: windowOf(1, 1e6, "tcp-churn", "-conns", "100"),
	}}
}

// tcpLoops compares pike with itself. Without a third core the two loops share one, because the load needs the other.
func tcpLoops() []Workload {
	peer := func(name string, loops int) Peer {
		args := []string{"-listen", anyLocal, "-loops", strconv.Itoa(loops)}
		return Peer{Name: name, Program: pikeProgram, Args: args, Env: []string{"GOMAXPROCS=" + strconv.Itoa(loops)}}
	}
	metrics := append([]Metric{tcpEchoMetrics[0], {Name: "uneven", Unit: "%"}}, tcpEchoMetrics[1:]...)
	return []Workload{{
		Name:    "tcp-loops",
		About:   "TCP echo of 64 B, 1,000 connections on one loop and on two; uneven is a loop's distance from its share",
		Metrics: metrics,
		Goals:   []Goal{{Metric: "CPU", Peer: "one-loop", Limit: 1.1}, {Metric: "uneven", Limit: 20}},
		Peers:   []Peer{peer("one-loop", 1), peer(subject, 2)},
		Measure: func(ctx context.Context, b *Bench, p Peer) (Sample, error) {
			var r load.EchoReport
			said, err := b.loadServerOn(ctx, []int{b.cores.Server, b.cores.Second}, p, &r, "tcp-echo", b.echoArgs(64, 1000)...)
			if err != nil {
				return nil, err
			}
			s := echoSample(r)
			s["uneven"], err = uneven(said)
			return s, err
		},
	}}
}

// uneven reads what examples/echo says of its loops when it ends. It returns by how many percent a loop differs from its
// share of the connections, for the loop that differs most.
func uneven(said string) (float64, error) {
	var counts []float64
	var total, worst float64
	for line := range strings.Lines(said) {
		var loop, conns int
		if n, _ := fmt.Sscanf(line, "loop %d: tcp: %d connections", &loop, &conns); n == 2 {
			counts = append(counts, float64(conns))
			total += float64(conns)
		}
	}
	if !strings.Contains(said, " connections,") {
		return 0, fmt.Errorf("the server did not say how its connections were spread: %q", said)
	}
	for _, n := range counts {
		share := total / float64(len(counts))
		worst = max(worst, 100*max(n-share, share-n)/share)
	}
	return worst, nil
}
