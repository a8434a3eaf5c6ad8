package main

import (
	"context"
	"fmt"
	"strconv"

	"example.com/pike/bench/load"
)

var (
	uvUDPProgram    = compileC("uvudp", "peers/uvudp.c", "-luv")
	floorUDPProgram = compileC("floorudp", "peers/floorudp.c")
	uvPummelProgram = compileC("uvpummel", "peers/uvpummel.c", "-luv")
)

// udpOnePeer is datagrams of 1 KiB to one peer and from one. The load asks for many at a time, and has room for all, so
// that none are lost. It needs root for that.
func udpOnePeer() []Workload {
	metrics := []Metric{
		{Name: perCPU, Unit: "datagrams", Ratio: true, Rate: true},
		{Name: "rate", Unit: "datagrams/s", Ratio: true, Rate: true},
		{Name: "lost", Unit: ""},
		{Name: "busy", Unit: "%"},
		{Name: "load idle", Unit: "%"},
		{Name: disturbed, Unit: "%"},
	}
	measure := func(kind string) func(context.Context, *Bench, Peer) (Sample, error) {
		return func(ctx context.Context, b *Bench, p Peer) (Sample, error) {
			var r load.DatagramReport
			err := b.loadServer(ctx, p, &r, kind, "-warm", b.warm.String(), "-measure", b.window.String())
			if err != nil {
				return nil, err
			}
			s := windowSample(r.Window, float64(r.Messages), 1)
			s["lost"] = float64(r.Lost)
			return s, nil
		}
	}
	peers := func(kind string, floor ...Peer) []Peer {
		return append([]Peer{
			{Name: "uv-guide", Program: uvUDPProgram, Args: []string{kind + "-guide", anyPort}},
			{Name: "uv-tuned", Program: uvUDPProgram, Args: []string{kind + "-tuned", anyPort}},
			{Name: "go-net", Program: goNetProgram, Args: []string{"udp-" + kind}},
			{Name: subject, Program: pikeWorkProgram, Args: []string{"udp-" + kind}},
		}, floor...)
	}
	goals := []Goal{{Metric: perCPU, Peer: "uv-guide", Limit: 8}, {Metric: perCPU, Peer: "uv-tuned", Limit: 8}}
	return []Workload{
		{
			Name: "udp-send", About: "UDP, the peer sends datagrams of 1 KiB to one peer, 512 each time it is asked",
			Metrics: metrics, Goals: goals, Peers: peers("send"), Measure: measure("udp-drain"),
		},
		{
			Name: "udp-receive", About: "UDP, the peer receives datagrams of 1 KiB of one peer, and acknowledges 512 at a time",
			Metrics: metrics, Goals: goals, Measure: measure("udp-fill"),
			Peers: peers("receive", Peer{Name: "floor", Program: floorUDPProgram, Args: []string{"receive", anyPort}}),
		},
	}
}

// udpPummel is libuv's benchmark-udp-pummel.c. Senders and receivers are one process, which measures itself.
func udpPummel() []Workload {
	metrics := []Metric{
		{Name: "rate", Unit: "datagrams/s", Ratio: true, Rate: true}, // received
		{Name: "CPU", Unit: "ns/datagram", Ratio: true},
		{Name: "sent", Unit: "datagrams/s"},
		{Name: "lost", Unit: "%"},
	}
	var all []Workload
	for _, pairs := range []int{1, 10} {
		n := strconv.Itoa(pairs)
		all = append(all, Workload{
			Name:    fmt.Sprintf("udp-pummel-%dv%d", pairs, pairs),
			About:   fmt.Sprintf("UDP, 45 B, %d senders with one datagram under way each, as many receivers (libuv's udp_pummel)", pairs),
			Metrics: metrics,
			Goals:   []Goal{{Metric: "rate", Peer: "uv", Limit: 1}},
			Peers: []Peer{
				{Name: "uv", Program: uvPummelProgram, Args: []string{n, n}},
				{Name: subject, Program: pikeWorkProgram, Args: []string{"udp-pummel", n}},
			},
			Measure: selfMeasured(true, (*Bench).oneCore),
		})
	}
	return all
}
