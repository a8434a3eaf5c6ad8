package loop_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
	"example.com/pike/udp"
)

// A service is a loop with a server and its clients, which says how it ended.
type service struct {
	testing.TB
	lp      *loop.Loop
	ln      *tcp.Listener
	served  []*tcp.Conn // the server's ends
	clients []*tcp.Conn
	reasons []error // of the server's ends
	reports []loop.ShutdownReport
}

func simulated() loop.Options { return loop.Options{Poller: sim.New(1, sim.Config{}).Host("host")} }

func newService(t testing.TB, o loop.Options, clients int) *service {
	t.Helper()
	s := &service{TB: t, lp: newLoop(t, o)}
	ln, err := tcp.Listen(s.lp, "127.0.0.1:0", nil)
	no(t, err)
	s.ln = ln
	ln.OnAccept = func(c *tcp.Conn) {
		s.served = append(s.served, c)
		c.OnClose = func(_ *tcp.Conn, err error) { s.reasons = append(s.reasons, err) }
	}
	made := 0
	for range clients {
		c, err := tcp.Dial(s.lp, ln.LocalAddr().String(), nil, func(_ *tcp.Conn, err error) { no(t, err); made++ })
		no(t, err)
		s.clients = append(s.clients, c)
	}
	for turns := 0; len(s.served) < clients || made < clients; turns++ {
		if _, err := s.lp.RunOnce(); err != nil || turns > 10_000 {
			t.Fatal("clients do not get through: ", err)
		}
	}
	return s
}

func (s *service) done(r loop.ShutdownReport) { s.reports = append(s.reports, r) }

func (s *service) begin(grace time.Duration) {
	s.Helper()
	no(s, s.lp.Shutdown(s.Context(), grace, s.done))
}

// ends runs the loop and compares the one report.
func (s *service) ends(finished, cut, closed int, err error) loop.ShutdownReport {
	s.Helper()
	run(s, s.lp)
	equal(s, "reports", len(s.reports), 1)
	r := s.reports[0]
	if r.Finished != finished || r.Cut != cut || r.Closed != closed || !errors.Is(r.Err, err) || err == nil && r.Err != nil {
		s.Fatalf("the report is %+v, want %d finished, %d cut off, %d closed, %v", r, finished, cut, closed, err)
	}
	left := 0
	s.lp.Walk(func(loop.Handle) { left++ })
	equal(s, "handles left", left, 0)
	equal(s, "alive", s.lp.Alive(), false)
	equal(s, "shutting down", s.lp.ShuttingDown(), false)
	return r
}

// Connections may finish, by whatever they need for that; then all else is closed
// and Run returns.
func TestShutdown(t *testing.T) {
	for name, o := range map[string]loop.Options{"system": {}, "sim": simulated()} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, o, 3)
			ticks := 0
			every, err := timer.Every(s.lp, time.Millisecond, func() {
				if ticks++; ticks <= 3 { // while the loop shuts down one connection after the other finishes
					no(t, s.clients[ticks-1].Close())
				}
			})
			no(t, err)
			packets, err := udp.Listen(s.lp, "127.0.0.1:0", nil)
			no(t, err)
			var closed []string
			every.OnClose = func() { closed = append(closed, "timer") }
			packets.OnClose = func(*udp.Conn) { closed = append(closed, "udp") }
			s.ln.OnClose = func() { closed = append(closed, "listener") }
			addr := s.ln.LocalAddr().String()

			s.begin(time.Hour)
			equal(t, "shutting down", s.lp.ShuttingDown(), true)
			_, err = tcp.Listen(s.lp, "127.0.0.1:0", nil)
			is(t, err, loop.ErrShutdown)
			is(t, err, net.ErrClosed)
			report := s.ends(6, 0, 3, nil) // both ends of the connections are on this loop
			if ticks < 3 || report.Took <= 0 || report.Took > patience {
				t.Errorf("%d ticks, it took %v", ticks, report.Took)
			}
			if name == "system" { // how soon it lets go of a listener is its own matter
				slices.Sort(closed)
			}
			equal(t, "closed", fmt.Sprint(closed), "[listener timer udp]")
			if _, err := net.DialTimeout("tcp", addr, patience); name == "system" && err == nil {
				t.Error("it still listens")
			}
			_, err = tcp.Listen(s.lp, "127.0.0.1:0", nil) // the loop can be used again
			no(t, err)
			no(t, s.lp.Close())
		})
	}
}

// What has not finished in time is cut off, and knows why.
func TestShutdownCutsOff(t *testing.T) {
	s := newService(t, simulated(), 3)
	no(t, s.clients[0].Close())
	s.begin(10 * time.Second)
	report := s.ends(2, 4, 1, os.ErrDeadlineExceeded)
	if report.Took < 10*time.Second || report.Took > 11*time.Second {
		t.Errorf("it took %v", report.Took)
	}
	equal(t, "reasons", len(s.reasons), 3)
	cut := 0
	for _, err := range s.reasons {
		if errors.Is(err, loop.ErrShutdown) && errors.Is(err, net.ErrClosed) {
			cut++
		}
	}
	equal(t, "told so", cut, 2)
}

