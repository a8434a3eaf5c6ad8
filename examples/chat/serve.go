package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	ossignal "os/signal"
	"syscall"

	"go.uber.org/zap"

	"example.com/pike/examples/chat/server"
	"example.com/pike/loop"
	"example.com/pike/loop/workers"
	"example.com/pike/signal"
)

// serve runs the server until a signal ends it.
func serve(o options, stdout, stderr io.Writer) (err error) {
	sink := newSink(stderr)
	defer sink.stop()
	log := logger(sink, o.quiet)
	so := server.Options{Idle: o.idle, Max: o.max}
	if o.idle == 0 {
		so.Idle = -1
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
	lp, err := loop.New(loop.Options{Executor: pool, Logger: log})
	if err != nil {
		return err
	}
	defer lp.Close()
	srv, err := server.Listen(lp, o.listen, so)
	if err != nil {
		return err
	}
	if err := shutdownOnSignal(lp, srv, log); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "listening on %v\njoin with: %s\n", srv.Addr(), invitation(srv.Addr()))
	if err := lp.Run(); err != nil {
		return err
	}
	if n := srv.Unwritten(); n > 0 {
		return fmt.Errorf("%d bytes of the transcript were not written", n) // and may never be: no use to wait
	}
	return pool.Close()
}

// shutdownOnSignal ends the server by a first signal and the loop by a second.
func shutdownOnSignal(lp *loop.Loop, srv *server.Server, log *zap.Logger) error {
	ossignal.Ignore(syscall.SIGPIPE) // a log that nobody reads any more is no reason to die
	signals := 0
	w, err := signal.Notify(lp, func(sig os.Signal) {
		log.Info("signal", zap.Stringer("signal", sig))
		if signals++; signals == 1 {
			srv.Shutdown()
		} else {
			lp.Stop()
		}
	}, os.Interrupt, syscall.SIGTERM)
	if err != nil {
		return err
	}
	w.Unref() // the loop ends when the server has
	return nil
}

// invitation is a command that joins a server on addr from its own machine.
func invitation(addr netip.AddrPort) string {
	ip := addr.Addr().String()
	if addr.Addr().IsUnspecified() {
		ip = "localhost"
	}
	return fmt.Sprintf("nc %s %d", ip, addr.Port())
}
