package sim

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// triesMost bounds the worlds that Shrink runs.
const triesMost = 400

// Shrink looks for a smaller world that fails in the same way: without some of the faults
// and rules, with smaller Params, and then with as few as it can of the times that faults strike and acts are done. The
// seed stays. It runs worlds over all cores, as Search does.
// It takes Config.ShrinkFor at most, and the time of one world more. Two failures are the same if their
// errors are (errors.Is), or if their texts are, apart from numbers. Quoted text counts, unless nothing
// at all could be taken away so. Two calls of World.Errorf with different formats are different failures, and so
// are panics at different places, and deadlocks and limits in which Run waits for others.
func (f *Failure) Shrink(run func(w *World) error) *Failure {
	s := &shrinker{best: *f, found: f.Err, run: run, tries: triesMost}
	s.end = realNow().Add(cmp.Or(f.Config.ShrinkFor, shrinkFor))
	changed := s.pass()
	for s.pass() {
	}
	for s.strikes() {
		changed = true
		if !s.pass() {
			break
		}
	}
	if !changed && quotes.MatchString(f.Err.Error()) {
		s.unquoted = true
		for s.pass() || s.strikes() {
		}
	}
	return &s.best
}

func (s *shrinker) over() bool { return !realNow().Before(s.end) }

type shrinker struct {
	best  Failure
	found error // what it is to fail with
	run   func(w *World) error
	tries int
	end   time.Time

	unquoted bool // quoted text does not count
}

// pass tries everything once and reports whether that changed anything.
func (s *shrinker) pass() (changed bool) {
	for i := len(s.best.Config.Rules) - 1; i >= 0; i-- {
		if s.best.Config.Rules[i].Fault != noFault {
			changed = s.try("-rule:"+strconv.Itoa(i)) || changed
		}
	}
	if s.best.Config.Faults != None() {
		changed = s.try(noFaults) || changed
	}
	for i, rate := range s.best.Config.Faults {
		if rate > 0 {
			changed = s.try("-"+Fault(i).String()) || changed
		}
	}
	for _, p := range s.best.Config.Params {
		for low := p.Min; low < p.Value; {
			if s.try(fmt.Sprintf("%s=%d", p.Name, low)) {
				changed = true
				break
			}
			low += max(1, (p.Value-low)/2)
		}
	}
	return changed
}

// try takes something away, and keeps to that if the world still fails.
func (s *shrinker) try(word string) bool {
	if s.tries--; s.tries < 0 || s.over() {
		return false
	}
	cfg, err := s.best.Config.without(word)
	if err != nil {
		return false
	}
	w, err := attempt(s.best.Seed, cfg, s.run)
	if err == nil || !alike(err, s.found, s.unquoted) {
		return false
	}
	name, _, isParam := strings.Cut(word, "=")
	s.best.less = slices.DeleteFunc(slices.Clone(s.best.less), func(old string) bool {
		return isParam && strings.HasPrefix(old, name+"=") || ofStrikes(old, strings.TrimPrefix(word, "-"))
	})
	s.best.less = append(s.best.less, word)
	if s.best.whole == nil {
		s.best.whole = s.best.Err
	}
	s.best.Config, s.best.Err, s.best.Hash = cfg, err, 0
	if w != nil {
		s.best.Hash = w.Hash()
	}
	return true
}

// attempt is Once for worlds that may end their goroutine.
func attempt(seed uint64, cfg Config, run func(w *World) error) (w *World, err error) {
	done := make(chan struct{})
	err = errExited
	go func() {
		defer close(done)
		w, err = once(seed, cfg, run, &err)
	}()
	<-done
	return w, err
}

// noFaults takes all away at once.
const noFaults = "-faults"

// noFault stands in a list of rules for one that was taken out, so that the
// others keep their numbers.
const noFault = Fault(255)

// Without is c with something taken away, in the words of PIKE_SEED and of Failure.Replay behind the seed.
func (c Config) Without(words ...string) (less Config, err error) {
	for _, word := range words {
		if c, err = c.without(word); err != nil {
			return c, err
		}
	}
	if len(words) > 0 {
		c = c.changed()
		c.spare.words = append(slices.Clone(c.spare.words), words...)
	}
	return c, nil
}

