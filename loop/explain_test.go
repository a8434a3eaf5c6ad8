package loop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/signal"
	"example.com/pike/tcp"
	"example.com/pike/timer"
	"example.com/pike/udp"
)

// explained is what Explain writes.
func explained(t *testing.T, lp *loop.Loop) string {
	t.Helper()
	var b strings.Builder
	no(t, lp.Explain(&b))
	return b.String()
}

// has fails the test for each line that text does not have.
func has(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("there is no line %q in\n%s", line, text)
		}
	}
}

func waitForYou(context.Context) (int, error) { return 0, nil }

func doneWithYou(int, error) {}

// A line for each thing that keeps the loop running, with what it waits for. The world is simulated, so that
// every word is known.
func TestExplain(t *testing.T) {
	w := sim.New(1, sim.Config{})
	lp := newLoop(t, loop.Options{Poller: w.Host("host"), Executor: submit(func(func()) error { return nil })})
	has(t, explained(t, lp), "nothing keeps the loop running")
	ln, err := tcp.Listen(lp, "127.0.0.1:7000", &tcp.Options{MaxConns: 10})
	no(t, err)
	var served *tcp.Conn
	ln.OnAccept = func(c *tcp.Conn) {
		served = c
		c.OnRead = func(*tcp.Conn, []byte) {}
	}
	dialed, err := tcp.Dial(lp, "127.0.0.1:7000", nil, func(c *tcp.Conn, err error) { no(t, err) })
	no(t, err)
	tick, err := timer.Every(lp, 5*time.Second, func() {})
	no(t, err)
	has(t, explained(t, lp),
		"3 handles and 1 other operation keep the loop running; 1 timeout is armed, which expires in 5s",
		"  stream.Conn      tcp dial of 127.0.0.1:7000: 0 attempts under way, 1 to be tried",
		"  stream.Listener  tcp 127.0.0.1:7000: accepts, 0 connections of at most 10",
		"  timer.Timer      fires in 5s, then every 5s")
	for served == nil || dialed.RemoteAddr().Port() != 7000 || !dialed.Writable() {
		_, err := lp.RunOnce()
		no(t, err)
	}
	no(t, served.PauseRead())
	_, err = dialed.Write(make([]byte, 8<<20))
	no(t, err)
	for range 100 {
		_, err := lp.RunNoWait()
		no(t, err)
	}
	port := dialed.LocalAddr().Port()
	text := explained(t, lp)
	has(t, text, fmt.Sprintf("  stream.Conn      tcp 127.0.0.1:7000 with 127.0.0.1:%d: open, reading is paused", port))
	if want := fmt.Sprintf("tcp 127.0.0.1:%d with 127.0.0.1:7000: open, does not read (no OnRead), %d bytes queued\n",
		port, dialed.Buffered()); !strings.Contains(text, want) {
		t.Errorf("there is no %q in\n%s", want, text)
	}
	no(t, dialed.Close())
	no(t, ln.Close())
	has(t, explained(t, lp), "  stream.Listener  tcp 127.0.0.1:7000: is closed, 1 connection of at most 10")
	if text := explained(t, lp); !strings.Contains(text, ": was closed, and waits for the peer to take what is queued, ") {
		t.Error(text)
	}
	no(t, dialed.Abort())
	no(t, served.Abort())
	no(t, tick.Close())
	run(t, lp)
	has(t, explained(t, lp), "nothing keeps the loop running")
	t.Run("the rest", func(t *testing.T) { explainsTheRest(t, lp) })
}

