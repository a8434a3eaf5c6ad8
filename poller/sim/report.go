package sim

import (
	"fmt"
	"io"
	"strings"

	"example.com/pike/poller"
)

// What a report says of one process is bounded.
const (
	socketsShown = 20
	linesShown   = 40 // of what the owner of its poller explains
)

// State describes every process of the world: what it waits for, its sockets, and, where a loop
// waits on its poller, what Loop.Explain says.
func (w *World) State() string {
	var b strings.Builder
	for _, h := range w.hosts {
		fmt.Fprintf(&b, "  %s: %s\n", h.name, h.state())
		for _, j := range w.jobs.loose {
			if j.h == h {
				fmt.Fprintf(&b, "    job %d waits: %s\n", j.n, j.waits)
			}
		}
		for i, e := range h.sockets {
			if i == socketsShown {
				fmt.Fprintf(&b, "    and %d more sockets\n", len(h.sockets)-i)
				break
			}
			fmt.Fprintf(&b, "    %v\n", e)
		}
		if h.waiting && h.explain != nil {
			explained(&b, h.explain)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

func explained(b *strings.Builder, explain func(w io.Writer)) {
	var text strings.Builder
	explain(&text)
	lines := strings.Split(strings.TrimRight(text.String(), "\n"), "\n")
	for _, line := range lines[:min(linesShown, len(lines))] {
		fmt.Fprintf(b, "    | %s\n", line)
	}
	if more := len(lines) - linesShown; more > 0 {
		fmt.Fprintf(b, "    | and %d lines more\n", more)
	}
}

func (h *Host) state() string {
	var parts []string
	switch {
	case h.m.off:
		parts = append(parts, "has no power")
	case h.gone != nil:
		parts = append(parts, "was killed")
	case h.waiting && h.stopped.any():
		parts = append(parts, "is paused")
	case h.closed && h.program == nil:
		parts = append(parts, "has ended")
	case h.joins != nil:
		parts = append(parts, "waits for the end of "+h.joins.name)
	case h.waiting && h.deadline == poller.Never:
		parts = append(parts, "polls without a deadline")
	case h.waiting:
		parts = append(parts, "polls until "+clock(h.deadline))
	default:
		parts = append(parts, "does not poll")
	}
	if n := len(h.ready) + len(h.closing) + len(h.signals); n > 0 {
		parts = append(parts, fmt.Sprintf("%d things to tell", n))
	}
	if len(h.sockets) == 0 {
		parts = append(parts, "no sockets")
	}
	return strings.Join(parts, ", ")
}
