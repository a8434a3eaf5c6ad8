package sim

import "time"

// The time of the machine, which has no part in any world. Only how long goroutines of
// jobs are waited for is measured by it.

func realNow() time.Time { return time.Now() }

func realSince(t time.Time) time.Duration { return time.Since(t) }

func realTimer(d time.Duration) *time.Timer { return time.NewTimer(d) }

func realSleep(d time.Duration) { time.Sleep(d) }
