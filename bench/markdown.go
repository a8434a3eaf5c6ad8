package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Markdown file keeps what people wrote. The bench writes only between these two lines.
const (
	markdownBegin = "<!-- bench: from here on by machine -->"
	markdownEnd   = "<!-- bench: end -->"
)

// writeMarkdown replaces the part of a file that is the bench's.
func (r *Report) writeMarkdown(file string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok1 := bytes.Cut(old, []byte(markdownBegin))
	_, after, ok2 := bytes.Cut(rest, []byte(markdownEnd))
	if !ok1 || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q to write between", file, markdownBegin, markdownEnd)
	}
	var out bytes.Buffer
	out.Write(before)
	fmt.Fprintf(&out, "%s\n\n%s\n%s", markdownBegin, r.markdown(filepath.Dir(file)), markdownEnd)
	out.Write(after)
	return os.WriteFile(file, out.Bytes(), 0o644)
}

// markdown links the plots that there are, relative to the folder of the document.
func (r *Report) markdown(dir string) string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "Measured %s UTC on %s, %d cores, %d MiB; Linux %s, TCP %s; %s; %s", m.At.Format("2006-01-02 15:04"),
		m.CPU, m.CoreCount, m.MemoryMiB, m.Kernel, m.TCP, m.Go, m.CC)
	if m.Libuv != "" {
		fmt.Fprintf(&b, "; %s", m.Libuv)
	}
	fmt.Fprintf(&b, ". %d rounds, priority %d.", r.Rounds, m.Cores.Nice)
	if r.Quick {
		b.WriteString(" **A quick run**, which is no measure.")
	}
	b.WriteString("\n\n## Goals\n\n")
	r.goals(&b)
	for _, o := range r.Workloads {
		o.markdown(&b, dir)
	}
	return b.String()
}

func (r *Report) goals(b *strings.Builder) {
	b.WriteString("`×` is pike's median in multiples of the peer's; paired is the median of the ratios within a round.\n\n")
	b.WriteString("| work | figure | beside | goal | × | paired | |\n|---|---|---|---|---|---|---|\n")
	for _, o := range r.Workloads {
		for _, v := range o.Verdicts {
			sign, verdict := "≤", "met"
			if v.AtLeast {
				sign = "≥"
			}
			if !v.Met {
				verdict = "**not met**"
			}
			fmt.Fprintf(b, "| [%s](#%s) | %s | %s | %s %s | %s | %s | %s |\n",
				o.Name, anchor(o.Name), v.figure(), v.Peer, sign, ratio(v.Limit), ratio(v.Ratio), ratio(v.Paired), verdict)
		}
	}
}

// anchor is how a heading is linked to: letters in lower case, no punctuation but the hyphen.
func anchor(heading string) string {
	return strings.ReplaceAll(strings.ToLower(heading), ".", "")
}

func (o *Outcome) markdown(b *strings.Builder, dir string) {
	fmt.Fprintf(b, "\n### %s\n\n%s.\n\n", o.Name, o.About)
	cells := strings.Split("peer\t"+strings.TrimPrefix(header(*o), "peer\t"), "\t")
	fmt.Fprintf(b, "| %s |\n|---|%s\n", strings.Join(cells, " | "), strings.Repeat("---:|", len(cells)-1))
	for _, r := range o.Results {
		if !r.measured() {
			continue
		}
		cells := strings.Split(row(*o, r), "\t")
		if r.Peer == subject {
			cells[0] = "**" + cells[0] + "**"
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
	}
	var remarks bytes.Buffer
	printDoubts(&remarks, *o)
	for line := range strings.Lines(remarks.String()) {
		fmt.Fprintf(b, "\n%s\n", strings.TrimSpace(line))
	}
	if plot := filepath.Join(plotsFolder, o.Name+".svg"); exists(filepath.Join(dir, plot)) {
		fmt.Fprintf(b, "\n![%s](%s)\n", o.Name, filepath.ToSlash(plot))
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
