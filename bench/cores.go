package main

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Cores are the cores on which the two sides run, and their priority. A Go server on one core sees a machine of one core.
type Cores struct {
	Server, Load int
	Second       int // another for the server, where there is one, or else Server again
	Nice         int
}

// pickCores takes the first cores that the bench itself may use.
func pickCores() (Cores, error) {
	var own unix.CPUSet
	if err := unix.SchedGetaffinity(0, &own); err != nil {
		return Cores{}, fmt.Errorf("sched_getaffinity: %w", err)
	}
	var found []int
	for core := 0; len(found) < 3 && core < 1024; core++ {
		if own.IsSet(core) {
			found = append(found, core)
		}
	}
	if len(found) < 2 {
		return Cores{}, fmt.Errorf("server and load need a core each, and there is %d", len(found))
	}
	c := Cores{Server: found[0], Load: found[1], Second: found[0]}
	if len(found) > 2 {
		c.Second = found[2]
	}
	return c, nil
}

// startOn starts a child on some cores and at one priority. The thread takes them itself while it forks, and the child
// inherits them.
func startOn(cores []int, nice int, start func() error) error {
	var own, some unix.CPUSet
	if err := unix.SchedGetaffinity(0, &own); err != nil {
		return fmt.Errorf("sched_getaffinity: %w", err)
	}
	for _, core := range cores {
		some.Set(core)
	}
	if err := unix.SchedSetaffinity(0, &some); err != nil {
		return fmt.Errorf("sched_setaffinity: %w", err)
	}
	err := reprioritize(nice)
	if err == nil {
		err = start()
	}
	reprioritize(0)
	if back := unix.SchedSetaffinity(0, &own); err == nil && back != nil {
		err = fmt.Errorf("sched_setaffinity: %w", back)
	}
	return err
}

func reprioritize(nice int) error {
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, nice); err != nil {
		return fmt.Errorf("nice %d: %w", nice, err)
	}
	return nil
}

// raiseSession gives a priority to a child's whole session. Between sessions only this priority counts, if the kernel
// groups by session (CONFIG_SCHED_AUTOGROUP). If it does not, the file is missing, and nothing need be done.
func raiseSession(pid, nice int) {
	if nice != 0 {
		os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), []byte(strconv.Itoa(nice)), 0)
	}
}
