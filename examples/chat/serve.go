package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	ossignal "os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"

	"example.com/pike/examples/chat/server"
	"example.com/pike/examples/internal/quit"
	"example.com/pike/loop"
	"example.com/pike/loop/workers"
	"example.com/pike/loop/zaplog"
	"example.com/pike/signal"
)

// serve runs the server until a signal ends it.
func serve(o options, stdout, stderr io.Writer) (err error) {
	sink := newSink(stderr)
	defer sink.stop()
	log := logger(sink, o.quiet)
	so := server.Options{Idle: o.idle, Max: o.max, Rate: o.rate}
	if o.idle == 0 {
		so.Idle = -1
	}
	if o.rate == 0 {
		so.Rate = -1
	}
	if o.transcript != "" {
		f, err := os.OpenFile(o.transcript, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		so.Transcript = f
	}
	pool, err := workers.New(workers.Options{Size: 1})
	if err != nil {
		return err
	}
	lp, err := loop.New(loop.Options{Executor: pool, Logger: zaplog.Logger(log)})
	if err != nil {
		return err
	}
	defer lp.Close()
	srv, err := server.Listen(lp, o.listen, so)
	if err != nil {
		return err
	}
	if err := errors.Join(shutdownOnSignal(lp, log), quit.Explain(lp, stderr)); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "listening on %v\njoin with: %s\n", srv.Addr(), invitation(srv.Addr()))
	if o.web != "" {
		web, err := srv.ListenWeb(o.web, server.WebOptions{Fallback: o.web == webDefault})
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "or in a browser: %v\n", web)
	}
	if err := lp.Run(); err != nil {
		return err
	}
	if n := srv.Unwritten(); n > 0 {
		return fmt.Errorf("%d bytes of the transcript were not written", n) // and may never be: no use to wait
	}
	return pool.Close()
}

// webDefault is where the page is, if that is free.
const webDefault = "127.0.0.1:7080"

// grace is how long clients have to take their last lines, and the disk the transcript.
const grace = 10 * time.Second

// shutdownOnSignal ends the loop in order by a first signal and at once by a second.
func shutdownOnSignal(lp *loop.Loop, log *zap.Logger) error {
	ossignal.Ignore(syscall.SIGPIPE) // a log that nobody reads any more is no reason to die
	signals := 0
	_, err := signal.Notify(lp, func(sig os.Signal) {
		log.Info("signal", zap.Stringer("signal", sig))
		if signals++; signals == 1 {
			lp.Shutdown(context.Background(), grace, func(r loop.ShutdownReport) {
				log.Info("shut down", zap.Int("finished", r.Finished), zap.Int("cut", r.Cut),
					zap.Duration("took", r.Took), zap.Error(r.Err))
			})
		} else {
			lp.Shutdown(context.Background(), 0, nil)
		}
	}, os.Interrupt, syscall.SIGTERM)
	return err
}

// invitation is a command that joins a server on addr from its own machine.
func invitation(addr netip.AddrPort) string {
	ip := addr.Addr().String()
	if addr.Addr().IsUnspecified() {
		ip = "localhost"
	}
	return fmt.Sprintf("nc %s %d", ip, addr.Port())
}
