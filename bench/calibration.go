package main

import "fmt"

// calibration measures the bench itself, with floors that waste a known time on each message. A figure can be believed as
// far as these rows show the time that was wasted.
func calibration() []Workload {
	peers := tcpEchoPeers(64)[:1]
	for _, ns := range []int{100, 200, 400, 800} {
		name := fmt.Sprintf("floor+%dns", ns)
		program := compileC(name, floorSource, fmt.Sprintf("-DHANDICAP_NS=%d", ns))
		peers = append(peers, Peer{Name: name, Program: program, Args: []string{"echo", anyPort}})
	}
	var all []Workload
	for _, conns := range []int{100, 1000} {
		all = append(all, Workload{
			Name:    fmt.Sprintf("calibration-%d", conns),
			About:   fmt.Sprintf("what is seen of a known waste of server CPU, %d connections", conns),
			ByName:  true,
			Metrics: tcpEchoMetrics,
			Peers:   peers,
			Measure: echoOf(64, conns),
			Doubt:   loadBound,
		})
	}
	return all
}
