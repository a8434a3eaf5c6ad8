package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// startTimeout bounds the wait for a server's address. stopTimeout bounds the wait for the pipes of a killed server.
	startTimeout = 10 * time.Second
	stopTimeout  = 2 * time.Second
	// loadSlack is how long a load may take besides its usual warm-up and window. It connects, has longer ones if there
	// are many connections, and may have to give up on a stall.
	loadSlack = 45 * time.Second
)

// A Server is a running peer, which says in a line of its output where it listens.
type Server struct {
	Addr   string
	PID    int
	cmd    *exec.Cmd
	stderr bytes.Buffer
	output bytes.Buffer  // what it wrote after its address; complete when ended is closed
	ended  chan struct{} // its output has
}

func (b *Bench) startServer(ctx context.Context, path string, p Peer, cores []int) (*Server, error) {
	s := &Server{cmd: exec.CommandContext(ctx, path, p.Args...), ended: make(chan struct{})}
	s.cmd.Stderr = &s.stderr
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if len(p.Env) > 0 {
		s.cmd.Env = append(os.Environ(), p.Env...)
	}
	if err := b.startChild(s.cmd, cores); err != nil {
		return nil, err
	}
	s.PID = s.cmd.Process.Pid
	addr := make(chan string, 1)
	go func() {
		defer close(s.ended)
		output := bufio.NewReader(stdout)
		addr <- announced(output)
		io.Copy(&s.output, output)
	}()
	select {
	case s.Addr = <-addr:
	case <-time.After(startTimeout):
	case <-ctx.Done():
	}
	if s.Addr == "" {
		s.Stop()
		return nil, fmt.Errorf("%s has not said where it listens: %s", path, strings.TrimSpace(s.stderr.String()))
	}
	return s, nil
}

// Stop kills the server. A peer need not end cleanly, and the next must not run beside it.
func (s *Server) Stop() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// Finish asks the server to end, and returns what it says then.
func (s *Server) Finish() string {
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(stopTimeout):
	}
	s.Stop()
	<-s.ended
	return s.output.String()
}

// announced reads up to the line "listening KIND ADDR" and returns the address, or "" at the end of the output.
func announced(output *bufio.Reader) string {
	for {
		line, err := output.ReadString('\n')
		if f := strings.Fields(line); len(f) == 3 && f[0] == "listening" {
			return f[2]
		}
		if err != nil {
			return ""
		}
	}
}

// startChild starts a child that ends with the bench, even if the bench is killed. The child has a session of its own.
// That is a scheduling group of its own, so the child need not share its core with all that the user's shell runs.
func (b *Bench) startChild(cmd *exec.Cmd, cores []int) error {
	cmd.WaitDelay = stopTimeout
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}
	if err := startOn(cores, b.cores.Nice, cmd.Start); err != nil {
		return err
	}
	raiseSession(cmd.Process.Pid, b.cores.Nice)
	return nil
}

// loadServer starts a peer, runs a load on it, and fills report with what the load printed.
func (b *Bench) loadServer(ctx context.Context, p Peer, report any, kind string, args ...string) error {
	_, err := b.loadServerOn(ctx, []int{b.cores.Server}, p, report, kind, args...)
	return err
}

// loadServerOn also returns what the server said when it was ended.
func (b *Bench) loadServerOn(ctx context.Context, cores []int, p Peer, report any, kind string, args ...string) (said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, b.warm+b.window+loadSlack)
	defer cancel()
	path, err := p.Program.build(ctx, b.out)
	if err != nil {
		return "", err
	}
	s, err := b.startServer(ctx, path, p, cores)
	if err != nil {
		return "", err
	}
	err = b.runLoad(ctx, s, report, kind, args)
	if len(cores) > 1 || len(p.Env) > 0 {
		said = s.Finish()
	} else {
		s.Stop()
	}
	if err != nil && s.stderr.Len() > 0 {
		err = fmt.Errorf("%w; the server said: %s", err, bytes.TrimSpace(s.stderr.Bytes()))
	}
	return said, err
}

// runLoad runs this program once more, as the load. The load is a process of its own, whose runtime does nothing by
// itself.
func (b *Bench) runLoad(ctx context.Context, s *Server, report any, kind string, args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	target := []string{"load", kind, "-addr", s.Addr, "-pid", strconv.Itoa(s.PID), "-core", strconv.Itoa(b.cores.Server)}
	cmd := exec.CommandContext(ctx, self, append(target, args...)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := b.startChild(cmd, []int{b.cores.Load}); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		if said := strings.TrimSpace(stderr.String()); said != "" {
			err = errors.New(said)
		}
		return err
	}
	return json.Unmarshal(stdout.Bytes(), report)
}
