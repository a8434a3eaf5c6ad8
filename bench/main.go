// Bench measures pike beside its peers: the same load on each server in turn, interleaved over several rounds,
// the server on one core and the load on another. It prints medians and their ratios to the first peer of each
// workload, which is the floor. It needs Linux; README.md says how to read what it prints.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"example.com/pike/bench/load"
)

// The main goroutine keeps the main thread, and all children are started from it. A child inherits the affinity of the
// thread that forks it. The death signal that ends a child with the bench is sent when that thread ends. And the load
// wants one thread anyway.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) > 1 && os.Args[1] == "load" {
		os.Exit(load.Main(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type settings struct {
	quick, all, list, plots bool
	only, peers             string
	rounds, nice            int
	json, from, markdown    string
	before                  string
}

func parse(args []string) (s settings, err error) {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.BoolVar(&s.quick, "quick", false, "short windows and few rounds: under two minutes in all, once everything is built")
	fs.BoolVar(&s.all, "all", false, "also the workloads that otherwise run only by name")
	fs.BoolVar(&s.list, "list", false, "list the workloads and their peers, and stop")
	fs.StringVar(&s.only, "only", "", "workloads to run, by `name` or the beginning of one, separated by commas")
	fs.StringVar(&s.peers, "peers", "", "peers to run beside the first of a workload, by `name`, separated by commas")
	fs.IntVar(&s.rounds, "rounds", 0, "`number` of rounds (11; 3 if quick)")
	fs.IntVar(&s.nice, "nice", 0, "`priority` of servers and loads; -20 shuts out a busy machine, and needs root")
	fs.StringVar(&s.json, "json", "", "`file` to write every sample to")
	fs.BoolVar(&s.plots, "plots", false, "draw what was measured into "+plotsAt)
	fs.StringVar(&s.markdown, "markdown", "", "`file` to write the tables into, between its two lines for that")
	fs.StringVar(&s.before, "before", "", "another `checkout` of pike, which pike is compared to, and nothing else")
	fs.StringVar(&s.from, "from", "", "measure nothing: take the samples of these JSON `files`, separated by commas")
	if err := fs.Parse(args); err != nil {
		return s, err
	}
	if fs.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	return s, nil
}

func run(ctx context.Context, args []string) error {
	s, err := parse(args)
	if err != nil {
		return err
	}
	chosen, err := choose(workloads(), s)
	if err != nil {
		return err
	}
	if s.from != "" {
		return retell(s, chosen)
	}
	if s.list {
		printList(os.Stdout, chosen)
		return nil
	}
	b, err := newBench(s)
	if err != nil {
		return err
	}
	report := Report{Machine: describeMachine(b.cores), Rounds: b.rounds, Quick: s.quick}
	printMachine(os.Stdout, report.Machine)
	for _, w := range chosen {
		outcome, err := b.run(ctx, w)
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", w.Name, err), report.write(s.json))
		}
		printOutcome(os.Stdout, outcome)
		report.Workloads = append(report.Workloads, outcome)
	}
	return errors.Join(report.write(s.json), report.publish(s))
}

// choose keeps what -only and -peers name. The first peer of a workload always stays, because the ratios are to it.
func choose(all []Workload, s settings) (chosen []Workload, err error) {
	only, peers := names(s.only), names(s.peers)
	for _, w := range all {
		if len(only) == 0 && !s.all && (w.ByName || w.Long && s.quick) || len(only) > 0 && !matches(w.Name, only) {
			continue
		}
		if len(peers) > 0 {
			kept := w.Peers[:1:1]
			for _, p := range w.Peers[1:] {
				if matches(p.Name, peers) {
					kept = append(kept, p)
				}
			}
			w.Peers = kept
		}
		chosen = append(chosen, w)
	}
	if s.before != "" {
		return compareWith(s.before, chosen)
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no workload is named %q; -list -all names them", s.only)
	}
	return chosen, nil
}

func names(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func matches(name string, beginnings []string) bool {
	for _, b := range beginnings {
		if strings.HasPrefix(name, b) {
			return true
		}
	}
	return false
}

func newBench(s settings) (*Bench, error) {
	if _, err := os.Stat("peers"); err != nil {
		return nil, errors.New("the folder peers is not here: run the bench in its own folder")
	}
	cores, err := pickCores()
	if err != nil {
		return nil, err
	}
	cores.Nice = s.nice
	b := &Bench{out: "out", cores: cores, quick: s.quick, rounds: 11, warm: 200 * time.Millisecond, window: 600 * time.Millisecond}
	if s.quick {
		b.rounds, b.warm, b.window = 3, 50*time.Millisecond, 120*time.Millisecond
	}
	if s.rounds > 0 {
		b.rounds = s.rounds
	}
	return b, os.MkdirAll(b.out, 0o755)
}
