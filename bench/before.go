package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// earlier is the peer that -before adds: pike as it is in another checkout.
const earlier = "before"

// compareWith has each workload run pike beside the pike of another checkout, and both run in turn. The ratios are to the
// other checkout, so they show what a change costs. Workloads without pike are dropped.
func compareWith(checkout string, all []Workload) (kept []Workload, err error) {
	if _, err := os.Stat(filepath.Join(checkout, "bench", "peers", "pike")); err != nil {
		return nil, fmt.Errorf("-before: %w", err)
	}
	built := make(map[*Program]*Program)
	for _, w := range all {
		peers := beforeAndAfter(checkout, w.Peers, built)
		if len(peers) == 0 {
			continue
		}
		w.Peers, w.Goals = peers, nil
		kept = append(kept, w)
	}
	if len(kept) == 0 {
		return nil, errors.New("-before: no workload that was chosen runs pike")
	}
	return kept, nil
}

// beforeAndAfter returns the peers that are programs of pike. Each comes behind the same program of the other checkout.
func beforeAndAfter(checkout string, peers []Peer, built map[*Program]*Program) (pairs []Peer) {
	for _, p := range peers {
		if p.Program == nil || !strings.HasPrefix(p.Program.name, subject+"-") {
			continue
		}
		if built[p.Program] == nil {
			built[p.Program] = p.Program.from(checkout)
		}
		was := p
		was.Program, was.Name = built[p.Program], earlier+strings.TrimPrefix(p.Name, subject)
		pairs = append(pairs, was, p)
	}
	return pairs
}

// from is p built in another checkout. Its folder lies there as it does here, and p names it as seen from bench.
func (p *Program) from(checkout string) *Program {
	q := *p
	q.name = earlier + "-" + p.name
	q.dir = filepath.Join(checkout, "bench", p.dir)
	q.built, q.missing = false, nil
	return &q
}
