package handover_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/pike/handover"
)

// An abstract name has no file, and may have all the room that there is.
func TestNotifyAbstract(t *testing.T) {
	short := fmt.Sprintf("@pike-notify-%d", os.Getpid())
	for _, name := range []string{short, short + strings.Repeat("n", 108-len(short))} {
		t.Run(strconv.Itoa(len(name)), func(t *testing.T) {
			m := newManager(t, name)
			if err := handover.Notify("READY=1"); err != nil {
				t.Fatal(err)
			}
			m.hears("READY=1")
		})
	}
}

// The time of a reload is that of the clock that systemd compares it with.
func TestNotifyReloading(t *testing.T) {
	m := newManager(t, fmt.Sprintf("@pike-reloading-%d", os.Getpid()))
	now := func() int64 {
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			t.Fatal(err)
		}
		return ts.Nano() / 1000
	}
	before := now()
	if err := handover.NotifyReloading(); err != nil {
		t.Fatal(err)
	}
	after := now()
	b := make([]byte, 4096)
	n, err := m.c.Read(b)
	text, ok := strings.CutPrefix(string(b[:n]), "RELOADING=1\nMONOTONIC_USEC=")
	at, bad := strconv.ParseInt(text, 10, 64)
	if err != nil || !ok || bad != nil || at < before || at > after {
		t.Errorf("%q, %v, between %d and %d", b[:n], err, before, after)
	}
}
