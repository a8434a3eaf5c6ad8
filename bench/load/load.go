// Package load makes the work that servers are measured under. Each kind of load is one subcommand in one file.
// The bench starts it as a process of its own, on a core of its own.
//
// How one knows that the load is not the limit:
//
//   - It is written like the floor: one thread, raw system calls, nothing allocated after the start, the
//     collector off. A message costs it one recv, one send and a share of an epoll_wait, as it costs the server,
//     and beyond that two clock readings, one comparison of the bytes and one histogram increment.
//   - It polls instead of sleeping, so it never waits to be scheduled, and no server pays for waking it.
//   - It reports what it had left: [Window.Idle] is the time it polled and found nothing, and [Window.Work]
//     what a message cost it. A server that was busy all the time (ServerCPU near Wall) was the limit,
//     whatever the load was doing. The bench marks a figure where neither holds.
//   - It reports what others took from it. The thread never sleeps, so Wall - OwnCPU is the time that was stolen.
package load

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// loads are the subcommands; each reads its own flags and returns what is printed as JSON.
var loads = map[string]func(args []string) (any, error){
	"tcp-echo":      echoMain,
	"http":          httpMain,
	"tcp-idle":      idleMain,
	"tcp-churn":     churnMain,
	"tcp-drain":     drainMain,
	"tcp-fill":      fillMain,
	"tcp-broadcast": broadcastMain,
	"tls-storm":     tlsStormMain,
	"udp-drain":     datagramDrainMain,
	"udp-fill":      datagramFillMain,
}

// Main runs the load named by the first argument and returns the exit code.
func Main(args []string) int {
	if len(args) == 0 || loads[args[0]] == nil {
		fmt.Fprintln(os.Stderr, "usage: load", strings.Join(slices.Sorted(maps.Keys(loads)), "|"), "[flags]")
		return 2
	}
	result, err := loads[args[0]](args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "load %s: %v\n", args[0], err)
		return 1
	}
	return 0
}

// Target is the server under load, as the command line names it.
type Target struct {
	Addr string
	PID  int // 0: the CPU time of the server is not measured
	Core int // the core the server is pinned to
}

func (t *Target) flags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.StringVar(&t.Addr, "addr", "", "`address` of the server")
	fs.IntVar(&t.PID, "pid", 0, "`process` whose CPU time and memory are read")
	fs.IntVar(&t.Core, "core", 0, "`core` of the server")
	return fs
}
