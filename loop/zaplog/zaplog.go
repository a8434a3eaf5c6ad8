// Package zaplog has a loop log to zap, as it has any [slog.Handler]:
//
//	lp, err := loop.New(loop.Options{Logger: zaplog.Logger(logger)})
package zaplog

import (
	"log/slog"

	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
)

// Logger is l for loop.Options.Logger.
func Logger(l *zap.Logger) *slog.Logger {
	return slog.New(zapslog.NewHandler(l.Core(), zapslog.WithName(l.Name()), zapslog.WithCaller(true)))
}
