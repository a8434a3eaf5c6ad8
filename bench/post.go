package main

var uvPostProgram = compileC("uvpost", "peers/uvpost.c", "-luv")

// posting is work between threads. So its programs have both cores, and the system places them as it would anywhere.
func posting() []Workload {
	return []Workload{
		{
			Name: "post-rate",
			About: "functions posted to a loop by another goroutine, as fast as it can; " +
				"uv-async are callbacks, uv-queue messages through a list",
			Metrics: []Metric{
				{Name: "rate", Unit: "calls/s", Ratio: true, Rate: true},
				{Name: "CPU", Unit: "ns/call", Ratio: true},
			},
			Goals: []Goal{{Metric: "rate", Peer: "uv-async", Limit: 5}},
			Peers: []Peer{
				{Name: "uv-async", Program: uvPostProgram, Args: []string{"async"}},
				{Name: "uv-queue", Program: uvPostProgram, Args: []string{"queue"}},
				{Name: "go-channel", Program: goRuntimeProgram, Args: []string{"post"}},
				{Name: subject, Program: pikeWorkProgram, Args: []string{"post"}},
			},
			Measure: selfMeasured(false, (*Bench).bothCores),
		},
		{
			Name:  "post-trip",
			About: "two loops that call each other in turn: the time there and back; go-channel are two goroutines",
			Metrics: []Metric{
				{Name: "p50", Unit: "µs", Ratio: true},
				{Name: "p99", Unit: "µs", Ratio: true},
			},
			Goals: []Goal{{Metric: "p50", Peer: "uv-async", Limit: 1}, {Metric: "p99", Peer: "uv-async", Limit: 1}},
			Peers: []Peer{
				{Name: "uv-async", Program: uvPostProgram, Args: []string{"trip"}},
				{Name: "go-channel", Program: goRuntimeProgram, Args: []string{"trip"}},
				{Name: subject, Program: pikeWorkProgram, Args: []string{"trip"}},
			},
			Measure: selfMeasured(false, (*Bench).bothCores),
		},
	}
}
