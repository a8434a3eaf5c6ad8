package loop_test

import (
	"context"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/timer"
)

// A clockPoller is a fakePoller whose clock anybody may read.
type clockPoller struct {
	fakePoller
	time atomic.Int64
}

func (p *clockPoller) Now() poller.Time  { return poller.Time(p.time.Load()) }
func (p *clockPoller) Time() poller.Time { return p.Now() }

func (p *clockPoller) pass(d time.Duration) { p.time.Add(int64(d)) }

func (p *clockPoller) Poll(deadline poller.Time) error {
	if deadline == poller.Never {
		return errDeadlock
	}
	p.time.Store(max(p.time.Load(), int64(deadline)))
	return nil
}

func newClock(t *testing.T, o loop.Options) (*loop.Loop, *clockPoller) {
	p := new(clockPoller)
	p.pass(time.Second)
	o.Poller = p
	return newLoop(t, o), p
}

func TestMetricsOfTime(t *testing.T) {
	lp, p := newClock(t, loop.Options{MeasureIdle: true})
	_, err := timer.After(lp, time.Second, func() { p.pass(time.Minute) })
	no(t, err)
	_, err = timer.After(lp, 2*time.Minute, func() { p.pass(time.Millisecond) })
	no(t, err)
	run(t, lp)
	m := lp.Metrics()
	t.Run("busy is the rest of idle", func(t *testing.T) {
		equal(t, "idle", m.Idle, time.Second+59*time.Second)
		equal(t, "busy", m.Busy, time.Minute+time.Millisecond)
	})
	t.Run("no callback has taken longer than the longest turn", func(t *testing.T) {
		equal(t, "the longest turn", m.Work.Max, time.Minute)
	})
	t.Run("time outside of Run is neither", func(t *testing.T) {
		p.pass(time.Hour)
		_, err := lp.RunNoWait()
		no(t, err)
		equal(t, "idle", lp.Metrics().Idle, m.Idle)
		equal(t, "busy", lp.Metrics().Busy, m.Busy)
	})
}

// What comes late is counted by how late it comes.
func TestMetricsOfLag(t *testing.T) {
	lp, p := newClock(t, loop.Options{})
	t.Run("timers", func(t *testing.T) {
		_, err := timer.After(lp, time.Second, func() { p.pass(5 * time.Second) })
		no(t, err)
		_, err = timer.After(lp, 2*time.Second, func() {}) // four seconds late
		no(t, err)
		run(t, lp)
		lag := lp.Metrics().Lag
		equal(t, "timers", lag.Count, 2)
		equal(t, "the latest", lag.Max, 4*time.Second)
	})
	t.Run("posts, of those posted together the first", func(t *testing.T) {
		before := lp.Metrics()
		no(t, lp.Post(func() {}))
		p.pass(7 * time.Second)
		no(t, lp.Post(func() {}))
		p.pass(time.Second)
		run(t, lp)
		since := lp.Metrics().Since(&before)
		equal(t, "posts", since.Lag.Count, 1)
		equal(t, "the latest", since.Lag.Max, 8*time.Second)
	})
}

// Any goroutine may ask, while the loop runs, and finds numbers that belong together.
func TestMetricsFromAnyGoroutine(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	// Both ends of this are counted in one callback: whoever sees one without the other sees a torn copy.
	tick, err := timer.Every(lp, 50*time.Microsecond, func() {
		n := lp.Maker().Counters()
		n.Stream.BytesIn++
		n.Packets.BytesOut++
	})
	no(t, err)
	var readers sync.WaitGroup
	var over atomic.Bool
	for range 4 {
		readers.Go(func() {
			var last loop.Metrics
			for n := 0; n < 300 || last.Turns < 20 && !over.Load(); n++ {
				m := lp.Metrics()
				if m.Stream.BytesIn != m.Packets.BytesOut || m.Turns < last.Turns {
					t.Errorf("torn: %d and %d in turn %d after %d", m.Stream.BytesIn, m.Packets.BytesOut, m.Turns, last.Turns)
					return
				}
				last = m
			}
		})
	}
	go func() {
		readers.Wait()
		lp.Post(func() { tick.Close() })
	}()
	run(t, lp)
	over.Store(true)
	equal(t, "in the end nothing is missing", lp.Metrics().Turns, lp.Maker().Turns())
	if m := lp.Metrics(); m.Stream.BytesIn == 0 || m.Timers != 0 || m.Handles != 0 {
		t.Errorf("%d ticks, %d timers, %d handles", m.Stream.BytesIn, m.Timers, m.Handles)
	}
}

