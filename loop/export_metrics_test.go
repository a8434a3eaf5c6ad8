package loop

import "time"

// HistogramOf is a Histogram of some durations.
func HistogramOf(all ...time.Duration) (h Histogram) {
	for _, d := range all {
		h.add(d)
	}
	return h
}

// WatchdogRests reports whether nobody looks for slow callbacks.
func WatchdogRests(l *Loop) bool { return l.watchdog.parked.Load() }

// Watched reports whether there is a watchdog.
func Watched(l *Loop) bool { return l.watchdog != nil }
