package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

var gcStopProgram = buildGo("gcstop", ".", "./peers/gcstop")

// gcWindow gives ten to thirty thousand stops. Of the few thousand of five seconds four decided about p99.9, which was
// 1.2 to 4.0 times the other by the run.
const gcWindow = 20 * time.Second

func measureStops(ctx context.Context, b *Bench, p Peer) (Sample, error) {
	longer := *b
	if !b.quick {
		longer.window = gcWindow
	}
	return selfMeasured(true, (*Bench).bothCores)(ctx, &longer, p)
}

// gcStops asks what raw system calls do to the collector: how long it waits for a saturated loop to stop.
func gcStops() []Workload {
	var all []Workload
	for _, size := range []int{64, 64 << 10} {
		bytes := strconv.Itoa(size)
		all = append(all, Workload{
			Name: "gc-stop-" + sizeName(size),
			About: fmt.Sprintf("a loop that echoes %s to itself, and a goroutine that allocates: how long the collector waits to stop them",
				sizeName(size)),
			Steady: true,
			Metrics: []Metric{
				{Name: "p99.9", Unit: "µs", Ratio: true},
				{Name: "p50", Unit: "µs", Ratio: true},
				{Name: "p99", Unit: "µs", Ratio: true},
				{Name: "pause p99.9", Unit: "µs", Ratio: true},
				{Name: "stops", Unit: "/s"},
				{Name: "rate", Unit: "msg/s", Ratio: true, Rate: true},
			},
			Goals: []Goal{{Metric: "p99.9", Peer: "syscall", Limit: 2}},
			Peers: []Peer{
				{Name: "syscall", Program: gcStopProgram, Args: []string{"syscall", bytes}},
				{Name: "raw", Program: gcStopProgram, Args: []string{"raw", bytes}},
				{Name: subject, Program: gcStopProgram, Args: []string{"pike", bytes}},
			},
			Measure: measureStops,
		})
	}
	return all
}