// What is waiting and what runs is seen from outside while the loop is asleep, and while it is stuck.
func TestMetricsOfWhatWaits(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	keep, err := lp.NewAsync(func() {})
	no(t, err)
	_, err = timer.After(lp, time.Hour, func() {})
	no(t, err)
	begun, release := make(chan bool), make(chan bool)
	_, err = loop.Work(t.Context(), lp, func(context.Context) (int, error) { begun <- true; <-release; return 0, nil }, func(int, error) {})
	no(t, err)
	ended := make(chan error, 1)
	go func() { ended <- lp.Run() }()
	<-begun
	await(t, "asleep", func() bool { return lp.Metrics().Asleep == 1 })
	m := lp.Metrics()
	equal(t, "jobs that run", m.JobsRunning, 1)
	equal(t, "jobs that wait", m.JobsWaiting, 0)
	equal(t, "timers", m.Timers, 1)
	equal(t, "handles", m.Handles, 2)

	stuck, free := make(chan bool), make(chan bool)
	no(t, lp.Post(func() { stuck <- true; <-free }))
	<-stuck
	no(t, lp.Post(func() {}))
	no(t, lp.Post(func() {}))
	turns := lp.Metrics().Turns
	equal(t, "asleep while it is stuck", lp.Metrics().Asleep, 0)
	equal(t, "posts that wait", lp.Metrics().Posts, 2)
	equal(t, "turns", lp.Metrics().Turns, turns)
	close(free)
	close(release)
	no(t, lp.Post(func() { keep.Close(); lp.Stop() }))
	no(t, <-ended)
	await(t, "the job has ended", func() bool { return lp.Metrics().JobsRunning == 0 })
}

// await waits for another goroutine.
func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for start := time.Now(); !cond(); time.Sleep(time.Millisecond) {
		if time.Since(start) > patience {
			t.Fatal("in vain: ", what)
		}
	}
}

// Jobs are counted as waiting until an Executor begins them, and as running while they run, also where
// nobody waits for them any more.
func TestMetricsOfJobs(t *testing.T) {
	var queue []func()
	lp := newLoop(t, loop.Options{Executor: submit(func(job func()) error { queue = append(queue, job); return nil })})
	counts := func(what string, waiting, running int) {
		t.Helper()
		m := lp.Metrics()
		equal(t, what+": waiting", m.JobsWaiting, waiting)
		equal(t, what+": running", m.JobsRunning, running)
	}
	var jobs []*loop.Job
	for range 3 {
		j, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) {
			counts("in a job", len(queue)-1, 1)
			return 0, nil
		}, func(int, error) {})
		no(t, err)
		jobs = append(jobs, j)
	}
	counts("submitted", 3, 0)
	first := queue[0]
	first()
	queue = queue[1:]
	counts("one has run", 2, 0)
	equal(t, "cancelled", jobs[1].Cancel(), true)
	counts("one is cancelled", 1, 0)
	queue = queue[1:]
	began, release := make(chan bool), make(chan bool)
	abandoned, err := loop.Work(t.Context(), lp, func(context.Context) (int, error) {
		began <- true
		<-release
		return 0, nil
	}, func(int, error) {})
	no(t, err)
	done := make(chan bool)
	go func() { queue[len(queue)-1](); close(done) }()
	<-began
	equal(t, "abandoned", abandoned.Abandon(), true)
	counts("one is abandoned and runs", 1, 1)
	close(release)
	<-done
	counts("it has ended", 1, 0)
	equal(t, "cancelled", jobs[2].Cancel(), true)
	counts("in the end", 0, 0)
	run(t, lp)
}

type submit func(job func()) error

func (s submit) Submit(job func()) error { return s(job) }

// Each field is in Since and in Add: what was added is taken away again, and the rest is told as it is.
func TestMetricsSinceAndAdd(t *testing.T) {
	a, b := filled(t, 3), filled(t, 5)
	sum := a.Add(&b)
	back := sum.Since(&b)
	gauges := map[string]bool{"Slowest": true, "Asleep": true, "Handles": true, "Timers": true, "Posts": true, "JobsWaiting": true,
		"JobsRunning": true, "Counters.Stream.Queued": true, "Counters.Stream.Unread": true, "Counters.Packets.Queued": true,
		"Counters.Packets.Unread": true, "Counters.Conns.Dialing": true, "Counters.Conns.Handshaking": true,
		"Counters.Conns.Open": true, "Counters.Conns.Closing": true}
	each(reflect.ValueOf(sum), "", func(name string, v int64) {
		want := int64(8)
		if name == "Slowest" {
			want = 5
		}
		equal(t, "the sum of "+name, v, want)
	})
	each(reflect.ValueOf(back), "", func(name string, v int64) {
		want := int64(3)
		switch {
		case name == "Slowest":
			want = 5
		case gauges[name]:
			want = 8
		}
		equal(t, name+" since", v, want)
	})
}

func filled(t *testing.T, n int64) (m loop.Metrics) {
	fields := 0
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Type() != reflect.TypeOf(loop.Histogram{}) {
					fill(v.Field(i))
				}
			}
		case reflect.Uint64:
			v.SetUint(uint64(n))
			fields++
		default:
			v.SetInt(n)
			fields++
		}
	}
	fill(reflect.ValueOf(&m).Elem())
	if fields < 30 {
		t.Fatalf("only %d fields", fields)
	}
	return m
}

// each calls fn with every number of v but histograms.
func each(v reflect.Value, name string, fn func(name string, v int64)) {
	for i := range v.NumField() {
		f, at := v.Field(i), v.Type().Field(i).Name
		if name != "" {
			at = name + "." + at
		}
		switch {
		case f.Type() == reflect.TypeOf(loop.Histogram{}):
		case f.Kind() == reflect.Struct:
			each(f, at, fn)
		case f.Kind() == reflect.Uint64:
			fn(at, int64(f.Uint()))
		default:
			fn(at, f.Int())
		}
	}
}
