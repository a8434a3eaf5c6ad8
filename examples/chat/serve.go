package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	ossignal "os/signal"
	"runtime"
	"syscall"
	"time"

	"go.uber.org/zap"

	"example.com/pike/examples/chat/server"
	"example.com/pike/examples/internal/quit"
	"example.com/pike/examples/internal/secure"
	"example.com/pike/loop"
	"example.com/pike/loop/workers"
	"example.com/pike/loop/zaplog"
	"example.com/pike/signal"
	"example.com/pike/stream/tlslayer"
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
	cfg, err := o.secure.Config(stdout)
	if err != nil {
		return err
	}
	if cfg != nil {
		o.layer = tlslayer.Server(cfg, nil)
	}
	so.Layer = o.layer
	if o.secure.Self {
		o.pin = secure.Fingerprint(cfg.Certificates[0].Certificate[0])
	}
	// One for the transcript, whose disk may be slow, and one for each core that handshakes may have.
	pool, err := workers.New(workers.Options{Size: 1 + runtime.GOMAXPROCS(0)})
	if err != nil {
		return err
	}
	lp, err := loop.New(loop.Options{Executor: pool, Logger: zaplog.Logger(log), Slow: time.Second})
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
	for _, d := range doors {
		said, err := d.open(srv, &o)
		if err != nil {
			return fmt.Errorf("the door for %s: %w", d.name, err)
		}
		if said != "" {
			fmt.Fprintln(stdout, said)
		}
	}
	if err := lp.Run(); err != nil {
		return err
	}
	if n := srv.Unwritten(); n > 0 {
		return fmt.Errorf("%d bytes of the transcript were not written", n) // and may never be: no use to wait
	}
	return pool.Close()
}

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
