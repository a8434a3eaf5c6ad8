// Simulate runs the chat server of examples/chat, unchanged, with many clients on a simulated network. Everything goes
// wrong there that can, and each world replays from its seed.
//
//	go run ./examples/simulate -seed 7 -trace        # one world, and its story
//	go run ./examples/simulate -worlds 10000         # the seeds from 1, over all cores
//	go run ./examples/simulate -worlds 2000 -plant lost-write
//
// These rules hold whatever happens. A message is acknowledged when the server has answered something that was sent
// behind it on the same connection. Such a message reaches everyone who was in the room throughout, once and in the
// sender's order. No message is invented. Answers come in the order of what they answer. Each connection opens once and
// closes once, and none hangs. In the end nothing is left on a loop or in the world.
//
// A world that breaks a rule ends the program with status 1. The program prints its seed, a smaller world that fails as
// well, and the command that replays that. -plant puts a bug into the server, which must be found. -plants lists them.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"example.com/pike/poller/sim"
)

type options struct {
	seed     uint64
	worlds   int
	clients  int
	duration time.Duration
	faults   string
	without  string
	strikes  []string
	shrink   time.Duration
	plant    string
	plants   bool
	trace    bool
	profile  string
}

// Each world is small, and soon all of it is garbage. To collect less often costs memory and saves time.
const gcPercent = 1000

func main() {
	o, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(2)
	}
	cfg, bug, err := o.config()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(2)
	case o.plants:
		for _, p := range plants {
			fmt.Println(p.name)
		}
		return
	}
	debug.SetGCPercent(gcPercent)
	stop, err := profile(o.profile)
	if err != nil {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(2)
	}
	ok := o.run(cfg, bug, os.Stdout)
	stop()
	if !ok {
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("simulate", flag.ContinueOnError)
	f.Uint64Var(&o.seed, "seed", 1, "run the world of seed `N`, or begin with it")
	f.IntVar(&o.worlds, "worlds", 0, "run `M` worlds, over all cores, up to the first that fails")
	f.IntVar(&o.clients, "clients", 20, "how many clients there are")
	f.DurationVar(&o.duration, "duration", 3*time.Second, "how long they talk, in the time of the world")
	f.StringVar(&o.faults, "faults", "heavy", "none, light or heavy")
	f.StringVar(&o.without, "without", "", "leave out the `FAULTS` of this list, separated by commas")
	f.Func("strikes", "leave out `STRIKES`, as in -late-close#1-3, or all of a fault but some, as in crash#2,5", func(text string) error {
		o.strikes = append(o.strikes, text)
		return nil
	})
	f.DurationVar(&o.shrink, "shrink", 5*time.Second, "how long to look for a smaller world that fails")
	f.StringVar(&o.plant, "plant", "", "put the bug `NAME` into the server")
	f.BoolVar(&o.plants, "plants", false, "list the bugs")
	f.BoolVar(&o.trace, "trace", false, "without -worlds: tell what happens")
	f.StringVar(&o.profile, "profile", "", "write a profile of the processor's time to `FILE`")
	return o, f.Parse(args)
}

// config is the worlds that o asks for.
func (o *options) config() (cfg sim.Config, bug *plant, err error) {
	if o.clients < 1 || o.duration < time.Millisecond || o.worlds < 0 {
		return cfg, nil, errors.New("that needs a client, a millisecond and a world at least")
	}
	if o.plant != "" {
		if bug = plantNamed(o.plant); bug == nil {
			return cfg, nil, fmt.Errorf("there is no plant %q; -plants lists them", o.plant)
		}
	}
	cfg.Faults, err = sim.Preset(o.faults)
	if err != nil {
		return cfg, nil, err
	}
	if err := leaveOut(&cfg.Faults, o.without); err != nil {
		return cfg, nil, err
	}
	cfg.Params = []sim.Param{
		{Name: paramClients, Value: o.clients, Min: min(2, o.clients)},
		{Name: paramMillis, Value: int(o.duration / time.Millisecond), Min: 100},
	}
	cfg.ShrinkFor = o.shrink
	cfg, err = cfg.Without(o.strikes...)
	return cfg, bug, err
}

func leaveOut(faults *sim.Faults, list string) error {
	for name := range strings.SplitSeq(list, ",") {
		found := name == ""
		for f := range sim.Fault(sim.NumFaults) {
			if f.String() == name {
				faults[f], found = 0, true
			}
		}
		if !found {
			return fmt.Errorf("there is no fault %q", name)
		}
	}
	return nil
}

// run reports whether all worlds were sound.
func (o *options) run(cfg sim.Config, bug *plant, out io.Writer) bool {
	seen := new(tally)
	run := func(w *sim.World) error { return play(w, bug, seen) }
	if o.worlds > 0 {
		return o.search(cfg, run, seen, out)
	}
	if o.trace {
		cfg.Trace = out
	}
	w, err := sim.Once(o.seed, cfg, run)
	if err != nil {
		cfg.Trace = nil
		o.failed(&sim.Failure{Seed: o.seed, Config: cfg, Err: err, Hash: w.Hash()}, out)
		return false
	}
	fmt.Fprintf(out, "seed %d trace %016x ok\n", o.seed, w.Hash())
	return true
}

func (o *options) search(cfg sim.Config, run func(*sim.World) error, seen *tally, out io.Writer) bool {
	began := time.Now()
	r := sim.Search(o.seed, o.worlds, cfg, run)
	took := time.Since(began)
	fmt.Fprintf(out, "%d worlds of %d clients in %v on %d cores: %.0f worlds a second, %v of virtual time, %d events\n",
		r.Worlds, o.clients, took.Round(time.Millisecond), runtime.GOMAXPROCS(0), float64(r.Worlds)/took.Seconds(),
		r.Time.Round(time.Second), r.Steps)
	fmt.Fprintf(out, "%v\n", seen)
	fmt.Fprintf(out, "faults: %v\n", r.Hits)
	if r.Failure != nil {
		o.failed(r.Failure, out)
		o.smaller(r.Failure, run, out)
		return false
	}
	return true
}
