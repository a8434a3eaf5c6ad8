// Worker shows what to do with work that blocks. Files are read and hashed on a pool of
// goroutines. Each result is a callback on the loop, where nothing needs a lock. An
// interrupt, or -timeout, cancels the jobs that have not begun, and tells the others
// through their context.
//
//	go run ./examples/worker go.mod go.sum README.md
//	go run ./examples/worker -workers 1 -timeout 2s /dev/zero go.mod
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"hash"
	"io"
	"os"
	"syscall"
	"time"

	"example.com/pike/loop"
	"example.com/pike/loop/workers"
	"example.com/pike/signal"
	"example.com/pike/timer"
)

func main() {
	size := flag.Int("workers", 2, "read so many files at once")
	timeout := flag.Duration("timeout", 0, "give up after so long; 0 is never")
	flag.Parse()
	if flag.NArg() == 0 || *size <= 0 || *timeout < 0 {
		fmt.Fprintln(os.Stderr, "worker: give files to hash; -workers is positive, -timeout is not negative")
		flag.Usage()
		os.Exit(2)
	}
	failed, err := run(flag.Args(), *size, *timeout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
	}
	if err != nil || failed > 0 {
		os.Exit(1)
	}
}

// run reports how many files could not be read.
func run(files []string, size int, timeout time.Duration) (failed int, err error) {
	pool, err := workers.New(workers.Options{Size: size})
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	lp, err := loop.New(loop.Options{Executor: pool})
	if err != nil {
		return 0, err
	}
	defer lp.Close()
	h := &hasher{lp: lp, left: len(files)}
	if err := h.start(files, timeout); err != nil {
		return 0, err
	}
	if err := lp.Run(); err != nil { // until the last result is in
		return 0, err
	}
	fmt.Printf("%d hashed, %d failed, %d canceled; the loop ticked %d times meanwhile\n",
		h.hashed, h.failed, h.canceled, h.ticks)
	return h.failed, nil
}

// A hasher belongs to the loop: its fields are touched by callbacks alone.
type hasher struct {
	lp                             *loop.Loop
	cancel                         context.CancelCauseFunc
	left, hashed, failed, canceled int
	ticks                          int
}

func (h *hasher) start(files []string, timeout time.Duration) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	h.cancel = cancel
	interrupt, err := signal.Notify(h.lp, func(s os.Signal) {
		fmt.Printf("%v: canceling %d files\n", s, h.left)
		h.cancel(errors.New("interrupted"))
	}, os.Interrupt, syscall.SIGTERM)
	if err != nil {
		return err
	}
	interrupt.Unref() // the jobs keep the loop running, and nothing else
	if timeout > 0 {
		t, err := timer.After(h.lp, timeout, func() { h.cancel(os.ErrDeadlineExceeded) })
		if err != nil {
			return err
		}
		t.Unref()
	}
	// The loop is free while the workers are not.
	tick, err := timer.Every(h.lp, 10*time.Millisecond, func() { h.ticks++ })
	if err != nil {
		return err
	}
	tick.Unref()

	for _, name := range files {
		_, err := loop.Work(ctx, h.lp,
			func(ctx context.Context) (hash.Hash, error) { return sum(ctx, name) }, // on a worker
			func(sum hash.Hash, err error) { h.done(ctx, name, sum, err) })         // on the loop
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *hasher) done(ctx context.Context, name string, sum hash.Hash, err error) {
	h.left--
	switch {
	case err == nil:
		h.hashed++
		fmt.Printf("%x  %s\n", sum.Sum(nil), name)
	case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		h.canceled++
		fmt.Printf("%s: canceled: %v\n", name, err)
	default:
		h.failed++
		fmt.Println(err)
	}
}

// sum blocks, so it runs off the loop. A job that has begun is not interrupted, so it has
// to look at its context now and then.
func sum(ctx context.Context, name string) (hash.Hash, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	for buf := make([]byte, 1<<20); ctx.Err() == nil; {
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			return h, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, context.Cause(ctx)
}
