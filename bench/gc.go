package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

var gcStopProgram = buildGo("gcstop", ".", "./peers/gcstop")

// gcWindow gives ten to thirty thousand stops. Five seconds gave a few thousand, of which four decided about p99.9. The
// ratio was then between 1.2 and 4.0, from run to run.
const gcWindow = 20 * time.Second

func measureStops(ctx context.Context, b *Bench, p Peer) (Sample, error) {
	longer := *b
	if !b.quick {
		longer.window = gcWindow
	}
	return selfMeasured(true, (*Bench).bothCores)(ctx, &longer, p)
}

// gcStops measures what raw system calls do to the collector: how long it waits for a saturated loop to stop.
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
