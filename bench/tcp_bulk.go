package main

import (
	"context"
	"fmt"
	"strconv"

	"example.com/pike/bench/load"
)

const (
	pieceBytes  = 8 << 10 // these are of peers/server.h and peers/work
	burstWrites = 100000
	burstBytes  = 13
)

// windowMetrics are of work that has no latency of its own.
func windowMetrics(what, unit string) []Metric {
	return []Metric{
		{Name: "CPU", Unit: unit + "/" + what, Ratio: true}, // of the server
		{Name: "rate", Unit: what + "/s", Ratio: true, Rate: true},
		{Name: "RSS", Unit: "MiB"},
		{Name: "busy", Unit: "%"},
		{Name: "load idle", Unit: "%"},
		{Name: disturbed, Unit: "%"},
	}
}

const perCPU = "per CPU second"

// bulkMetrics are judged by what the server does in a second of its CPU, because as a receiver it is faster than the load
// is as a sender.
func bulkMetrics() []Metric {
	m := windowMetrics("MiB", "µs")
	m[0] = Metric{Name: perCPU, Unit: "MiB", Ratio: true, Rate: true}
	return m
}

// windowOf measures a load that reports a window. An operation is size of what it counts, and perSecond the unit of
// CPU: 1e6 for µs.
func windowOf(size, perSecond float64, kind string, args ...string) func(context.Context, *Bench, Peer) (Sample, error) {
	return func(ctx context.Context, b *Bench, p Peer) (Sample, error) {
		var w load.Window
		args := append([]string{"-warm", b.warm.String(), "-measure", b.window.String()}, args...)
		if err := b.loadServer(ctx, p, &w, kind, args...); err != nil {
			return nil, err
		}
		return windowSample(w, float64(w.Messages)/size, perSecond), nil
	}
}

func windowSample(w load.Window, operations, perSecond float64) Sample {
	return Sample{
		perCPU:      operations / w.ServerCPU.Seconds(),
		"CPU":       perSecond * w.ServerCPU.Seconds() / operations,
		"rate":      operations / w.Wall.Seconds(),
		"RSS":       float64(w.ServerRSS) / (1 << 20),
		"busy":      100 * w.ServerCPU.Seconds() / w.Wall.Seconds(),
		"load idle": 100 * w.Idle.Seconds() / w.Wall.Seconds(),
		disturbed:   100 * w.Disturbed(),
	}
}

// streamPeers are those that do a kind of work that has no floor.
func streamPeers(kind string) []Peer {
	return []Peer{
		{Name: "uv", Program: uvStreamProgram, Args: []string{kind, anyPort}},
		{Name: "go-net", Program: goNetProgram, Args: []string{kind, "-buffer", strconv.Itoa(64 << 10)}},
		{Name: subject, Program: pikeWorkProgram, Args: []string{kind}},
	}
}

// tcpBulk is libuv's benchmark-pump.c, and the same from its other side.
func tcpBulk() []Workload {
	var all []Workload
	for _, conns := range []int{1, 100} {
		n := strconv.Itoa(conns)
		all = append(all, Workload{
			Name:    "tcp-pump-" + n,
			About:   fmt.Sprintf("TCP, the peer sends without end, 8 KiB a write, over %s (libuv's pump)", connections(conns)),
			Metrics: bulkMetrics(),
			Goals: []Goal{
				{Metric: perCPU, Peer: "uv", Limit: 1}, {Metric: "rate", Peer: "uv", Limit: 1},
				{Metric: perCPU, Peer: "uv", Limit: 1, Own: "pike-buffers"}, {Metric: "rate", Peer: "uv", Limit: 1, Own: "pike-buffers"},
			},
			Peers: append(streamPeers("pump"), // pump copies; WriteBuffers leaves the bytes with the caller, as uv_write does
				Peer{Name: "pike-buffers", Program: pikeWorkProgram, Args: []string{"pump-buffers"}}),
			Measure: windowOf(1<<20, 1e6, "tcp-drain", "-conns", n, "-period", strconv.Itoa(pieceBytes)),
		}, Workload{
			Name:    "tcp-sink-" + n,
			About:   fmt.Sprintf("TCP, the peer receives without end, over %s, and says how much it had", connections(conns)),
			Metrics: bulkMetrics(),
			Goals:   []Goal{{Metric: perCPU, Peer: "uv", Limit: 1}},
			Peers:   streamPeers("sink"),
			Measure: windowOf(1<<20, 1e6, "tcp-fill", "-conns", n),
		})
	}
	return all
}

func connections(n int) string {
	if n == 1 {
		return "one connection"
	}
	return fmt.Sprintf("%d connections", n)
}

// tcpBurst is libuv's benchmark-tcp-write-batch.c, a tenth of its writes at a time.
func tcpBurst() []Workload {
	peers := append(streamPeers("burst"),
		Peer{Name: "go-bufio", Program: goNetProgram, Args: []string{"burst-bufio"}})
	metrics := windowMetrics("write", "ns")
	metrics[0], metrics[1] = metrics[1], metrics[0]
	return []Workload{{
		Name:    "tcp-burst",
		About:   "TCP, one connection, 100,000 writes of 13 B at once, until all have arrived (libuv's tcp_write_batch)",
		Metrics: metrics,
		Goals:   []Goal{{Metric: "rate", Peer: "uv", Limit: 1.5}},
		Peers:   peers,
		Measure: windowOf(burstBytes, 1e9, "tcp-drain",
			"-period", strconv.Itoa(burstBytes), "-burst", strconv.Itoa(burstBytes*burstWrites)),
	}}
}
