package server

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/timer"
)

const (
	liveTime     = 500 * time.Millisecond // between two looks at the loops
	watchersMost = 16                     // of the live view
	watcherMost  = 64 << 10               // bytes that a watcher may leave unread before it misses looks
)

// A look is what a loop shows of itself, as the page gets it. Counts are since the loop was made; times are in
// microseconds.
type look struct {
	Turns     uint64  `json:"turns"`
	Events    uint64  `json:"events"`
	Callbacks uint64  `json:"callbacks"`
	Lag       float64 `json:"lag"`      // the median of timers and posts since the last look
	LagMost   float64 `json:"lagMost"`  // the longest
	Slow      uint64  `json:"slow"`     // callbacks that were slow
	Slowest   float64 `json:"slowest"`  // the slowest of them
	Conns     int     `json:"conns"`    // open
	Closing   int     `json:"closing"`  // or not open any more
	BytesIn   uint64  `json:"bytesIn"`  // of connections
	BytesOut  uint64  `json:"bytesOut"` // likewise
	Queued    int     `json:"queued"`   // bytes that peers have not taken
	Posts     int     `json:"posts"`    // functions that wait for the loop
	Timers    int     `json:"timers"`
	Asleep    bool    `json:"asleep"`
}

// lookOf is what has become of a loop since it was looked at before.
func lookOf(m, before *loop.Metrics) look {
	lag := m.Lag.Since(&before.Lag)
	return look{
		Turns: m.Turns, Events: m.Events, Callbacks: m.Callbacks,
		Lag: micros(lag.Quantile(0.5)), LagMost: micros(lag.Quantile(1)), Slow: m.Slow, Slowest: micros(m.Slowest),
		Conns: m.Conns.Open, Closing: m.Conns.Closing, BytesIn: m.Stream.BytesIn, BytesOut: m.Stream.BytesOut,
		Queued: m.Stream.Queued, Posts: m.Posts, Timers: m.Timers, Asleep: m.Asleep > 0,
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// live is the live view: the looks at the loops go to all who watch, as server-sent events.
type live struct {
	w        *Web
	loops    []*loop.Loop
	before   []loop.Metrics
	watchers []*visit
	next     *timer.Timer // while somebody watches
}

func (l *live) init(w *Web, loops []*loop.Loop) {
	if loops == nil {
		loops = []*loop.Loop{w.s.lp}
	}
	l.w, l.loops, l.before = w, loops, make([]loop.Metrics, len(loops))
	l.next, _ = timer.New(w.s.lp, l.tell)
}

// watch has a visit get all looks from now on.
func (l *live) watch(v *visit, r *http.Request) {
	if len(l.watchers) == watchersMost {
		l.w.refuse(v, http.StatusServiceUnavailable)
		return
	}
	a := newAnswer(http.StatusOK, false)
	a.field("Content-Type", "text/event-stream")
	v.conn.Write(a.with(nil))
	v.conn.SetReadDeadline(0)
	v.conn.OnRead = stream.Discard
	v.done = true
	l.w.forget(v)
	l.watchers = append(l.watchers, v)
	if !l.next.Active() {
		l.look() // from which the first look is told
		l.next.Start(0, liveTime)
	}
}

// look looks at all loops.
func (l *live) look() []look {
	looks := make([]look, len(l.loops))
	for i, lp := range l.loops {
		m := lp.Metrics()
		looks[i] = lookOf(&m, &l.before[i])
		l.before[i] = m
	}
	return looks
}

func (l *live) tell() {
	data, _ := json.Marshal(struct { // numbers and names only, which cannot fail
		Clients int    `json:"clients"`
		Loops   []look `json:"loops"`
	}{l.w.s.Clients(), l.look()})
	event := append(append([]byte("data: "), data...), "\n\n"...)
	for _, v := range l.watchers {
		if v.conn.Buffered() < watcherMost {
			v.conn.Write(event)
		}
	}
}

func (l *live) forget(v *visit) {
	if i := slices.Index(l.watchers, v); i >= 0 {
		l.watchers = slices.Delete(l.watchers, i, i+1)
		if len(l.watchers) == 0 {
			l.next.Stop()
		}
	}
}