func explainsTheRest(t *testing.T, lp *loop.Loop) {
	c, err := udp.Listen(lp, "127.0.0.1:53", nil)
	no(t, err)
	no(t, c.PauseRead())
	_, err = signal.Notify(lp, func(os.Signal) {}, os.Interrupt)
	no(t, err)
	_, err = lp.NewAsync(func() {})
	no(t, err)
	idle, err := lp.NewPrepare(func() {})
	no(t, err)
	no(t, idle.Start())
	_, err = lp.NewCheck(func() {})
	no(t, err)
	job, err := loop.Work(t.Context(), lp, waitForYou, doneWithYou)
	no(t, err)
	no(t, lp.Post(noted))
	silent, err := timer.After(lp, time.Hour, func() {})
	no(t, err)
	silent.Unref()
	text := explained(t, lp)
	has(t, text,
		"4 handles, 1 job and 1 posted function keep the loop running; 1 timeout is armed, which expires in 1h0m0s",
		"  loop.Async       waits for Send",
		"  loop.Hook        prepare",
		"  signal.Watcher   interrupt",
		"  udp.Conn         udp 127.0.0.1:53: reading is paused",
		"  job              example.com/pike/loop_test.waitForYou: waits for the executor, since 1µs",
		"  post             example.com/pike/loop_test.noted",
		"these do not keep it running:",
		"  loop.Hook        check; is not active",
		"  timer.Timer      fires in 1h0m0s; has no reference (Unref)")
	equal(t, "cancelled", job.Cancel(), true)
	if text := explained(t, lp); !strings.Contains(text, "waitForYou: was cancelled, and its function is to be called, since") {
		t.Error(text)
	}
	no(t, lp.Shutdown(t.Context(), -1, nil))
	if text := explained(t, lp); !strings.Contains(text, "; Shutdown is under way, for 0s") {
		t.Error(text)
	}
	lp.Stop()
	if text := explained(t, lp); !strings.Contains(text, "; Stop was called\n") {
		t.Error(text)
	}
	no(t, lp.Close())
	is(t, lp.Explain(os.Stdout), net.ErrClosed)
}

func noted() {}

// Of very many handles a person wants to know how many there are.
func TestExplainOfMany(t *testing.T) {
	lp, _ := newFake(t)
	for range 1200 {
		_, err := timer.After(lp, time.Hour, func() {})
		no(t, err)
	}
	text := explained(t, lp)
	has(t, text, "  timer.Timer      and 700 more")
	equal(t, "lines", strings.Count(text, "\n"), 1+500+1)
}

type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

// From elsewhere it is a Post; errors are those of the writer, and of misuse.
func TestExplainFromElsewhere(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	is(t, lp.Explain(nil), os.ErrInvalid)
	is(t, lp.Explain(broken{}), errBroken)
	keep, err := lp.NewAsync(func() {})
	no(t, err)
	ended := make(chan error, 1)
	go func() { ended <- lp.Run() }()
	r, w := io.Pipe()
	no(t, lp.Post(func() {
		lp.Explain(w)
		w.Close()
		keep.Close()
	}))
	text, err := io.ReadAll(r)
	no(t, err)
	has(t, string(text), "  loop.Async       waits for Send")
	no(t, <-ended)
}

// A world that is stuck says what the loops of its hosts wait for, and so does one that has reached its limit.
func TestStuckWorldExplains(t *testing.T) {
	for name, want := range map[string]error{"deadlock": sim.ErrDeadlock, "limit": sim.ErrLimit} {
		t.Run(name, func(t *testing.T) {
			w := sim.New(1, sim.Config{Limit: time.Hour})
			w.Go(w.Host("srv"), func(h *sim.Host) error {
				return loop.RunOn(h, func(lp *loop.Loop) error {
					ln, err := tcp.Listen(lp, ":7000", nil)
					no(t, err)
					ln.OnAccept = func(c *tcp.Conn) { c.OnRead = func(*tcp.Conn, []byte) {} }
					if name == "limit" {
						_, err = timer.Every(lp, time.Minute, func() {})
					}
					return err
				})
			})
			w.Go(w.Host("cli"), func(h *sim.Host) error {
				return loop.RunOn(h, func(lp *loop.Loop) error {
					_, err := tcp.Dial(lp, w.Host("srv").Addrs()[0].String()+":7000", nil, func(c *tcp.Conn, err error) {
						no(t, err)
						c.OnRead = func(*tcp.Conn, []byte) {} // and the server says nothing
					})
					return err
				})
			})
			err := w.Run()
			is(t, err, want)
			for _, line := range []string{
				map[string]string{
					"deadlock": "    | 2 handles keep the loop running\n",
					"limit":    "    | 3 handles keep the loop running; 1 timeout is armed, which",
				}[name],
				"    |   stream.Listener  tcp [::]:7000: accepts, 1 connection\n",
				" with 10.0.0.1:7000: open, reads",
			} {
				if !strings.Contains(err.Error(), line) {
					t.Errorf("there is no %q in\n%v", line, err)
				}
			}
		})
	}
}
