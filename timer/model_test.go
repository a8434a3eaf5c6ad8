package timer_test

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/timer"
)

// A model is what the timers of a loop should do, as simply as can be written.
type model struct {
	due []poller.Time // by timer; 0 is not armed
	seq []int
	n   int
}

func (m *model) arm(i int, due poller.Time) {
	m.n++
	m.due[i], m.seq[i] = due, m.n
}

// fire takes out what is due, in order.
func (m *model) fire(now poller.Time) []int {
	var fired []int
	for i, due := range m.due {
		if due != 0 && due <= now {
			fired = append(fired, i)
		}
	}
	sort.Slice(fired, func(a, b int) bool {
		i, j := fired[a], fired[b]
		return m.due[i] < m.due[j] || m.due[i] == m.due[j] && m.seq[i] < m.seq[j]
	})
	for _, i := range fired {
		m.due[i] = 0
	}
	return fired
}

// Random arming, stopping and waiting, over spans from nanoseconds to years,
// fires what the model fires, in its order.
func TestAgainstAModel(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { againstAModel(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func againstAModel(t *testing.T, rnd *rand.Rand) {
	const timers, steps = 50, 2000
	lp, c := newLoop(t)
	m := &model{due: make([]poller.Time, timers), seq: make([]int, timers)}
	var all []*timer.Timer
	var fired []int
	for i := range timers {
		tm, err := timer.New(lp, func() { fired = append(fired, i) })
		no(t, err)
		all = append(all, tm)
	}
	span := func() time.Duration { // many small, some huge, a good part of them equal
		return time.Duration(rnd.Int64N(1<<rnd.IntN(56)+1)) &^ (1<<rnd.IntN(20) - 1)
	}
	for range steps {
		i := rnd.IntN(timers)
		switch rnd.IntN(10) {
		case 0:
			equal(t, "stopped", all[i].Stop(), m.due[i] != 0)
			m.due[i] = 0
		case 1, 2, 3:
			c.pass(span())
			turn(t, lp)
			want := m.fire(c.now)
			equal(t, "fired", fmt.Sprint(fired), fmt.Sprint(want))
			fired = fired[:0]
		default:
			d := span()
			no(t, all[i].Reset(d))
			m.arm(i, c.now.Add(d))
		}
		equal(t, "armed", all[i].Active(), m.due[i] != 0)
	}
	c.now = poller.Never - 1
	turn(t, lp)
	equal(t, "fired at the end", fmt.Sprint(fired), fmt.Sprint(m.fire(c.now)))
	equal(t, "alive", lp.Alive(), false)
}
