package main

import (
	"bytes"
	"io"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	sinkLines = 1024                   // that wait for a slow terminal
	sinkTime  = 200 * time.Millisecond // that it has for them in the end
)

// A sink writes the log from a goroutine of its own, and drops what is too much. A stopped terminal, or a pipe that
// nobody reads, must not stop the loop.
type sink struct {
	lines chan []byte
	done  chan struct{}
}

func newSink(w io.Writer) *sink {
	s := &sink{make(chan []byte, sinkLines), make(chan struct{})}
	go func() {
		defer close(s.done)
		for text := range s.lines {
			w.Write(text)
		}
	}()
	return s
}

// Write never waits and never fails.
func (s *sink) Write(text []byte) (int, error) {
	select {
	case s.lines <- bytes.Clone(text):
	default:
	}
	return len(text), nil
}

func (s *sink) Sync() error { return nil }

// stop waits for what was logged to be written, but not for ever.
func (s *sink) stop() {
	close(s.lines)
	select {
	case <-s.done:
	case <-time.After(sinkTime):
	}
}

func logger(to zapcore.WriteSyncer, quiet bool) *zap.Logger {
	level := zap.InfoLevel
	if quiet {
		level = zap.ErrorLevel
	}
	c := zap.NewDevelopmentEncoderConfig()
	c.EncodeTime = zapcore.TimeEncoderOfLayout(time.DateTime)
	c.ConsoleSeparator = " "
	c.CallerKey = zapcore.OmitKey // it is for those who run the server
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(c), to, level))
}
