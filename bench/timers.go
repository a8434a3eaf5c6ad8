package main

var (
	uvTimersProgram  = compileC("uvtimers", "peers/uvtimers.c", "-luv")
	goRuntimeProgram = buildGo("goruntime", ".", "./peers/goruntime")
)

// timers have no load. A program arms a million of them, and measures what they cost.
func timers() []Workload {
	return []Workload{{
		Name: "timers",
		About: "1,000,000 armed timers: CPU to restart one at random, to start, stop and fire; " +
			"pike counts from the call, pike-at from the turn (ResetAt), pike-timeout is loop.Timeout",
		Steady: true,
		Metrics: []Metric{
			{Name: "restart", Unit: "ns", Ratio: true},
			{Name: "start", Unit: "ns", Ratio: true},
			{Name: "stop", Unit: "ns", Ratio: true},
			{Name: "fire", Unit: "ns", Ratio: true},
		},
		Goals: []Goal{
			{Metric: "restart", Peer: "uv", Limit: 0.2}, {Metric: "restart", Peer: "uv", Limit: 0.2, Own: "pike-at"},
			{Metric: "restart", Peer: "uv", Limit: 0.2, Own: "pike-timeout"},
			{Metric: "fire", Peer: "uv", Limit: 0.2}, {Metric: "fire", Peer: "uv", Limit: 0.2, Own: "pike-at"},
			{Metric: "fire", Peer: "uv", Limit: 0.2, Own: "pike-timeout"},
			{Metric: "restart", Peer: "go-timers", Limit: 0.35}, {Metric: "restart", Peer: "go-timers", Limit: 0.35, Own: "pike-at"},
			{Metric: "restart", Peer: "go-timers", Limit: 0.35, Own: "pike-timeout"},
		},
		Peers: []Peer{
			{Name: "uv", Program: uvTimersProgram},
			{Name: "go-timers", Program: goRuntimeProgram, Args: []string{"timers"}},
			{Name: "pike-timeout", Program: pikeWorkProgram, Args: []string{"timeouts"}},
			{Name: "pike-at", Program: pikeWorkProgram, Args: []string{"timers-at"}},
			{Name: subject, Program: pikeWorkProgram, Args: []string{"timers"}},
		},
		Measure: selfMeasured(false, (*Bench).oneCore),
	}}
}