// without is c with something taken away: "-drop" is a fault, "-faults" all of
// them, "-crash#3" one strike, "crash#3" all others, "-rule:2" a rule, and "clients=3" sets a parameter.
func (c Config) without(word string) (Config, error) {
	if name, value, ok := strings.Cut(word, "="); ok {
		n, err := strconv.Atoi(value)
		if err != nil {
			return c, err
		}
		c.Params = slices.Clone(c.Params)
		for i := range c.Params {
			if c.Params[i].Name == name {
				c.Params[i].Value = n
				return c, nil
			}
		}
		return c, fmt.Errorf("no parameter %q", name)
	}
	if strings.Contains(word, "#") {
		return c.withoutStrikes(word)
	}
	if word == noFaults {
		c = c.changed()
		c.Faults = None()
		for f := range c.spare.off {
			c.spare.off[f] = 1
		}
		return c, nil
	}
	name := strings.TrimPrefix(word, "-")
	if number, ok := strings.CutPrefix(name, "rule:"); ok {
		i, err := strconv.Atoi(number)
		if err != nil || i < 0 || i >= len(c.Rules) {
			return c, fmt.Errorf("no rule %q", number)
		}
		c.Rules = slices.Clone(c.Rules)
		c.Rules[i] = Rule{Fault: noFault}
		return c, nil
	}
	f, ok := faultNamed(name)
	if !ok {
		return c, fmt.Errorf("no fault %q", name)
	}
	c = c.changed()
	c.Faults[f], c.spare.off[f] = 0, 1
	return c, nil
}

// A tail keeps the last lines that are written to it.
type tail struct {
	lines [][]byte
	next  int
}

// tailLines is how much of the trace a failing test shows.
const tailLines = 40

func (l *tail) Write(p []byte) (int, error) {
	if len(l.lines) < tailLines {
		l.lines = append(l.lines, bytes.Clone(p))
		return len(p), nil
	}
	l.lines[l.next] = append(l.lines[l.next][:0], p...)
	l.next = (l.next + 1) % tailLines
	return len(p), nil
}

func (l *tail) String() string {
	return string(bytes.Join(slices.Concat(l.lines[l.next:], l.lines[:l.next]), nil))
}

// fail reports a failure: it runs the world once more for its story.
func fail(t T, f *Failure, run func(w *World) error) {
	t.Helper()
	cfg, end := f.Config, new(tail)
	cfg.Trace = end
	text := fmt.Sprintf("sim: seed %d fails: %v\n", f.Seed, f.Err)
	w, err := attempt(f.Seed, cfg, run)
	switch {
	case err == nil:
		text += "and not when it is run again: something decides that is not the seed\n"
	case w != nil && f.Hash != 0 && w.Hash() != f.Hash || !alike(err, f.Err, true):
		text += fmt.Sprintf("and in another way when it is run again: something decides that is not the seed (%v)\n", err)
		fallthrough
	default:
		text += "the trace ends with\n" + end.String()
	}
	if f.struck > f.left {
		text += fmt.Sprintf("of %d strikes %d are left\n", f.struck, f.left)
	}
	replay := f.command(t.Name(), f.Replay())
	if f.whole != nil {
		whole := strconv.FormatUint(f.Seed, 10)
		replay += fmt.Sprintf("\nbefore it was made smaller: %v\nreplay: %s", f.whole, f.command(t.Name(), whole))
	}
	t.Fatalf("%sreplay: %s", text, replay)
}

// command is what replays the failure of a test.
func (f *Failure) command(test, world string) string {
	parts := strings.Split(test, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return fmt.Sprintf("%s='%s' go test -count=1 -run '%s' %s",
		EnvSeed, world, strings.Join(parts, "/"), callerPackage())
}

// callerPackage is the import path of the nearest caller that is not of this
// package, "." if that cannot be told.
func callerPackage() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	own := ""
	for {
		frame, more := frames.Next()
		dir, base := "", frame.Function
		if i := strings.LastIndexByte(base, '/'); i >= 0 {
			dir, base = base[:i+1], base[i+1:]
		}
		base, _, _ = strings.Cut(base, ".")
		switch {
		case own == "":
			own = dir + base
		case dir+base != own:
			return strings.TrimSuffix(dir+base, "_test")
		}
		if !more {
			return "."
		}
	}
}