// Who has nothing to do is closed by its owner, who is told when.
func TestOnShutdown(t *testing.T) {
	s := newService(t, simulated(), 3)
	told := 0
	s.ln.OnShutdown = func(c *tcp.Conn) {
		if told++; c != s.served[0] {
			c.WriteString("goodbye")
			no(t, c.Close())
			return
		}
		_, err := timer.After(s.lp, time.Second, func() { c.WriteString("the answer"); c.Close() })
		no(t, err)
	}
	var got []string
	for _, c := range s.clients {
		c.OnRead = func(_ *tcp.Conn, p []byte) { got = append(got, string(p)) }
	}
	s.begin(time.Minute)
	equal(t, "told inside the call", told, 0)
	report := s.ends(6, 0, 1, nil)
	equal(t, "told", told, 3)
	equal(t, "read", fmt.Sprint(got), "[goodbye goodbye the answer]")
	if report.Took < time.Second || report.Took > 2*time.Second {
		t.Errorf("it took %v", report.Took)
	}
}

// The context bounds it in real time.
func TestShutdownContext(t *testing.T) {
	s := newService(t, loop.Options{}, 1)
	ctx, cancel := context.WithCancelCause(t.Context())
	no(t, s.lp.Shutdown(ctx, -1, s.done))
	guard := time.AfterFunc(20*time.Millisecond, func() { cancel(errCause) })
	defer guard.Stop()
	s.ends(0, 2, 1, errCause)

	s = newService(t, loop.Options{}, 1)
	no(t, s.lp.Shutdown(ctx, -1, s.done)) // which has ended already
	equal(t, "closed inside the call", s.served[0].Closing(), false)
	s.ends(0, 2, 1, errCause)
}

// A second call hurries the first.
func TestShutdownTwice(t *testing.T) {
	s := newService(t, simulated(), 1)
	s.begin(-1)
	others := 0
	_, err := timer.After(s.lp, time.Second, func() {
		no(t, s.lp.Shutdown(t.Context(), time.Second, func(r loop.ShutdownReport) { others++ }))
		no(t, s.lp.Shutdown(t.Context(), time.Hour, nil)) // a later bound is none
	})
	no(t, err)
	report := s.ends(0, 2, 1, os.ErrDeadlineExceeded)
	equal(t, "the second was told", others, 1)
	if report.Took < 2*time.Second || report.Took > 3*time.Second {
		t.Errorf("it took %v", report.Took)
	}
	s.reports = nil
	s.begin(time.Second) // of a loop that has nothing
	s.ends(0, 0, 0, nil)
}

// A job is waited for as a connection is; one that takes too long is not.
func TestShutdownWaitsForJobs(t *testing.T) {
	s := newService(t, loop.Options{}, 0)
	release := make(chan struct{})
	results := 0
	job := func(context.Context) (int, error) { <-release; return 1, nil }
	_, err := loop.Work(t.Context(), s.lp, job, func(int, error) { results++ })
	no(t, err)
	s.begin(time.Hour)
	time.AfterFunc(10*time.Millisecond, func() { close(release) })
	report := s.ends(0, 0, 1, nil)
	equal(t, "results", results, 1)
	equal(t, "jobs left", report.Jobs, 0)

	s = newService(t, loop.Options{}, 0)
	release = make(chan struct{})
	_, err = loop.Work(t.Context(), s.lp, job, func(int, error) { results++ })
	no(t, err)
	s.begin(5 * time.Millisecond)
	done := bound(t, s.lp)
	no(t, s.lp.Run())
	done()
	equal(t, "reports", len(s.reports), 1)
	if r := s.reports[0]; r.Jobs != 1 || !errors.Is(r.Err, os.ErrDeadlineExceeded) {
		t.Errorf("the report is %+v", r)
	}
	close(release)
	run(t, s.lp) // the loop is as it was
	equal(t, "results", results, 2)
}

// What callbacks open while the loop shuts down: connections are waited for, and
// cut off with the rest; other things are closed.
func TestShutdownOfWhatIsNew(t *testing.T) {
	s := newService(t, simulated(), 1)
	dialed := 0
	var dial func()
	dial = func() { // whoever is closed opens another
		dialed++
		c, err := tcp.Dial(s.lp, s.ln.LocalAddr().String(), nil, func(*tcp.Conn, error) {})
		no(t, err)
		c.OnClose = func(*tcp.Conn, error) { dial() }
		_, err = timer.After(s.lp, time.Hour, func() { t.Error("an hour has passed") })
		no(t, err)
	}
	s.served[0].OnClose = func(*tcp.Conn, error) { dial() }
	s.begin(time.Second)
	done := bound(t, s.lp)
	no(t, s.lp.Run())
	done()
	equal(t, "reports", len(s.reports), 1)
	if dialed < 2 || dialed > 100_000 {
		t.Errorf("%d were dialed", dialed)
	}
}

