package sim

import (
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// shrinkFor is the default of Config.ShrinkFor.
const shrinkFor = 30 * time.Second

// A trial is what came of a world with some strikes left out.
type trial struct {
	failure Failure
	left    []strike       // what has struck
	total   map[string]int // how many of each name there were, with those that were left out
	same    bool           // it fails as the one that was found
}

// strikes leaves out what has struck by chance and acts that were done, as many as it can, by delta debugging (Zeller and
// Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002): it tries to leave out a half, then a quarter,
// and so on to each alone. Those that are left keep their numbers, and so most of what they draw.
func (s *shrinker) strikes() (changed bool) {
	best := s.trial(nil, nil)
	if !best.same {
		return false
	}
	if s.best.struck == 0 {
		s.best.struck = len(best.left)
		best.failure.struck = len(best.left)
	}
	names := map[string]bool{}
	for parts := 2; len(best.left) > 0; {
		for name := range best.total { // another history may have others
			names[name] = true
		}
		parts = min(parts, len(best.left))
		smaller := s.first(best.left, names, parts)
		switch {
		case smaller != nil:
			best, changed = *smaller, true
			parts = max(parts-1, 2)
		case s.over() || parts == len(best.left):
			return changed && s.keep(&best)
		default:
			parts *= 2
		}
	}
	return changed && s.keep(&best)
}

// first leaves out each part of the strikes alone, some at once over all cores, and returns the first that fails
// in the same way. Which that is does not depend on which world is done first.
func (s *shrinker) first(left []strike, names map[string]bool, parts int) *trial {
	many := runtime.GOMAXPROCS(0)
	for from := 0; from < parts && !s.over(); from += many {
		trials := make([]trial, min(many, parts-from))
		var wait sync.WaitGroup
		for i := range trials {
			part := from + i
			rest := slices.Concat(left[:part*len(left)/parts], left[(part+1)*len(left)/parts:])
			wait.Add(1)
			go func() {
				defer wait.Done()
				trials[i] = s.trial(rest, names)
			}()
		}
		wait.Wait()
		for i := range trials {
			if trials[i].same && len(trials[i].left) < len(left) {
				return &trials[i]
			}
		}
	}
	return nil
}

// trial runs the world with no strikes of the names but these. If names is nil it leaves out nothing more.
func (s *shrinker) trial(only []strike, names map[string]bool) (t trial) {
	t.failure = s.best
	t.total = map[string]int{}
	cfg := s.best.Config.changed()
	if names != nil {
		kept := map[string][]int{}
		for name := range names {
			kept[name] = nil
		}
		for _, k := range only {
			kept[k.name] = append(kept[k.name], k.n)
		}
		for name, ns := range kept {
			cfg.spare.sets[name] = numbers{only: true, ranges: rangesOf(ns)}
		}
	}
	cfg.spare.log, cfg.spare.total = &t.left, &t.total
	w, err := attempt(s.best.Seed, cfg, s.run)
	t.same = err != nil && alike(err, s.found, s.unquoted)
	cfg.spare.log, cfg.spare.total = nil, nil
	t.failure.Config, t.failure.Err, t.failure.Hash = cfg, err, 0
	if w != nil {
		t.failure.Hash = w.Hash()
	}
	return t
}

// keep makes a trial the best, and says in words what was left out.
func (s *shrinker) keep(t *trial) bool {
	kept := map[string][]int{}
	for _, k := range t.left {
		kept[k.name] = append(kept[k.name], k.n)
	}
	sets := t.failure.Config.spare.sets
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		ns := kept[name]
		t.failure.less = slices.DeleteFunc(slices.Clone(t.failure.less), func(old string) bool { return ofStrikes(old, name) })
		switch {
		case len(ns) == t.total[name]: // none was left out
			delete(sets, name)
		case len(ns) == 0:
			sets[name] = numbers{ranges: [][2]int{{1, forever}}}
			t.failure.less = append(t.failure.less, "-"+name+"#1-")
		default:
			sets[name] = numbers{only: true, ranges: rangesOf(ns)}
			t.failure.less = append(t.failure.less, name+"#"+rangesText(rangesOf(ns)))
		}
	}
	if t.failure.whole == nil {
		t.failure.whole = s.best.Err
	}
	t.failure.left = len(t.left)
	s.best = t.failure
	return true
}

// ofStrikes reports whether a word of PIKE_SEED is about strikes of a name.
func ofStrikes(word, name string) bool {
	of, _, is := strings.Cut(word, "#")
	return is && strings.TrimPrefix(of, "-") == name
}
