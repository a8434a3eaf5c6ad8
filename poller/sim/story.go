package sim

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"example.com/pike/poller"
)

// Notef has the trace tell what the program of h means by what it does, as in "becomes the leader of term 7". The text
// is made only if somebody reads the trace.
func (h *Host) Notef(format string, args ...any) {
	if !h.w.enter() {
		return
	}
	h.record(vNote, 0, 0, eOK)
	if t := &h.w.trace; t.out != nil {
		t.tell(h.w.now, h.name, vNote, &poller.Addr{Path: "- " + fmt.Sprintf(format, args...)}, 0, eOK)
	}
}

// decoded tells what Config.Decode makes of bytes that h sends to or receives from a peer.
func (h *Host) decoded(says bool, port uint16, peer *poller.Addr, bufs ...[]byte) {
	w := h.w
	t := &w.trace
	if t.out == nil || w.cfg.Decode == nil {
		return
	}
	text := w.cfg.Decode(port, bytes.Join(bufs, nil))
	if text == "" {
		return
	}
	how := "hears from"
	if says {
		how = "says to"
	} else if t.diagram != nil {
		t.diagram.means(text)
	}
	fmt.Fprintf(t.out, "%s %s: %s %v: %s\n", clock(w.now), h.name, how, peer, text)
}

// decodedEach is decoded for datagrams.
func (h *Host) decodedEach(says bool, port uint16, ms []poller.Message, connected netip.AddrPort) {
	t := &h.w.trace
	if t.out == nil {
		return
	}
	for i := range ms {
		peer, at := poller.AddrOf(ms[i].Peer), port
		if !ms[i].Peer.IsValid() {
			peer = poller.AddrOf(connected)
		}
		if says {
			at = peer.Port()
		} else if t.diagram != nil {
			t.diagram.datagram(h.w.now, &peer, h.name, len(ms[i].Data))
		}
		h.decoded(says, at, &peer, ms[i].Data)
	}
}

// A Violation is the failure of a world in which what World.Always was given did not hold.
type Violation struct {
	Name string
	At   poller.Time
	Err  error
}

// Error has the name and what was wrong.
func (v *Violation) Error() string {
	return fmt.Sprintf("sim: always %s: %v, at %s", v.Name, v.Err, clock(v.At))
}

// Unwrap is Err.
func (v *Violation) Unwrap() error { return v.Err }

// An invariant is what Always was given.
type invariant struct {
	name  string
	check func() error
}

// Always has check called whenever code of a program, or of World.At, has run. An error ends the world at once with
// a *Violation, so that its trace ends where it went wrong. The check must be fast and change nothing. Two violations
// of one name are the same failure for Explore if their errors are, too.
func (w *World) Always(name string, check func() error) {
	if check == nil {
		panic("sim: Always without a check")
	}
	w.enter()
	w.invariants = append(w.invariants, invariant{name, check})
}

// verify looks whether what is always so is so.
func (w *World) verify() {
	for i := 0; i < len(w.invariants) && w.err == nil; i++ {
		v := &w.invariants[i]
		if err := v.check(); err != nil {
			w.fail(&Violation{v.name, w.now, err})
		}
	}
}

// Sometimes notes whether something that a test hopes to see is so. Explore fails if it was asked about a name and it
// was so in none of its worlds: then the worlds do not get where the test was to look. This is not held against those
// who run fewer worlds by PIKE_SEEDS.
func (w *World) Sometimes(name string, is bool) {
	w.enter()
	if w.sometimes == nil {
		w.sometimes = map[string]bool{}
	}
	w.sometimes[name] = w.sometimes[name] || is
}

// noteSometimes adds what was seen in a world.
func (r *Result) noteSometimes(w *World) {
	for name, is := range w.sometimes {
		if r.Sometimes == nil {
			r.Sometimes = map[string]int{}
		}
		r.Sometimes[name] += flag(is)
	}
}

// never are the names that Sometimes was asked about, of which nothing was so.
func (r *Result) never() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(r.Sometimes)) {
		if r.Sometimes[name] == 0 {
			names = append(names, name)
		}
	}
	return names
}

// tellFailure ends the trace of a world: what programs do behind it only clears up.
func (w *World) tellFailure(err error) {
	if w.trace.out == nil {
		return
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	w.trace.tell(w.now, worldName, vViolation, &poller.Addr{Path: "! fails: " + text}, 0, eOK)
	w.trace.out = nil
}
