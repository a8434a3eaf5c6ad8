package sim

import (
	"bytes"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// A sight is what a look at all goroutines of the process has shown.
type sight struct {
	busy      bool // a job does something, or a goroutine that it has started does
	strangers bool // others, that have nothing to do with any world, may do something
}

// A routine is a goroutine as the runtime describes it.
type routine struct {
	id, parent uint64
	ofJob      bool // it is a job's
	state      string
	ofWorld    bool // it runs a world, or a program of one
	text       []byte
}

// goroutineID is the number of the goroutine that calls, which only the description of
// its stack tells.
func goroutineID() uint64 {
	var b [40]byte
	id, _ := identified(b[:runtime.Stack(b[:], false)])
	return id
}

// identified takes the number out of "goroutine 18 [running]:".
func identified(text []byte) (id uint64, rest []byte) {
	text = bytes.TrimPrefix(text, []byte("goroutine "))
	i := 0
	for ; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
		id = 10*id + uint64(text[i]-'0')
	}
	return id, text[i:]
}

// look finds out what jobs do. The runtime stops everything for that, so that all it says
// is of one moment. A goroutine that somebody has just released is runnable then.
func (js *jobs) look(of []*job) sight {
	routines := js.routines()
	var seen sight
	kin := map[uint64]bool{}
	for _, j := range of {
		if j.id == 0 {
			j.id = begun(routines)
		}
		j.knows(routines)
		for i := range routines {
			r := &routines[i]
			if !j.family[r.id] {
				continue
			}
			kin[r.id] = true
			if !r.waits() {
				seen.busy = true
			}
			if r.id == j.id {
				j.waits = r.state + " in " + r.place()
			}
		}
		seen.busy = seen.busy || j.id == 0
	}
	seen.busy = seen.busy || js.carriesOn(routines)
	alive := map[uint64]bool{}
	for i := range routines {
		alive[routines[i].id] = true
	}
	for i := range routines {
		if r := &routines[i]; !r.ofWorld && !kin[r.id] && r.stirs(alive[r.parent]) {
			seen.strangers = true
		}
	}
	return seen
}

// carriesOn reports whether a goroutine that any job has started, also one that has ended, does something: a
// job may wait for what an earlier one has begun, as the steps of a TLS handshake do. Those that sleep, or
// wait for the network, may do that for ever.
func (js *jobs) carriesOn(routines []routine) (busy bool) {
	js.mu.Lock()
	defer js.mu.Unlock()
	for more := true; more; {
		more = false
		for i := range routines {
			r := &routines[i]
			if js.lines[r.parent] && !js.lines[r.id] {
				js.lines[r.id], more = true, true
			}
		}
	}
	for i := range routines {
		if r := &routines[i]; js.lines[r.id] && !r.waits() && r.state != "sleep" && r.state != "IO wait" && r.state != "syscall" {
			return true
		}
	}
	return false
}

// stirs reports whether r may be about to do something. A goroutine that sleeps, or waits
// for the network, counts only if the goroutine that has started it is gone. That may have
// been the child of a job.
func (r *routine) stirs(hasParent bool) bool {
	switch r.state {
	case "running", "runnable":
		return true
	case "sleep", "IO wait":
		return !hasParent
	}
	return false
}

// begun finds the goroutine of the job that the calling goroutine has begun: it has started
// it, it is a job's, and it is not loose. 0 means that there is none, or that another one has
// not quite ended. A short job need not find out its own number so.
func begun(routines []routine) (id uint64) {
	root := goroutineID()
	for i := range routines {
		r := &routines[i]
		if !r.ofJob || r.parent != root {
			continue
		}
		if _, loose := looseIDs.Load(r.id); loose {
			continue
		}
		if id != 0 {
			return 0
		}
		id = r.id
	}
	return id
}

// knows learns which goroutines the job has started.
func (j *job) knows(routines []routine) {
	if j.family == nil {
		j.family = map[uint64]bool{}
	}
	if j.id != 0 {
		j.family[j.id] = true
	}
	for more := true; more; {
		more = false
		for i := range routines {
			if r := &routines[i]; j.family[r.parent] && !j.family[r.id] {
				j.family[r.id], more = true, true
			}
		}
	}
}

// dumpMost bounds the description of all goroutines. Goroutines that have no room in it
// count as waiting.
const dumpMost = 64 << 20

func (js *jobs) routines() (rs []routine) {
	if js.dump == nil {
		js.dump = make([]byte, 64<<10)
	}
	n := runtime.Stack(js.dump, true)
	for n == len(js.dump) && n < dumpMost {
		js.dump = make([]byte, 2*n)
		n = runtime.Stack(js.dump, true)
	}
	for text := range bytes.SplitSeq(js.dump[:n], []byte("\n\n")) {
		rs = append(rs, described(text))
	}
	return rs
}

var (
	ownFrames = []byte("/poller/sim.")
	creator   = []byte(" in goroutine ")
	beginning = []byte("/poller/sim.(*job).happen")
	entering  = []byte("/poller/sim.(*World).enter(")
)

func described(text []byte) (r routine) {
	r.text = text
	var rest []byte
	r.id, rest = identified(text)
	rest, _, _ = bytes.Cut(bytes.TrimPrefix(rest, []byte(" [")), []byte("]"))
	state, _, _ := bytes.Cut(rest, []byte(","))
	r.state = strings.TrimSuffix(string(state), " (scan)")
	r.ofWorld = bytes.Contains(text, ownFrames)
	if i := bytes.LastIndex(text, []byte("\ncreated by ")); i >= 0 {
		if j := bytes.Index(text[i:], creator); j >= 0 {
			r.parent, _ = identified(text[i+j+len(creator):])
			r.ofJob = bytes.Contains(text[i:i+j], beginning)
		}
	}
	return r
}

// waits reports whether another goroutine has to do something before r goes on. A goroutine
// that sleeps, or waits for the system, goes on by itself. The names are those of
// waitReasonStrings in runtime/runtime2.go.
//
// Two goroutines look as if they waited and do not. The runtime itself waits by semaphores, for
// example in a job that begins a collection while somebody looks at all goroutines. No function
// of sync or internal/poll is on top of its stack then. And a goroutine that is about to enter
// the gate waits for the gate's mutex, which nobody keeps.
func (r *routine) waits() bool {
	if r.state == "semacquire" && !bytes.Contains(r.text, []byte(".runtime_Semacquire")) ||
		bytes.Contains(r.text, entering) && strings.HasPrefix(r.state, "sync.") {
		return false
	}
	for _, state := range [...]string{"chan ", "select", "sync.", "semacquire", "coroutine"} {
		if strings.HasPrefix(r.state, state) {
			return true
		}
	}
	return false
}

// place is the function that waits, and its line.
func (r *routine) place() string {
	lines := strings.Split(string(r.text), "\n")
	for i := 1; i+1 < len(lines); i += 2 {
		name := lines[i]
		if j := strings.LastIndexByte(name, '('); j > 0 {
			name = name[:j]
		}
		switch pkg, _, _ := strings.Cut(name, "."); pkg {
		case "runtime", "sync", "internal/sync", "internal/runtime/sync":
			continue
		}
		file, _, _ := strings.Cut(strings.TrimSpace(lines[i+1]), " ")
		line := ""
		if j := strings.LastIndexByte(file, ':'); j > 0 {
			file, line = file[:j], file[j:]
		}
		if _, err := strconv.Atoi(strings.TrimPrefix(line, ":")); err != nil {
			continue
		}
		return name + " (" + filepath.Base(file) + line + ")"
	}
	return "a place that is not known"
}
