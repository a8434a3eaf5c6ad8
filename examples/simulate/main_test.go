package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"example.com/pike/examples/internal/program"
)

// worldsMost is within how many worlds each bug must be found.
const worldsMost = 2000

// runs runs the built program and returns its status and what it wrote.
func runs(t *testing.T, path string, args ...string) (int, string) {
	t.Helper()
	out, err := exec.Command(path, args...).CombinedOutput()
	code := 0
	if err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			t.Fatal(err)
		}
		code = exit.ExitCode()
	}
	return code, string(out)
}

func TestCommand(t *testing.T) {
	path := program.Build(t)
	wants := func(code int, pattern string, args ...string) string {
		t.Helper()
		got, out := runs(t, path, args...)
		if got != code || !regexp.MustCompile(pattern).MatchString(out) {
			t.Errorf("%q: status %d, want %d; it wrote\n%s", args, got, code, out)
		}
		return out
	}
	first := wants(0, `^seed 7 trace [0-9a-f]{16} ok\n$`, "-seed", "7")
	if again := wants(0, `ok`, "-seed", "7"); again != first {
		t.Errorf("%q and then %q", first, again)
	}
	story := wants(0, `(?s)srv: listens on .*srv: accepted .*`, "-seed", "7", "-trace")
	if !strings.HasSuffix(story, first) {
		t.Error("with its story the world ends differently")
	}
	wants(0, `(?s)^20 worlds of 5 clients in .* worlds a second, .* of virtual time, .*\n.* connections, .*\nfaults: short-send \d+`,
		"-seed", "3", "-worlds", "20", "-clients", "5", "-duration", "2s")
	wants(0, `faults: none\n$`, "-worlds", "2", "-faults", "none")
	wants(2, `simulate: .*"fire"`, "-faults", "fire")
	wants(2, `simulate: .*"fire"`, "-plant", "fire")
	wants(2, `simulate: .*"fire"`, "-without", "drop,fire")
	wants(2, `flag provided but not defined`, "-fire")
	wants(2, `at least`, "-clients", "0")

	names := strings.Fields(wants(0, `^([a-z-]+\n){6,}$`, "-plants"))
	for _, name := range names {
		if plantNamed(name) == nil {
			t.Errorf("-plants lists %q", name)
		}
	}
}

// TestReplay runs what a failing search says to run: that fails too, in the same way every time.
func TestReplay(t *testing.T) {
	path := program.Build(t)
	code, out := runs(t, path, "-worlds", "2000", "-plant", "lost-write")
	replays := regexp.MustCompile(`(?m)^replay: go run \./examples/simulate (.*)$`).FindAllStringSubmatch(out, -1)
	failed := regexp.MustCompile(`(?m)^seed \d+ trace [0-9a-f]{16} FAILED: .*$`).FindString(out)
	if code != 1 || len(replays) == 0 || failed == "" {
		t.Fatalf("status %d; it wrote\n%s", code, out)
	}
	for i, r := range replays {
		code, out := runs(t, path, strings.Fields(r[1])...)
		if code != 1 || i == 0 && !strings.Contains(out, failed) {
			t.Errorf("%s: status %d, want 1 and %s", r[1], code, failed)
		}
	}
}
