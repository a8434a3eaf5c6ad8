package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"example.com/pike/bench/load"
	"example.com/pike/bench/peers/work"
)

var pikeStaticProgram = buildGo("pike-static", "..", "./examples/static")

// httpRoot is the folder whose files are served, below the bench's own.
const httpRoot = "out/www"

// httpFile makes the file that is asked for.
var httpFile = sync.OnceValue(func() error {
	if err := os.MkdirAll(httpRoot, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(httpRoot, load.WebFile), work.Pattern(load.WebBytes), 0o644)
})

// httpFiles is a file server under requests for one small file. Peers have it from the disk's cache for each request.
func httpFiles() []Workload {
	const conns = 500
	return []Workload{{
		Name: "http",
		About: fmt.Sprintf("HTTP/1.1, a file of %s, %d connections that stay, one request each under way",
			sizeName(load.WebBytes), conns),
		Metrics: httpMetrics(),
		Goals:   []Goal{{Metric: "rate", Peer: "go-net", Limit: 1.5}},
		Peers: []Peer{
			{Name: "go-net", Program: goNetProgram, Args: []string{"http", "-root", httpRoot}},
			{Name: "gnet", Program: gnetProgram, Args: []string{"-root", httpRoot}},
			{Name: subject, Program: pikeStaticProgram, Args: []string{"-listen", anyLocal, "-root", httpRoot}},
		},
		Measure: func(ctx context.Context, b *Bench, p Peer) (Sample, error) {
			if err := httpFile(); err != nil {
				return nil, err
			}
			var r load.EchoReport
			err := b.loadServer(ctx, p, &r, "http", "-conns", strconv.Itoa(conns),
				"-warm", max(b.warm, conns*warmPerConn).String(), "-measure", max(b.window, conns*windowPerConn).String())
			if err != nil {
				return nil, err
			}
			return echoSample(r), nil
		},
		Doubt: loadBound,
	}}
}

// httpMetrics are those of an echo, the rate first.
func httpMetrics() []Metric {
	m := append([]Metric(nil), tcpEchoMetrics...)
	m[0], m[1] = m[1], m[0]
	return m
}
