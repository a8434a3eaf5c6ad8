package sys

import (
	"math"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRunsLimit(t *testing.T) {
	for _, c := range []struct {
		most  uint16
		trial Errno
		size  int
		want  int
	}{
		{most: math.MaxUint16, size: 0, want: 0},
		{most: math.MaxUint16, size: 100, want: runDatagrams * 100},
		{most: math.MaxUint16, size: 1400, want: runBytes / 1400 * 1400},
		{most: math.MaxUint16, size: 60000, want: 60000},
		{most: math.MaxUint16, size: 1 << 16, want: 1 << 16}, // more than a datagram can be: the system says so
		{most: 1000, size: 1000, want: runDatagrams * 1000},
		{most: 1000, size: 1001, want: 1001},
		{most: 0, size: 100, want: 100},
		{most: math.MaxUint16, trial: unix.EIO, size: 100, want: 100},
	} {
		r := Runs{most: c.most, trial: c.trial}
		if got := r.Limit(c.size); got != c.want {
			t.Errorf("%+v: %d bytes of datagrams of %d, want %d", r, got, c.size, c.want)
		}
	}
}

// TestRunsTrial is what follows a message that was refused: whether its first datagram is
// sent alone, and which runs are sent once it was taken.
func TestRunsTrial(t *testing.T) {
	for _, c := range []struct {
		why      string
		e        Errno
		size     int
		run      bool
		declined Errno
		most     uint16 // after the datagram alone was taken
	}{
		{"no room", unix.EAGAIN, 1000, true, unix.EAGAIN, math.MaxUint16},
		{"interrupted", unix.EINTR, 1000, true, unix.EINTR, math.MaxUint16},
		{"not a run", unix.EMSGSIZE, 1000, false, unix.EMSGSIZE, math.MaxUint16},
		{"an error of any datagram", unix.EPERM, 1000, true, unix.EPERM, math.MaxUint16},
		{"wider than the path", unix.EMSGSIZE, 1000, true, 0, 999},
		{"the same, of an older kernel", unix.EINVAL, 1000, true, 0, 999},
		{"every path takes that, so it was not the size", unix.EINVAL, narrow, true, 0, 0},
		{"no checksums, whatever the size", unix.EIO, 1000, true, 0, 0},
	} {
		r := Runs{most: math.MaxUint16}
		if e := r.Declined(c.e, c.size, c.run); e != c.declined || r.Trying() != (e == 0) {
			t.Errorf("%s: Declined is %v, a trial follows: %v", c.why, e, r.Trying())
		}
		if r.Taken(c.size); r.most != c.most || r.Trying() {
			t.Errorf("%s: runs of up to %d after the trial, want %d", c.why, r.most, c.most)
		}
	}

	r := Runs{most: math.MaxUint16}
	r.Declined(unix.EMSGSIZE, 1000, true)
	if e := r.Declined(unix.EMSGSIZE, 1000, false); e != unix.EMSGSIZE || r.Trying() || r.most != math.MaxUint16 {
		t.Errorf("refused alone too: Declined is %v, and runs are of up to %d", e, r.most)
	}
}
