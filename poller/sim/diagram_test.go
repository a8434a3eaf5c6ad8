package sim_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/pike/poller/sim"
)

// drawn runs a world by Test with PIKE_TRACE and returns the file.
func drawn(t *testing.T, name string, cfg sim.Config, f func(w *sim.World) error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	t.Setenv(sim.EnvTrace, path)
	t.Setenv(sim.EnvSeed, "")
	fake := new(fakeT)
	fake.catch(func() { sim.Test(fake, cfg, f) })
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// brief is a world with a message, a note, a fault, a partition and a failure.
func brief(w *sim.World) error {
	a, b := w.Host("a"), w.Host("b<1>")
	w.Daemon(a, func(h *sim.Host) error {
		d := new(box)
		var err error
		if d.s, err = h.Bind(at("0.0.0.0", port), nil, d); err != nil {
			return err
		}
		d.s.Start()
		return idle(h)
	})
	w.At(10*time.Millisecond, func() { w.CutFor(b, a, 5*time.Millisecond) })
	w.Go(b, func(h *sim.Host) error {
		h.Poll(h.Now().Add(time.Millisecond))
		h.Notef("sends %d & waits", 1)
		d := new(box)
		var err error
		if d.s, err = h.Bind(at("0.0.0.0", 0), nil, d); err != nil {
			return err
		}
		for range 5 {
			d.send(message("10.0.0.1:7000", 10))
			h.Poll(h.Now().Add(5 * time.Millisecond))
		}
		w.Errorf("it has come to an end")
		return nil
	})
	return w.Run()
}

func TestDiagramAsText(t *testing.T) {
	text := drawn(t, "x.txt", sim.Config{Rules: []sim.Rule{{Fault: sim.Drop, Nth: 4}}}, brief)
	for _, want := range []string{
		`(?m)^ +a +b<1> *$`, `1\.000ms +\| +o +b<1>: - sends 1 & waits\n`, `\|<-+\| +20 bytes in 2 messages\n`,
		`10\.000ms +\|<[x-]+\| +is cut off from a\n`, `15\.000ms +\|<[ -]+\| +reaches a again\n`, `X +b<1>: ! drop 10\.0\.0\.1:7000\n`,
		`! fails: it has come to an end\n$`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("nothing is like %s in\n%s", want, text)
		}
	}
	decode := func(uint16, []byte) string { return "hello" }
	text = drawn(t, "x.txt", sim.Config{Decode: decode}, brief)
	if strings.Count(text, "hello\n") != 4 || strings.Contains(text, "bytes") {
		t.Errorf("four messages mean hello:\n%s", text)
	}
	text = drawn(t, "x.txt", sim.Config{}, chatter)
	if !strings.Contains(text, " bytes in ") || !strings.Contains(text, "->|") {
		t.Errorf("streams are not drawn:\n%s", text)
	}
}

func TestDiagramAsSVG(t *testing.T) {
	text := drawn(t, "x.svg", sim.Config{}, brief)
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("it is no XML: %v\n%s", err, text)
		}
	}
	for _, want := range []string{"<svg ", "b&lt;1&gt;", "sends 1 &amp; waits", "20 bytes in 2 messages",
		"is cut off from a", "reaches a again", "it has come to an end"} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing says %q in\n%s", want, text)
		}
	}
}

// TestDiagramOfALongRun is folded: its beginning and its end are drawn.
func TestDiagramOfALongRun(t *testing.T) {
	text := drawn(t, "x.txt", sim.Config{}, func(w *sim.World) error {
		w.Go(w.Host("a"), func(h *sim.Host) error {
			for i := range 5000 {
				h.Notef("at %d.", i)
				h.Poll(h.Now().Add(100 * time.Millisecond))
			}
			return errors.New("broken")
		})
		return w.Run()
	})
	lines := strings.Split(text, "\n")
	if len(lines) > 700 || !strings.Contains(text, " at 0.\n") || !strings.Contains(text, " at 4999.\n") ||
		strings.Contains(text, " at 2000.\n") || !strings.Contains(text, "rows are left out") {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines[:70], "\n"))
	}
}

// TestTraceOfAnotherName is the trace as ever.
func TestTraceOfAnotherName(t *testing.T) {
	var own strings.Builder
	text := drawn(t, "trace", sim.Config{Trace: &own}, brief)
	if text != own.String() || !strings.Contains(text, "ms b<1>: begins\n") {
		t.Errorf("the trace is\n%s", text)
	}
}
