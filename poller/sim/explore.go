package sim

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
)

// T is what Test and Explore need of a *testing.T.
type T interface {
	Helper()
	Name() string
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// The environment variables of Test and Explore.
const (
	// EnvSeed replays one world. It is a seed and, after blanks, what Explore has taken
	// away, as in "42 -drop -rule:0 clients=3".
	EnvSeed = "PIKE_SEED"

	// EnvSeeds has Explore run other worlds than its caller says. "5000" is how many.
	// "70000:5000" is the first seed and how many. "70000:" is the first seed of as many
	// worlds as the caller says.
	EnvSeeds = "PIKE_SEEDS"

	// EnvTrace is a file to write the trace of a replayed world to. If its name ends in .svg or .txt, that is a
	// sequence diagram instead: a lane for each host, an arrow for each message, faults, notes, and the failure.
	EnvTrace = "PIKE_TRACE"
)

// Test runs f in one world, of seed 1 or PIKE_SEED. If f returns an error, or the world
// has failed, it fails t with the end of the trace. Mostly f makes hosts, gives them programs
// and returns World.Run.
//
// It runs the world a single time, so it cannot tell whether the seed alone decides what happens. See Twice.
func Test(t T, cfg Config, f func(w *World) error) {
	t.Helper()
	seed, cfg, _ := replayed(t, 1, cfg)
	if w, err := told(t, seed, cfg, f); err != nil {
		fail(t, failureOf(seed, cfg, w, err), f)
	}
}

// told is Once with what PIKE_TRACE asks for.
func told(t T, seed uint64, cfg Config, f func(w *World) error) (*World, error) {
	t.Helper()
	done := traced(t, &cfg)
	defer done()
	return Once(seed, cfg, f)
}

// replay has Explore run one world, twice, because that may be what it has found.
func replay(t T, seed uint64, cfg Config, f func(w *World) error) {
	t.Helper()
	w, err := told(t, seed, cfg, f)
	if err == nil {
		err = w.again(f)
	}
	if err != nil {
		fail(t, failureOf(seed, cfg, w, err), f)
	}
}

// Explore runs f in n worlds, of the seeds from 1, over all cores. At the first
// failure it makes the world smaller: it leaves out faults and rules, and makes
// Config.Params smaller. Then it fails t with the command that replays this world, and with
// the end of its trace. It runs the first world, and every hundredth after it, twice, to
// see whether the seed alone decides what happens.
func Explore(t T, n int, cfg Config, f func(w *World) error) {
	t.Helper()
	if seed, cfg, one := replayed(t, 1, cfg); one {
		replay(t, seed, cfg, f)
		return
	}
	wanted := n
	first, n := Seeds(t, n)
	if n < 1 {
		t.Fatalf("sim: Explore was to run %d worlds", n)
		return
	}
	r := Search(first, n, cfg, f)
	if r.Failure != nil {
		t.Logf("sim: seed %d fails: %v\nreplay: %s\nIt is made smaller now.", r.Failure.Seed, r.Failure.Err,
			r.Failure.command(t.Name(), r.Failure.Replay()))
		fail(t, r.Failure.Shrink(f), f)
		return
	}
	if never := r.never(); len(never) > 0 && n >= wanted {
		t.Fatalf("sim: in none of %d worlds was it so that: %s", r.Worlds, strings.Join(never, "; "))
		return
	}
	t.Logf("sim: %d worlds, %v of their time, faults: %v", r.Worlds, r.Time.Round(time.Millisecond), r.Hits)
}

// A Result is what Search has seen.
type Result struct {
	Worlds int
	Time   time.Duration // that passed in them
	Steps  uint64
	Hits   Hits

	// Sometimes is in how many worlds each thing was seen that World.Sometimes was asked about.
	Sometimes map[string]int

	Failure *Failure // of the lowest seed that was seen to fail
}

// A Failure is a world that has failed.
type Failure struct {
	Seed   uint64
	Config Config
	Err    error
	Hash   uint64
	less   []string // what Shrink has taken away, as PIKE_SEED says it
	whole  error    // what Err was before

	struck, left int // strikes before and after some were left out; 0 of both: nobody has tried
}

func failureOf(seed uint64, cfg Config, w *World, err error) *Failure {
	f := &Failure{Seed: seed, Config: cfg, Err: err}
	if cfg.spare != nil {
		f.less = cfg.spare.words
	}
	if w != nil {
		f.Hash = w.Hash()
	}
	return f
}

// Replay is the value of PIKE_SEED that makes the world again.
func (f *Failure) Replay() string {
	return strings.Join(append([]string{strconv.FormatUint(f.Seed, 10)}, f.less...), " ")
}

// checkEvery is how often Search runs a world twice. The first world is one of those, so that
// every search has one.
const checkEvery = 100

// Search runs f in n worlds, of the seeds from first, over all cores, and stops
// at the first that fails. It has no use for Config.Trace.
func Search(first uint64, n int, cfg Config, f func(w *World) error) Result {
	cfg.Trace = nil
	n = max(n, 0)
	s := &search{first: first, end: first + uint64(n), next: first, cfg: cfg, run: f}
	var wait sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wait.Add(1)
		go func() {
			defer wait.Done()
			s.work()
		}()
	}
	wait.Wait()
	return s.result
}

type search struct {
	cfg Config
	run func(w *World) error

	mu        sync.Mutex
	first     uint64
	next, end uint64
	result    Result
}

// errExited is the failure of a world whose code called t.FailNow or the like.
var errExited = errors.New("sim: the world ended its goroutine; use World.Errorf")

// errNotRun is the failure of a test that would pass whatever its programs do.
var errNotRun = errors.New("sim: World.Go was given a program, and World.Run was not called after that")

