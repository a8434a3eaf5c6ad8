package load

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Window is what one measured stretch of time used.
type Window struct {
	Messages  int64
	Wall      time.Duration
	ServerCPU time.Duration // all threads of the server, living and dead
	OwnCPU    time.Duration
	Idle      time.Duration // the load polled and found nothing
	CoreIdle  time.Duration // of the server's core
	ServerRSS int64         // bytes, at the end
}

// Work is the load's own time for a message. If it is the wall time of a message, the load is the limit.
func (w Window) Work() time.Duration {
	if w.Messages == 0 {
		return 0
	}
	return (w.OwnCPU - w.Idle) / time.Duration(w.Messages)
}

// Disturbed is the share of the window that other programs took from the server's core or from the load's.
func (w Window) Disturbed() float64 {
	server := w.Wall - w.CoreIdle - w.ServerCPU
	return max(0, (w.Wall-w.OwnCPU).Seconds(), server.Seconds()) / w.Wall.Seconds()
}

// gauge reads the clocks of a window. The load reads the server's clock itself. Another process would have to be
// woken on one of two busy cores, and would read the clock milliseconds before or after the message count.
type gauge struct {
	target   Target
	start    time.Duration
	server   time.Duration
	own      time.Duration
	coreIdle time.Duration
}

func (g *gauge) open(now func() time.Duration) (err error) {
	if g.coreIdle, err = coreIdle(g.target.Core); err != nil {
		return err
	}
	if g.server, err = processCPU(g.target.PID); err != nil {
		return err
	}
	g.own = threadCPU()
	g.start = now()
	return nil
}

func (g *gauge) close(now func() time.Duration) (w Window, err error) {
	w.Wall = now() - g.start
	w.OwnCPU = threadCPU() - g.own
	if w.ServerCPU, err = processCPU(g.target.PID); err != nil {
		return w, err
	}
	w.ServerCPU -= g.server
	if w.CoreIdle, err = coreIdle(g.target.Core); err != nil {
		return w, err
	}
	w.CoreIdle -= g.coreIdle
	w.ServerRSS, err = residentBytes(g.target.PID)
	return w, err
}

// processCPU reads a process's CPU clock: nanoseconds, up to now, over all its threads. /proc/PID/stat counts
// in 10 ms, and the schedstat of a running thread lags by up to a tick. The clock's number is that of
// MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED) in the kernel's posix-timers.h.
func processCPU(pid int) (time.Duration, error) {
	if pid == 0 {
		return 0, nil
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &ts); err != nil {
		return 0, fmt.Errorf("CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

func threadCPU() time.Duration {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
	return time.Duration(ts.Nano())
}

// coreIdle counts in ticks of 10 ms, which is enough to see that somebody else was running.
func coreIdle(core int) (time.Duration, error) {
	const tick = 10 * time.Millisecond
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	name := fmt.Appendf(nil, "cpu%d", core)
	for line := range bytes.Lines(stat) {
		f := bytes.Fields(line)
		if len(f) < 6 || !bytes.Equal(f[0], name) {
			continue
		}
		idle, err := strconv.ParseInt(string(f[4]), 10, 64)
		if err != nil {
			return 0, err
		}
		iowait, err := strconv.ParseInt(string(f[5]), 10, 64)
		return time.Duration(idle+iowait) * tick, err
	}
	return 0, fmt.Errorf("/proc/stat: no %s", name)
}

// residentBytes walks the page tables. The count in statm is not used, because it is kept per core and summed late.
// It may be wrong by hundreds of KiB, which is a dozen bytes for each of 18,000 connections.
func residentBytes(pid int) (int64, error) {
	if pid == 0 {
		return 0, nil
	}
	name := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
	rollup, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(rollup) {
		if f := bytes.Fields(line); len(f) == 3 && string(f[0]) == "Rss:" {
			kib, err := strconv.ParseInt(string(f[1]), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("%s: no Rss", name)
}
