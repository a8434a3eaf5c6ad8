package handover

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// reloading has the time of CLOCK_MONOTONIC, which Go's time does not tell, so that systemd knows whether a READY=1
// is of before.
func reloading() []string {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // it fails for a clock that there is not
	return []string{"RELOADING=1", "MONOTONIC_USEC=" + strconv.FormatInt(t.Nano()/1000, 10)}
}
