// Package program runs the examples for their tests as people run them. The go command
// builds them. They run in a process of their own, and a signal ends them.
package program

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Patience bounds every wait; nothing is expected to take so long.
const Patience = 30 * time.Second

// built is where .ci/kqueue leaves the example for a machine that has no go command.
const built = "example.exe"

// Build builds the program in the test's folder and returns its path.
func Build(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil { // only then, because a program beside its source may be old
		path, _ := filepath.Abs(built)
		if _, missing := os.Stat(path); missing != nil {
			t.Skip("the go command is not here to build the example: ", err)
		}
		return path
	}
	path := filepath.Join(t.TempDir(), built)
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// A Program is an example that runs.
type Program struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string // of both outputs; closed at their end
	ended chan error
	seen  []string
}

// Start runs the program at path.
func Start(t *testing.T, path string, args ...string) *Program {
	t.Helper()
	return StartWith(t, nil, path, args...)
}

// StartWith is Start of a program that inherits files, as its descriptors from 3 on.
func StartWith(t *testing.T, files []*os.File, path string, args ...string) *Program {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &Program{t: t, cmd: exec.Command(path, args...), lines: make(chan string, 1<<16), ended: make(chan error, 1)}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.ExtraFiles = w, w, files
	err = p.cmd.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer r.Close()
		defer close(p.lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() { p.cmd.Process.Kill() })
	return p
}

// Expect reads lines up to one with text in it, and returns what follows that.
func (p *Program) Expect(text string) string {
	p.t.Helper()
	late := time.After(Patience)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("the program ended without a line %q; it wrote:\n%s", text, p.Output())
			}
			p.seen = append(p.seen, line)
			if _, rest, ok := strings.Cut(line, text); ok {
				return rest
			}
		case <-late:
			p.t.Fatalf("no line %q in %v; it wrote:\n%s", text, Patience, p.Output())
		}
	}
}

// Signal sends a signal.
func (p *Program) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// Wait waits for the end and returns the exit code, -1 after a signal.
func (p *Program) Wait() int {
	p.t.Helper()
	late := time.After(Patience)
	select {
	case err := <-p.ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			p.t.Fatal(err)
		}
	case <-late:
		p.t.Fatalf("the program still ran after %v; it wrote:\n%s", Patience, p.Output())
	}
	for line := range p.lines {
		p.seen = append(p.seen, line)
	}
	return p.cmd.ProcessState.ExitCode()
}

// Output is all lines read so far.
func (p *Program) Output() string { return strings.Join(p.seen, "\n") + "\n" }

// Ends fails the test unless the program ends with an exit code, having written
// each of texts.
func (p *Program) Ends(code int, texts ...string) {
	p.t.Helper()
	if got := p.Wait(); got != code {
		p.t.Errorf("exit code %d, want %d", got, code)
	}
	for _, text := range texts {
		if !strings.Contains(p.Output(), text) {
			p.t.Errorf("it did not write %q", text)
		}
	}
	if p.t.Failed() {
		p.t.Logf("it wrote:\n%s", p.Output())
	}
}
