package stream

import (
	"testing"
	"time"

	"example.com/pike/poller"
)

// Which timeouts a connection has depends on what happened, and on whether it reads.
func TestBounds(t *testing.T) {
	const s = poller.Time(time.Second)
	all := policy{idle: 10 * time.Second, read: 20 * time.Second, write: 30 * time.Second}
	type at [4]poller.Time // read, deadline, write, idle; 0 is none
	for name, c := range map[string]struct {
		times times
		p     policy
		r     reads
		want  at
	}{
		"none":              {times{read: 5 * s, reading: 5 * s, moved: 5 * s, left: 1}, policy{}, readsNow, at{}},
		"nothing to take":   {times{read: s, reading: s, moved: s}, all, readsNow, at{21 * s, 0, 0, 11 * s}},
		"something to take": {times{read: s, reading: s, moved: 2 * s, left: 1}, all, readsNow, at{21 * s, 0, 32 * s, 12 * s}},
		"received last":     {times{read: 7 * s, reading: s, moved: 2 * s}, all, readsNow, at{27 * s, 0, 0, 17 * s}},
		"reads on since":    {times{read: s, reading: 6 * s, moved: 2 * s}, all, readsNow, at{26 * s, 0, 0, 12 * s}},
		"paused":            {times{read: 7 * s, reading: s, moved: 2 * s, deadline: 9 * s}, all, readsLater, at{0, 9 * s, 0, 17 * s}},
		"the peer ended":    {times{read: 7 * s, moved: 2 * s, deadline: 9 * s, left: 3}, all, readsNoMore, at{0, 0, 32 * s, 17 * s}},
		"a deadline only":   {times{read: 7 * s, deadline: 9 * s, left: 3}, policy{}, readsNow, at{0, 9 * s, 0, 0}},
		"nothing is queued": {times{moved: 2 * s}, policy{write: time.Second}, readsNow, at{}},
	} {
		got := c.times.bounds(&c.p, c.r)
		for i, b := range got {
			if b.at != c.want[i] {
				t.Errorf("%s: bound %d is at %v, want %v", name, i, b.at, c.want[i])
			}
			if b.at == 0 {
				continue
			}
			if want := [4]string{"read", "read", "write", "idle"}[i]; b.op != want {
				t.Errorf("%s: bound %d is called %q, want %q", name, i, b.op, want)
			}
			if b.once != (i == 1) {
				t.Errorf("%s: bound %d, does not move: %v", name, i, b.once)
			}
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		got := (&times{read: 1, deadline: 5}).bounds(&all, readsNow)
		decide(&got, 9, news{polled: true})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What has passed is out of time only when a Poll has told all that could move it.
func TestDecide(t *testing.T) {
	const now = poller.Time(100)
	read := bound{"read", 90, poller.Readable, false}
	deadline := bound{"read", 95, poller.Readable, true}
	write := bound{"write", 100, poller.Writable, false}
	idle := bound{"idle", 80, poller.Readable | poller.Writable, false}
	later := func(b bound, at poller.Time) bound { b.at = at; return b }
	none := bound{}
	both := poller.Readable | poller.Writable
	for name, c := range map[string]struct {
		all  [4]bound
		news news
		want verdict
	}{
		"no bounds": {
			[4]bound{}, news{},
			verdict{next: poller.Never}},
		"none has passed": {
			[4]bound{later(read, 101), none, later(write, 300), later(idle, 200)}, news{},
			verdict{next: 101}},
		"one has, and no Poll was there since": {
			[4]bound{none, none, write, later(idle, 200)}, news{},
			verdict{waits: true, next: 200}},
		"the deadline has, and no Poll was there since": {
			[4]bound{none, deadline, none, none}, news{},
			verdict{waits: true, once: true, next: poller.Never}},
		"nothing is untold": {
			[4]bound{none, none, write, later(idle, 200)}, news{polled: true},
			verdict{op: "write"}},
		"what is untold does not concern it": {
			[4]bound{read, none, none, none}, news{polled: true, untold: poller.Writable},
			verdict{op: "read"}},
		"what is untold may move it": {
			[4]bound{read, none, none, none}, news{polled: true, untold: poller.Readable},
			verdict{waits: true, next: poller.Never}},
		"it moves one of two": {
			[4]bound{read, none, write, none}, news{polled: true, untold: poller.Readable},
			verdict{op: "write"}},
		"it moves both": {
			[4]bound{read, none, write, later(idle, 150)}, news{polled: true, untold: both},
			verdict{waits: true, next: 150}},
		"room moves the idle": {
			[4]bound{none, none, none, idle}, news{polled: true, untold: poller.Writable},
			verdict{waits: true, next: poller.Never}},
		"what came in time moves the deadline": {
			[4]bound{none, deadline, none, none}, news{polled: true, untold: poller.Readable, inTime: true},
			verdict{waits: true, once: true, next: poller.Never}},
		"what came later does not": {
			[4]bound{none, deadline, none, none}, news{polled: true, untold: poller.Readable},
			verdict{op: "read"}},
		"what came later moves the others": {
			[4]bound{read, later(deadline, 120), none, none}, news{polled: true, untold: poller.Readable},
			verdict{waits: true, next: 120}},
		"of several that have passed it is the first": {
			[4]bound{none, none, write, idle}, news{polled: true},
			verdict{op: "write"}},
	} {
		if got := decide(&c.all, now, c.news); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
