package docs_test

import (
	"bytes"
	"context"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/pike/poller/system"
)

// The documents whose programs must be true.
var documents = []string{"README.md", "docs/guide.md", "docs/from-libuv.md"}

const (
	buildTimeout = 4 * time.Minute
	runTimeout   = time.Minute
)

// A program is a Go block of a document that begins with "package main". Where the next block is one of text, that is
// what the program prints.
type program struct {
	path   string // of the document, from the module's root
	line   int    // of its first line
	source string
	prints string
	ends   bool // there is such a block
}

// name is one that a folder and a binary can have.
func (p *program) name() string {
	return strings.NewReplacer("/", "_", ".", "_").Replace(p.path) + fmt.Sprint("_", p.line)
}

// TestPrograms builds every program of the documents as a user would, in a module of its own, and runs those that say
// what they print.
func TestPrograms(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command here")
	}
	root := moduleRoot(t)
	var all []*program
	for _, name := range documents {
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, programs(name, string(data))...)
	}
	if len(all) == 0 {
		t.Fatal("no programs in ", documents)
	}
	for _, p := range all {
		if got, err := format.Source([]byte(p.source)); err == nil && string(got) != p.source {
			t.Errorf("%s:%d: gofmt would change this program", p.path, p.line)
		}
	}
	bin := build(t, root, all)
	for _, p := range all {
		if !p.ends {
			continue
		}
		t.Run(p.name(), func(t *testing.T) {
			if len(system.Backends()) == 0 {
				t.Skip("this system has no poller yet")
			}
			p.run(t, filepath.Join(bin, p.name()))
		})
	}
}

// programs finds the programs of a document.
func programs(path, text string) []*program {
	var found []*program
	var last *program // whose output may follow
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		info, fence := strings.CutPrefix(lines[i], "```")
		if !fence {
			continue
		}
		first := i + 1
		for i = first; i < len(lines) && !strings.HasPrefix(lines[i], "```"); i++ {
		}
		body := strings.Join(lines[first:min(i, len(lines))], "\n") + "\n"
		switch {
		case info == "go" && strings.HasPrefix(body, "package main\n"):
			last = &program{path: path, line: first + 1, source: body}
			found = append(found, last)
		case info == "text" && last != nil:
			last.prints, last.ends = body, true
			last = nil
		default:
			last = nil
		}
	}
	return found
}

// TestProgramsAreFound holds the reader of documents: what is no program, and whose output a block is.
func TestProgramsAreFound(t *testing.T) {
	const text = "# T\n```go\nx := 1\n```\n```text\nno\n```\n```go\npackage main\n\nA\n```\nprints\n```text\na\nb\n```\n" +
		"```go\npackage main\n\nB\n```\n```console\n$ b\n```\n```text\nno\n```\n"
	var got []string
	for _, p := range programs("docs/a.md", text) {
		got = append(got, fmt.Sprintf("%s:%d %q prints %q %v", p.name(), p.line, p.source, p.prints, p.ends))
	}
	want := []string{
		`docs_a_md_9:9 "package main\n\nA\n" prints "a\nb\n" true`,
		`docs_a_md_19:19 "package main\n\nB\n" prints "" false`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// build compiles all programs into a folder of binaries, without a network.
func build(t *testing.T, root string, all []*program) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	_, requirements, _ := strings.Cut(read("go.mod"), "\n") // the versions that are tested
	write("go.mod", fmt.Sprintf("module example.com/guide\n%s\nrequire %s v0.0.0\n\nreplace %s => %q\n",
		requirements, module, module, root))
	write("go.sum", read("go.sum"))
	for _, p := range all {
		// The compiler's messages name the document.
		write(filepath.Join(p.name(), "main.go"),
			fmt.Sprintf("//line %s:%d\n%s", filepath.Join(root, filepath.FromSlash(p.path)), p.line, p.source))
	}
	ctx, cancel := context.WithTimeout(t.Context(), buildTimeout)
	defer cancel()
	bin := filepath.Join(dir, "bin") + string(filepath.Separator)
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", bin, "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "GOOS=", "GOARCH=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// run compares what a program prints with what its document says.
func (p *program) run(t *testing.T, name string) {
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || string(out) != p.prints {
		t.Errorf("%s:%d: %v\n%s\nprints\n%s\nnot\n%s", p.path, p.line, err, stderr.Bytes(), out, p.prints)
	}
}
