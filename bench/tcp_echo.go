package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"example.com/pike/bench/load"
)

const (
	floorSource = "peers/floor.c"
	anyPort     = "0"
	anyLocal    = "127.0.0.1:0"

	// If a connection has only a message or two in a window, the window says nothing about the slowest in a thousand.
	warmPerConn   = 30 * time.Microsecond
	windowPerConn = 100 * time.Microsecond
)

var (
	floorProgram   = compileC("floor", floorSource)
	threadProgram  = compileC("floor-thread", floorSource, "-DIDLE_THREAD", "-pthread")
	uvProgram      = compileC("uvecho", "peers/uvecho.c", "-luv")
	goNetProgram   = buildGo("gonet", ".", "./peers/gonet")
	gnetProgram    = buildGo("gnet", ".", "./peers/gnet")
	netpollProgram = buildGo("netpoll", ".", "./peers/netpoll")
	nbioProgram    = buildGo("nbio", ".", "./peers/nbio")
	pikeProgram    = buildGo("pike-echo", "..", "./examples/echo")
)

var tcpEchoMetrics = []Metric{
	{Name: "CPU", Unit: "µs/msg", Ratio: true}, // of the server
	{Name: "rate", Unit: "msg/s", Ratio: true, Rate: true},
	{Name: "p50", Unit: "µs", Ratio: true},
	{Name: "p99", Unit: "µs", Ratio: true},
	{Name: "p99.9", Unit: "µs", Ratio: true},
	{Name: "RSS", Unit: "MiB"},
	{Name: "busy", Unit: "%"}, // the server's core, by the server
	{Name: "load idle", Unit: "%"},
	{Name: "load work", Unit: "µs/msg"},
	{Name: disturbed, Unit: "%"},
}

// tcpEchoPeers gives a goroutine of Go net a buffer for a whole message, as a user who knows the size would.
func tcpEchoPeers(size int) []Peer {
	return []Peer{
		{Name: "floor", Program: floorProgram, Args: []string{"echo", anyPort}},
		{Name: "uv-tuned", Program: uvProgram, Args: []string{"tuned", anyPort}},
		{Name: "uv-guide", Program: uvProgram, Args: []string{"guide", anyPort}},
		{Name: "go-net", Program: goNetProgram, Args: []string{"echo", "-buffer", strconv.Itoa(max(4096, size))}},
		{Name: "netpoll", Program: netpollProgram},
		{Name: "gnet", Program: gnetProgram},
		{Name: subject, Program: pikeProgram, Args: []string{"-listen", anyLocal}},
	}
}

// floorThread is the floor in a process that has threads, as every Go program has.
func floorThread() Peer {
	return Peer{Name: "floor-thread", Program: threadProgram, Args: []string{"echo", anyPort}}
}

func tcpEcho() []Workload {
	var all []Workload
	for _, size := range []int{64, 16 << 10} {
		peers := tcpEchoPeers(size)
		if size == 64 { // where the system calls are nearly everything
			peers = slices.Insert(peers, 1, floorThread())
		}
		for _, conns := range []int{100, 1000, 10000} {
			all = append(all, Workload{
				Name:    fmt.Sprintf("tcp-echo-%s-%d", sizeName(size), conns),
				About:   fmt.Sprintf("TCP echo of %s, %d connections with one message each under way", sizeName(size), conns),
				Long:    size > 64 || conns > 1000,
				Metrics: tcpEchoMetrics,
				Goals:   tcpEchoGoals(size, conns),
				Peers:   peers,
				Measure: echoOf(size, conns),
				Doubt:   loadBound,
			})
		}
	}
	return all
}

func tcpEchoGoals(size, conns int) []Goal {
	goals := []Goal{{Metric: "CPU", Peer: "floor", Limit: 1.05}}
	if size > 64 {
		return goals
	}
	goals = append(goals, Goal{Metric: "CPU", Peer: "uv-tuned", Limit: 1.05})
	switch conns {
	case 100:
		goals = append(goals, Goal{Metric: "CPU", Peer: "go-net", Limit: 0.85})
	case 1000:
		goals = append(goals, Goal{Metric: "CPU", Peer: "go-net", Limit: 0.75})
	}
	return goals
}

func sizeName(bytes int) string {
	if bytes >= 1<<10 {
		return fmt.Sprintf("%dKiB", bytes>>10)
	}
	return fmt.Sprintf("%dB", bytes)
}

func echoOf(size, conns int) func(context.Context, *Bench, Peer) (Sample, error) {
	return func(ctx context.Context, b *Bench, p Peer) (Sample, error) {
		var r load.EchoReport
		err := b.loadServer(ctx, p, &r, "tcp-echo", b.echoArgs(size, conns)...)
		if err != nil {
			return nil, err
		}
		return echoSample(r), nil
	}
}

func (b *Bench) echoArgs(size, conns int) []string {
	return []string{
		"-conns", strconv.Itoa(conns), "-size", strconv.Itoa(size),
		"-warm", max(b.warm, time.Duration(conns)*warmPerConn).String(),
		"-measure", max(b.window, time.Duration(conns)*windowPerConn).String(),
	}
}

func echoSample(r load.EchoReport) Sample {
	return Sample{
		"CPU":       micros(r.ServerCPU) / float64(r.Messages),
		"rate":      float64(r.Messages) / r.Wall.Seconds(),
		"p50":       micros(r.P50),
		"p99":       micros(r.P99),
		"p99.9":     micros(r.P999),
		"RSS":       float64(r.ServerRSS) / (1 << 20),
		"busy":      100 * r.ServerCPU.Seconds() / r.Wall.Seconds(),
		"load idle": 100 * r.Idle.Seconds() / r.Wall.Seconds(),
		"load work": micros(r.Work()),
		disturbed:   100 * r.Disturbed(),
	}
}

func micros(d time.Duration) float64 { return d.Seconds() * 1e6 }

// loadBound says so if the server had time to spare and the load had none. A disturbed core looks the same, so the time
// that others took counts as used.
func loadBound(s Sample) string {
	if s["load idle"] < 2 && s["busy"]+s[disturbed] < 95 {
		return "the load was the limit: the rate and the latencies are the load's"
	}
	return ""
}
