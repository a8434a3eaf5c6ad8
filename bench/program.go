package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// buildTimeout leaves room for a first build of a library and its dependencies on a busy machine.
const buildTimeout = 3 * time.Minute

// A Program is built once, however many peers run it.
type Program struct {
	name    string
	dir     string
	command []string // the built file's path is its last argument but for those in after
	after   []string
	built   bool
	missing error
}

func compileC(name, source string, more ...string) *Program {
	return &Program{
		name: name, dir: ".",
		command: []string{"cc", "-O2", "-o"},
		after:   append([]string{source}, more...),
	}
}

func buildGo(name, dir, pkg string) *Program {
	return &Program{name: name, dir: dir, command: []string{"go", "build", "-o"}, after: []string{pkg}}
}

// build returns the path of the built file, or the reason that there is none. A peer that cannot be built is left out.
func (p *Program) build(ctx context.Context, out string) (string, error) {
	target, err := filepath.Abs(filepath.Join(out, p.name))
	if err != nil || p.built {
		return target, err
	}
	if p.missing == nil {
		p.missing = p.make(ctx, target)
		p.built = p.missing == nil
	}
	return target, p.missing
}

func (p *Program) make(ctx context.Context, target string) error {
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	args := append(append(p.command[1:len(p.command):len(p.command)], target), p.after...)
	cmd := exec.CommandContext(ctx, p.command[0], args...)
	cmd.Dir = p.dir
	cmd.WaitDelay = time.Second
	output, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %s", p.command[0], strings.Join(p.after, " "), complaint(output, err))
}

// complaint is the line of a compiler's output that says most: the first error, or else the last line.
func complaint(output []byte, err error) string {
	said := err.Error()
	for line := range bytes.Lines(output) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			said = string(line)
		}
		if bytes.Contains(line, []byte("error:")) {
			break
		}
	}
	return said
}
