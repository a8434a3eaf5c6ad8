//go:build !kqfake

package system_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/readiness"
)

func init() { variants["epoll without epoll_pwait2"] = readiness.NewCoarse }

// TestIdleSleeps holds that an idle poller wakes up for nothing: the kernel counts
// how often its thread gave up the processor.
func TestIdleSleeps(t *testing.T) {
	for name, open := range map[string]func() (poller.Poller, error){"epoll": readiness.New, "coarse": readiness.NewCoarse} {
		t.Run(name, func(t *testing.T) {
			p := opened(t)(open())
			defer p.Close()
			a, b := pair(t, p, local)
			a.Start()
			b.Start()
			bind(t, p, local, nil)
			pause(t, p, 10*time.Millisecond)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			events, switches := p.(poller.Meter).Events(), voluntarySwitches(t)
			polls := pause(t, p, 300*time.Millisecond)
			events, switches = p.(poller.Meter).Events()-events, voluntarySwitches(t)-switches
			if polls > 1 || events > 0 || switches > 5 {
				t.Errorf("300 ms of nothing: %d Polls, %d events, the thread slept %d times", polls, events, switches)
			}
		})
	}
}

func voluntarySwitches(t *testing.T) (n int) {
	t.Helper()
	b, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		t.Skip("no /proc: ", err)
	}
	for line := range strings.Lines(string(b)) {
		fmt.Sscanf(line, "voluntary_ctxt_switches: %d", &n)
	}
	return n
}