// work runs one world after the other. Seeds are given out in order. When one fails, all
// lower ones have been given out, so the lowest seed that fails is the same in every run.
func (s *search) work() {
	seed, running := uint64(0), false
	exit := errExited
	defer func() {
		if running {
			s.add(seed, nil, exit)
		}
	}()
	for {
		s.mu.Lock()
		if seed = s.next; seed == s.end {
			s.mu.Unlock()
			return
		}
		s.next++
		s.mu.Unlock()
		running = true
		w, err := once(seed, s.cfg, s.run, &exit)
		if err == nil && (seed-s.first)%checkEvery == 0 {
			err = w.again(s.run)
		}
		s.add(seed, w, err)
		running = false
	}
}

// again runs the world once more, and says how that was different.
func (w *World) again(f func(w *World) error) error {
	cfg := w.cfg
	cfg.Trace, cfg.diagram = nil, nil
	v, err := Once(w.seed, cfg, f)
	if err == nil && v.Hash() == w.Hash() {
		return nil
	}
	return fmt.Errorf("sim: seed %d is not the same twice: something decides that is not the seed (%v)", w.seed, err)
}

// Twice runs f in two worlds of one seed. The error says that one has failed, or that they were different: then
// something decides that is not the seed. Explore and Search do this to some of their worlds by themselves. It is
// for tests that run a world by Test or Once, which run it a single time, because f may count outside of the world.
func Twice(seed uint64, cfg Config, f func(w *World) error) error {
	w, err := Once(seed, cfg, f)
	if err != nil {
		return err
	}
	return w.again(f)
}

func (s *search) add(seed uint64, w *World, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.result
	r.Worlds++
	if w != nil {
		r.Time += time.Duration(w.now)
		r.Steps += w.steps
		r.Hits.Add(w.hits)
		r.noteSometimes(w)
	}
	if err != nil {
		s.end = s.next
		if r.Failure == nil || seed < r.Failure.Seed {
			r.Failure = failureOf(seed, s.cfg, w, err)
		}
	}
}

// panicPrefix begins the text of every error that a panic has become.
const panicPrefix = "panic: "

// Once runs f in one world. The error is that of f, of the world, or a panic of
// either.
func Once(seed uint64, cfg Config, f func(w *World) error) (w *World, err error) {
	return once(seed, cfg, f, new(error))
}

// once is Once that has exit say where f ended its goroutine, if it did, because then nothing is returned.
func once(seed uint64, cfg Config, f func(w *World) error, exit *error) (w *World, err error) {
	w = New(seed, cfg)
	defer w.over()
	alive := true
	defer func() {
		switch v := recover().(type) {
		case nil:
			if alive {
				*exit = w.exited()
			}
		case *panicked:
			err = fmt.Errorf(panicPrefix+"%w", v)
		default:
			err = fmt.Errorf(panicPrefix+"%v\n%s", v, debug.Stack())
		}
	}()
	err = f(w)
	alive = false
	switch {
	case err != nil:
	case w.err != nil:
		err = w.err
	case w.idle():
		err = errNotRun
	}
	return w, err
}

// replayed obeys PIKE_SEED.
func replayed(t T, seed uint64, cfg Config) (uint64, Config, bool) {
	t.Helper()
	words := strings.Fields(os.Getenv(EnvSeed))
	if len(words) == 0 {
		return seed, cfg, false
	}
	seed, err := strconv.ParseUint(words[0], 10, 64)
	if err == nil {
		cfg, err = cfg.Without(words[1:]...)
	}
	if err != nil {
		t.Fatalf("sim: %s=%q: %v", EnvSeed, os.Getenv(EnvSeed), err)
	}
	return seed, cfg, true
}

// Seeds tells which worlds Explore would run if a test asks for n: those from 1 on, or what
// PIKE_SEEDS says. It is for tests that make their worlds themselves.
func Seeds(t T, n int) (first uint64, count int) {
	t.Helper()
	text := os.Getenv(EnvSeeds)
	if text == "" {
		return 1, n
	}
	var err error
	from, many, both := strings.Cut(text, ":")
	if !both {
		from, many = "1", from
	}
	if first, err = strconv.ParseUint(from, 10, 64); err != nil {
		t.Fatalf("sim: %s=%q: %v", EnvSeeds, text, err)
	}
	if both && many == "" {
		return first, n
	}
	if n, err = strconv.Atoi(many); err != nil || n < 1 {
		t.Fatalf("sim: %s=%q: how many is %q", EnvSeeds, text, many)
	}
	return first, n
}

// traced obeys PIKE_TRACE.
func traced(t T, cfg *Config) (done func()) {
	t.Helper()
	name := os.Getenv(EnvTrace)
	if name == "" {
		return func() {}
	}
	file, err := os.Create(name)
	if err != nil {
		t.Fatalf("sim: %s: %v", EnvTrace, err)
	}
	var draw func(d *diagram, out io.Writer) error
	switch filepath.Ext(name) {
	case ".svg":
		draw = (*diagram).drawSVG
	case ".txt":
		draw = (*diagram).drawText
	}
	writers := []io.Writer{cfg.Trace, file}
	if draw != nil {
		cfg.diagram, writers[1] = new(diagram), io.Discard
	}
	if cfg.Trace == nil {
		writers = writers[1:]
	}
	cfg.Trace = io.MultiWriter(writers...)
	return func() {
		if draw != nil {
			err = draw(cfg.diagram, file)
		}
		if err = errors.Join(err, file.Close()); err != nil {
			t.Logf("sim: %s: %v", EnvTrace, err)
		}
	}
}