func TestShutdownMisuse(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	var none context.Context
	is(t, lp.Shutdown(none, 0, nil), os.ErrInvalid)
	told := 0
	no(t, lp.Shutdown(t.Context(), time.Hour, func(loop.ShutdownReport) { told++ }))
	no(t, lp.Close())
	is(t, lp.Shutdown(t.Context(), 0, nil), net.ErrClosed)
	equal(t, "told of a loop that was closed", told, 0)
	equal(t, "shutting down", lp.ShuttingDown(), false)
}

// A callback that panics takes none of the order away.
func TestShutdownWithPanics(t *testing.T) {
	o := simulated()
	caught := 0
	o.OnPanic = func(loop.Handle, any, []byte) { caught++ }
	s := newService(t, o, 2)
	s.ln.OnShutdown = func(*tcp.Conn) { panic("in OnShutdown") }
	for _, c := range s.served {
		c.OnClose = func(*tcp.Conn, error) { panic("in OnClose") }
	}
	no(t, s.lp.Shutdown(t.Context(), time.Second, func(loop.ShutdownReport) { panic("in done") }))
	s.begin(time.Second)
	s.ends(4, 0, 1, nil)
	equal(t, "caught", caught, 5)
}

// Thousands of connections that end one by one cost no look at all of them each.
func TestShutdownOfMany(t *testing.T) {
	s := newService(t, simulated(), 2000)
	next := 0
	_, err := timer.Every(s.lp, time.Microsecond, func() {
		if next < len(s.clients) {
			s.clients[next].Close()
			next++
		}
	})
	no(t, err)
	s.begin(time.Hour)
	s.ends(4000, 0, 2, nil)
}

// A task is a handle of a package outside pike that has something to finish.
type task struct {
	loop.Base
	work   time.Duration
	end    loop.Timeout
	closes int
}

func newTask(t *testing.T, lp *loop.Loop, work time.Duration) *task {
	k := &task{work: work}
	no(t, lp.Maker().Attach(k))
	lp.Maker().SetActive(k, true)
	k.end.Init(k)
	return k
}

func (k *task) Drain() bool {
	if k.work == 0 {
		return false
	}
	k.Loop().Maker().SetTimeout(&k.end, k.Loop().Maker().Poller().Now().Add(k.work))
	return true
}

func (k *task) Expired(*loop.Timeout) { k.Close() }

func (k *task) Close() error {
	if !k.Loop().Maker().BeginClose(k) {
		return net.ErrClosed
	}
	k.Loop().Maker().StopTimeout(&k.end)
	k.Loop().Maker().EndClose(k, k)
	return nil
}

func (k *task) Finished() { k.closes++ }

// Handles of one's own are waited for if they say so, and closed in any case.
func TestShutdownOfOwnHandles(t *testing.T) {
	s := newService(t, simulated(), 0)
	tasks := []*task{newTask(t, s.lp, time.Second), newTask(t, s.lp, time.Minute), newTask(t, s.lp, 0)}
	unreferenced := newTask(t, s.lp, 2*time.Second)
	unreferenced.Unref()
	s.begin(10 * time.Second)
	report := s.ends(2, 1, 2, os.ErrDeadlineExceeded)
	if report.Took < 10*time.Second || report.Took > 11*time.Second {
		t.Errorf("it took %v", report.Took)
	}
	for i, k := range append(tasks, unreferenced) {
		equal(t, fmt.Sprint("close callbacks of task ", i), k.closes, 1)
	}
}

// A loop that was late looks at what has arrived before the grace ends: connections whose
// peers have ended in time have ended in time, be they more than a Poll tells of.
func TestShutdownAfterAStall(t *testing.T) {
	const clients = 600
	s := newService(t, loop.Options{}, 0)
	var peers []net.Conn
	for range clients {
		nc, err := net.Dial("tcp", s.ln.LocalAddr().String())
		no(t, err)
		defer nc.Close()
		peers = append(peers, nc)
		for turns := 0; len(s.served) < len(peers); turns++ {
			if _, err := s.lp.RunOnce(); err != nil || turns > 10_000 {
				t.Fatal("clients do not get through: ", err)
			}
		}
	}
	no(t, s.lp.Post(func() {
		s.begin(50 * time.Millisecond)
		for _, nc := range peers {
			nc.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}))
	no(t, s.lp.Run())
	if r := s.reports[0]; r.Finished != clients || r.Cut != 0 || r.Err != nil {
		t.Errorf("%+v, want %d finished", r, clients)
	}
}
