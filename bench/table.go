package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// subject is the peer that the bench is about.
const subject = "pike"

func printOutcome(w io.Writer, o Outcome) {
	fmt.Fprintf(w, "\n%s: %s\n", o.Name, o.About)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, header(o)+"\t")
	for _, r := range o.Results {
		if r.measured() {
			fmt.Fprintln(t, row(o, r)+"\t")
		}
	}
	t.Flush()
	printRemarks(w, o)
}

func header(o Outcome) string {
	cells := []string{"peer"}
	for i, m := range o.Metrics {
		name := strings.TrimSpace(m.Name + " " + m.Unit)
		if m.Ratio {
			name += "\t×"
		}
		if i == 0 {
			name += "\tpaired\tspread"
		}
		cells = append(cells, name)
	}
	return strings.Join(cells, "\t")
}

func row(o Outcome, r Result) string {
	cells := []string{r.Peer}
	for i, m := range o.Metrics {
		cell := figure(r.Median[m.Name])
		if m.Ratio {
			cell += "\t" + ratio(r.Ratio[m.Name])
		}
		if i == 0 {
			cell += fmt.Sprintf("\t%s\t%.0f%%", ratio(r.Paired[m.Name]), 100*r.Spread[m.Name])
		}
		cells = append(cells, cell)
	}
	return strings.Join(cells, "\t")
}

// ratio is empty where there is nothing to compare to.
func ratio(v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", v)
}

// figure shows three digits, and all of those before the point.
func figure(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// printRemarks says what the rows cannot: pike beside every peer, who is missing, and what is in doubt.
func printRemarks(w io.Writer, o Outcome) {
	if beside := comparison(o); beside != "" {
		fmt.Fprintln(w, beside)
	}
	for _, v := range o.Verdicts {
		fmt.Fprintln(w, "goal:", v)
	}
	printDoubts(w, o)
}

func printDoubts(w io.Writer, o Outcome) {
	for _, r := range o.Results {
		if r.LeftOut != "" {
			fmt.Fprintf(w, "left out: %s: %s\n", r.Peer, r.LeftOut)
		}
		if r.Doubt != "" {
			fmt.Fprintf(w, "in doubt: %s: %s\n", r.Peer, r.Doubt)
		}
		if n := len(r.Failures); n > 0 {
			fmt.Fprintf(w, "failed: %s: %d of %d rounds: %s\n", r.Peer, n, len(r.Samples), r.Failures[0])
		}
	}
}

func comparison(o Outcome) string {
	judged := o.Metrics[0].Name
	var own float64
	var parts []string
	for _, r := range o.Results {
		if r.Peer == subject {
			own = r.Median[judged]
		}
	}
	for _, r := range o.Results {
		if theirs := r.Median[judged]; own != 0 && theirs != 0 && r.Peer != subject {
			parts = append(parts, fmt.Sprintf("%.2f of %s", own/theirs, r.Peer))
		}
	}
	if parts == nil {
		return ""
	}
	return fmt.Sprintf("%s, %s: %s", subject, judged, strings.Join(parts, ", "))
}

func printList(w io.Writer, all []Workload) {
	for _, wl := range all {
		var peers []string
		for _, p := range wl.Peers {
			peers = append(peers, p.Name)
		}
		fmt.Fprintf(w, "%-22s %s\n%22s peers: %s\n", wl.Name, wl.About, "", strings.Join(peers, ", "))
	}
}

func printMachine(w io.Writer, m Machine) {
	fmt.Fprintf(w, "%s, %d cores (server on %d, load on %d); Linux %s; TCP %s; %s; %s; nice %d\n",
		m.CPU, m.CoreCount, m.Cores.Server, m.Cores.Load, m.Kernel, m.TCP, m.Go, m.CC, m.Cores.Nice)
}
