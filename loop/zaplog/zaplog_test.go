package zaplog_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"example.com/pike/loop"
	"example.com/pike/loop/zaplog"
	"example.com/pike/poller/sim"
)

// A loop whose log goes to zap, here as JSON without times.
func ExampleLogger() {
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "msg", LevelKey: "level",
		EncodeLevel: zapcore.LowercaseLevelEncoder}), os.Stdout, zap.InfoLevel)
	lp, err := loop.New(loop.Options{Poller: sim.New(1, sim.Config{}).Host("host"), Logger: zaplog.Logger(zap.New(core))})
	if err != nil {
		panic(err)
	}
	defer lp.Close()
	lp.Logger().Info("serving", "port", 7000)
	// Output: {"level":"info","msg":"serving","port":7000}
}

// TestWhatArrives holds that level, name, caller and attributes get through, and that a level
// which the core has not is not made.
func TestWhatArrives(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	log := zaplog.Logger(zap.New(core).Named("chat"))
	log.Info("not this")
	log.Warn("this", "error", errors.New("full"), "n", 3)
	all := logs.All()
	if len(all) != 1 {
		t.Fatalf("%d entries, want 1: %v", len(all), all)
	}
	e, fields := all[0], all[0].ContextMap()
	if e.Level != zap.WarnLevel || e.Message != "this" || e.LoggerName != "chat" {
		t.Errorf("%+v", e.Entry)
	}
	if fields["error"] != "full" || fields["n"] != int64(3) {
		t.Errorf("fields %v", fields)
	}
	if !strings.HasSuffix(e.Caller.File, "zaplog_test.go") {
		t.Errorf("caller %v, want this file", e.Caller)
	}
}
