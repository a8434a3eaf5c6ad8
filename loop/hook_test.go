package loop_test

import (
	"net"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/timer"
)

// hooks makes started prepare hooks that note their names.
func hooks(t *testing.T, lp *loop.Loop, names string, note func(name string)) map[string]*loop.Hook {
	t.Helper()
	made := map[string]*loop.Hook{}
	for _, r := range names {
		h, err := lp.NewPrepare(func() { note(string(r)) })
		no(t, err)
		no(t, h.Start())
		made[string(r)] = h
	}
	return made
}

func turn(t *testing.T, lp *loop.Loop) (alive bool) {
	t.Helper()
	alive, err := lp.RunNoWait()
	no(t, err)
	return alive
}

// Each case does something in the first call of hook b of a, b and c; the hooks
// called in the first and the second turn follow.
func TestHooksChangeWithinTheirPhase(t *testing.T) {
	cases := []struct {
		name          string
		do            func(t *testing.T, h map[string]*loop.Hook, late *loop.Hook)
		first, second string
	}{
		{"nothing", func(*testing.T, map[string]*loop.Hook, *loop.Hook) {}, "abc", "abc"},
		{"stop itself", func(t *testing.T, h map[string]*loop.Hook, _ *loop.Hook) {
			no(t, h["b"].Stop())
		}, "abc", "ac"},
		{"stop the one before", func(t *testing.T, h map[string]*loop.Hook, _ *loop.Hook) {
			no(t, h["a"].Stop())
		}, "abc", "bc"},
		{"stop the one behind", func(t *testing.T, h map[string]*loop.Hook, _ *loop.Hook) {
			no(t, h["c"].Stop())
		}, "ab", "ab"},
		{"close all", func(t *testing.T, h map[string]*loop.Hook, _ *loop.Hook) {
			for _, h := range h {
				no(t, h.Close())
			}
		}, "ab", ""},
		{"start one", func(t *testing.T, _ map[string]*loop.Hook, late *loop.Hook) {
			no(t, late.Start())
		}, "abc", "abcd"},
		{"start one and stop it", func(t *testing.T, _ map[string]*loop.Hook, late *loop.Hook) {
			no(t, late.Start())
			no(t, late.Stop())
		}, "abc", "abc"},
		{"start again what is started", func(t *testing.T, h map[string]*loop.Hook, _ *loop.Hook) {
			no(t, h["a"].Start())
			no(t, h["b"].Start())
		}, "abc", "abc"},
		{"stop and start itself", func(t *testing.T, h map[string]*loop.Hook, _ *loop.Hook) {
			no(t, h["b"].Stop())
			no(t, h["b"].Start())
		}, "abc", "acb"},
		{"stop and start the one behind", func(t *testing.T, h map[string]*loop.Hook, _ *loop.Hook) {
			no(t, h["c"].Stop())
			no(t, h["c"].Start())
		}, "ab", "abc"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			lp, _ := newFake(t)
			order, done := "", false
			late, err := lp.NewPrepare(func() { order += "d" })
			no(t, err)
			var h map[string]*loop.Hook
			h = hooks(t, lp, "abc", func(name string) {
				order += name
				if name == "b" && !done {
					done = true
					c.do(t, h, late)
				}
			})
			turn(t, lp)
			equal(t, "first turn", order, c.first)
			order = ""
			turn(t, lp)
			equal(t, "second turn", order, c.second)
		})
	}
}

func TestHookStates(t *testing.T) {
	lp, _ := newFake(t)
	calls, closes := 0, 0
	h, err := lp.NewCheck(func() { calls++ })
	no(t, err)
	h.OnClose = func() { closes++ }
	equal(t, "active, new", h.Active(), false)
	no(t, h.Stop())
	no(t, h.Start())
	no(t, h.Start())
	equal(t, "active, started", h.Active(), true)
	turn(t, lp)
	equal(t, "calls", calls, 1)
	h.Unref()
	equal(t, "alive", lp.Alive(), false)
	h.Ref()
	equal(t, "alive", lp.Alive(), true)
	no(t, h.Stop())
	equal(t, "alive", turn(t, lp), false)
	no(t, h.Start())
	no(t, h.Close())
	equal(t, "alive", lp.Alive(), true)
	is(t, h.Start(), net.ErrClosed)
	is(t, h.Stop(), net.ErrClosed)
	is(t, h.Close(), net.ErrClosed)
	equal(t, "close callbacks inside Close", closes, 0)
	equal(t, "alive", turn(t, lp), false)
	equal(t, "calls", calls, 1)
	equal(t, "close callbacks", closes, 1)
}

// Only an idle hook keeps the poll from waiting.
func TestWhichHooksLetThePollWait(t *testing.T) {
	lp, _ := newFake(t)
	h := hooks(t, lp, "p", func(string) {})
	equal(t, "timeout with prepare", lp.Timeout(), -1)
	_, err := lp.RunOnce()
	is(t, err, errDeadlock)
	idle, err := lp.NewIdle(func() {})
	no(t, err)
	no(t, idle.Start())
	equal(t, "timeout with idle", lp.Timeout(), 0)
	_, err = lp.RunOnce()
	no(t, err)
	no(t, idle.Close())
	no(t, h["p"].Close())
	run(t, lp)
}

func TestWalk(t *testing.T) {
	lp, _ := newFake(t)
	seen := func() map[loop.Handle]int {
		m := map[loop.Handle]int{}
		lp.Walk(func(h loop.Handle) { m[h]++ })
		return m
	}
	equal(t, "handles of a new loop", len(seen()), 0)
	h := hooks(t, lp, "ab", func(string) {})
	async, err := lp.NewAsync(func() {})
	no(t, err)
	tm, err := timer.New(lp, func() {})
	no(t, err)
	all := []loop.Handle{h["a"], h["b"], async}
	m := seen()
	for _, h := range all {
		equal(t, "times met", m[h], 1)
	}
	equal(t, "handles: a timer that is not armed is not the loop's", len(m), 3)
	no(t, tm.Start(0, 0))
	equal(t, "times met, a timer", seen()[tm], 1)
	no(t, tm.Close())
	equal(t, "times met, closing", seen()[tm], 1)
	turn(t, lp)
	equal(t, "times met, closed", seen()[tm], 0)

	met := 0
	lp.Walk(func(h loop.Handle) {
		met++
		no(t, h.Close())
	})
	equal(t, "handles met while closing them", met, 3)
	run(t, lp)
	equal(t, "handles left", len(seen()), 0)
}

// Closing a loop closes what is on it, and makes the close callbacks.
func TestCloseClosesHandles(t *testing.T) {
	lp, _ := newFake(t)
	order := ""
	for name, h := range hooks(t, lp, "a", func(string) {}) {
		h.OnClose = func() { order += name }
	}
	async, err := lp.NewAsync(func() {})
	no(t, err)
	async.OnClose = func() {
		order += "b"
		late, err := lp.NewIdle(func() {})
		no(t, err)
		late.OnClose = func() { order += "c" }
	}
	no(t, lp.Close())
	equal(t, "closed", order, "abc")
	lp.Walk(func(h loop.Handle) { t.Errorf("a %T is left", h) })
}
