package main

import (
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"strings"

	"example.com/pike/poller/sim"
)

// failed says what has failed and how to see it again.
func (o *options) failed(f *sim.Failure, out io.Writer) {
	fmt.Fprintf(out, "seed %d trace %016x FAILED: %v\n", f.Seed, f.Hash, f.Err)
	fmt.Fprintf(out, "replay: %s\n", o.command(f.Replay()))
}

// smaller looks for a smaller world that fails as well.
func (o *options) smaller(f *sim.Failure, run func(*sim.World) error, out io.Writer) {
	if small := f.Shrink(run); small.Replay() != f.Replay() {
		fmt.Fprintf(out, "a smaller world fails with: %v\n", small.Err)
		fmt.Fprintf(out, "replay: %s\n", o.command(small.Replay()))
	}
}

// command is what replays a world: replay is its seed and what was left out of it, in the words of package sim.
func (o *options) command(replay string) string {
	words := strings.Fields(replay)
	clients, duration := fmt.Sprint(o.clients), o.duration.String()
	var without, strikes []string
	faults := o.faults
	if o.without != "" {
		without = append(without, o.without)
	}
	for _, word := range words[1:] {
		if n, ok := strings.CutPrefix(word, paramClients+"="); ok {
			clients = n
		} else if n, ok := strings.CutPrefix(word, paramMillis+"="); ok {
			duration = n + "ms"
		} else if word == "-faults" {
			faults = "none"
		} else if strings.Contains(word, "#") {
			strikes = append(strikes, word)
		} else {
			without = append(without, strings.TrimPrefix(word, "-"))
		}
	}
	if faults == "none" {
		without = nil
	}
	text := fmt.Sprintf("go run ./examples/simulate -seed %s -clients %s -duration %s -faults %s", words[0], clients, duration, faults)
	if len(without) > 0 {
		text += " -without " + strings.Join(without, ",")
	}
	if len(strikes) == 0 {
		strikes = o.strikes
	}
	for _, word := range strikes {
		text += " -strikes " + word
	}
	if o.plant != "" {
		text += " -plant " + o.plant
	}
	return text + " -trace"
}

// profile begins a profile of the processor's time, if there is to be one.
func profile(name string) (stop func(), err error) {
	if name == "" {
		return func() {}, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		file.Close()
	}, nil
}
