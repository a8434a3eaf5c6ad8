package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// soloTimeout bounds a program that measures itself.
const soloTimeout = time.Minute

func (b *Bench) oneCore() []int   { return []int{b.cores.Server} }
func (b *Bench) bothCores() []int { return []int{b.cores.Server, b.cores.Load} }

// selfMeasured runs a peer that needs no load and prints its sample. With window its last argument is how long to
// measure, in ms.
func selfMeasured(window bool, cores func(*Bench) []int) func(context.Context, *Bench, Peer) (Sample, error) {
	return func(ctx context.Context, b *Bench, p Peer) (s Sample, err error) {
		ctx, cancel := context.WithTimeout(ctx, soloTimeout)
		defer cancel()
		path, err := p.Program.build(ctx, b.out)
		if err != nil {
			return nil, err
		}
		args := p.Args[:len(p.Args):len(p.Args)]
		if window {
			args = append(args, strconv.FormatInt(b.window.Milliseconds(), 10))
		}
		cmd := exec.CommandContext(ctx, path, args...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := b.startChild(cmd, cores(b)); err != nil {
			return nil, err
		}
		if err := cmd.Wait(); err != nil {
			return nil, errors.Join(err, errors.New(strings.TrimSpace(stderr.String())))
		}
		if err := json.Unmarshal(stdout.Bytes(), &s); err != nil {
			return nil, fmt.Errorf("%s said %q: %w", p.Name, stdout.String(), err)
		}
		return s, nil
	}
}
