package stream_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/pollertest"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// soakTime is how long a soak test goes on: a moment in an ordinary run, and in a
// long one what the environment says, PIKE_SOAK=5m.
func soakTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("PIKE_SOAK")
	if text == "" {
		return time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal("PIKE_SOAK: ", err)
	}
	return d
}

// A held is what a process has of the system's.
type held struct{ descriptors, goroutines, heap int }

func holds() held {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return held{openDescriptors(), runtime.NumGoroutine(), int(m.HeapAlloc)}
}

// churnLeast is how many connections a round of churn makes at least.
const churnLeast = 100

// A churn is a server and clients that do anything to each other.
type churn struct {
	*rig
	ln    *tcp.Listener
	rand  *rand.Rand // the server's
	open  int
	ended map[string]int // connections, by whether they had a reason
	seed  uint64
}

func newChurn(t *testing.T) *churn {
	s := &churn{rig: newRig(t), ended: map[string]int{}, seed: uint64(time.Now().UnixNano())}
	t.Log("seed", s.seed)
	s.rand = rand.New(rand.NewPCG(s.seed, 0))
	s.ln = s.listen(&tcp.Options{DrainTimeout: time.Second, MaxConns: 200}, s.accept)
	return s
}

func (s *churn) accept(c *tcp.Conn) {
	s.open++
	c.OnRead = func(c *tcp.Conn, p []byte) { s.any(c, p) }
	c.OnClose = func(_ *tcp.Conn, err error) {
		s.open--
		if err == nil {
			s.ended["in order"]++
		} else {
			s.ended["with a reason"]++
		}
	}
	if s.rand.IntN(4) == 0 {
		c.OnEOF = func(c *tcp.Conn) { s.any(c, nil) }
	}
	s.any(c, nil)
}

// any does something to a connection, most often an echo.
func (s *churn) any(c *tcp.Conn, p []byte) {
	switch s.rand.IntN(24) {
	case 0:
		c.Close()
	case 1:
		c.Abort()
	case 2:
		c.CloseNow()
	case 3:
		c.CloseWrite()
	case 4:
		c.Write(make([]byte, s.rand.IntN(1<<20)))
		c.Close()
	case 5:
		c.PauseRead()
		timer.After(s.lp, time.Duration(s.rand.IntN(5))*time.Millisecond, func() { c.ResumeRead() })
	case 6:
		c.WriteBuffers([][]byte{make([]byte, s.rand.IntN(1<<16))}, func(error) {})
	case 7: // half-open: a client that is silent is dropped some time, as a server should
	default:
		c.Write(p)
	}
	timer.After(s.lp, 200*time.Millisecond, func() { c.Close() })
}

// clients connect and misbehave, until the time is over and enough connections were made, however slow the machine.
func (s *churn) clients(n int, until time.Time) (wait func() int64) {
	var done sync.WaitGroup
	var dialed atomic.Int64
	addr, late := s.ln.LocalAddr().String(), until.Add(patience)
	more := func(now time.Time) bool {
		return now.Before(until) || dialed.Load() < churnLeast && now.Before(late)
	}
	for i := range n {
		done.Go(func() {
			r := rand.New(rand.NewPCG(s.seed, uint64(i)+1))
			for more(time.Now()) {
				if nc, err := net.DialTimeout("tcp", addr, patience); err == nil {
					dialed.Add(1)
					misbehave(nc.(*net.TCPConn), r)
				}
			}
		})
	}
	return func() int64 { done.Wait(); return dialed.Load() }
}

// misbehave uses a connection as clients do that crash, hang or attack, and closes it.
func misbehave(nc *net.TCPConn, r *rand.Rand) {
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(time.Duration(r.IntN(50)) * time.Millisecond))
	nc.Write(make([]byte, r.IntN(1<<uint(r.IntN(19)))))
	switch r.IntN(6) {
	case 0: // a reset, with unread and unsent data
		nc.SetLinger(0)
	case 1: // half-close, and all is read
		nc.CloseWrite()
		io.Copy(io.Discard, nc)
	case 2: // reads a little
		io.CopyN(io.Discard, nc, 100)
	case 3: // silence
		time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
	case 4: // not ReadFrom, whose splice(2) has package net keep pipes
		io.Copy(struct{ io.Writer }{nc}, io.LimitReader(nc, 1<<18))
	}
}

// After much churn descriptors, goroutines and memory are where they were.
func TestSoakChurn(t *testing.T) {
	s := newChurn(t)
	round := func(d time.Duration) (int64, held) {
		wait := s.clients(16, time.Now().Add(d))
		count := make(chan int64, 1)
		go func() { n := wait(); s.lp.Post(s.lp.Stop); count <- n }()
		s.no(s.lp.Run())
		for last := s.ln.Metrics().Accepted + 1; last != s.ln.Metrics().Accepted; { // some may still be in the backlog
			last = s.ln.Metrics().Accepted
			s.until("every connection is closed", func() bool { return s.open == 0 })
			s.rest(250 * time.Millisecond) // the last timers
		}
		return <-count, holds()
	}
	_, before := round(min(soakTime(t), time.Second) / 2) // until pools and tables have their sizes
	n, after := round(soakTime(t))
	t.Logf("%d connections; ended %v; before %+v, after %+v", n, s.ended, before, after)
	if n < churnLeast {
		t.Errorf("only %d connections were made", n)
	}
	s.equal("connections by the listener's account", s.ln.Metrics().Open, 0)
	s.equal("handles left", len(s.handles()), 1)
	if after.descriptors > before.descriptors || after.goroutines > before.goroutines {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if grown := after.heap - before.heap; grown > 4*mebibyte {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
}

// slowSenders has n connections send a byte each period, and returns how many
// bytes came back.
func slowSenders(r *rig, n int, period, d time.Duration) (echoed int) {
	ln := r.listen(nil, func(c *tcp.Conn) { c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) } })
	made := 0
	for range n {
		_, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
			r.no(err)
			made++
			c.OnRead = func(_ *tcp.Conn, p []byte) { echoed += len(p) }
			timer.Every(r.lp, period, func() { c.WriteString("x") })
		})
		r.no(err)
	}
	r.until("all are connected", func() bool { return made == n && ln.Metrics().Open == n })
	over := false
	r.after(d, func() { over = true })
	for !over {
		_, err := r.lp.RunOnce()
		r.no(err)
	}
	r.equal("connections", ln.Metrics().Open, n)
	return echoed
}

// Ten thousand connections that send a byte a second, in simulated time.
func TestSoakSlowSenders(t *testing.T) {
	n := 10_000
	if checked && os.Getenv("PIKE_SOAK") == "" {
		n = 1000 // the checks of race and debug builds take most of the time
	}
	r := newRig(t, loop.Options{Poller: sim.New(1, sim.Config{Steps: 1 << 40}).Host("host")})
	d := 9*time.Second + soakTime(t)
	echoed := slowSenders(r, n, time.Second, d)
	if least := n * (int(d/time.Second) - 1); echoed < least {
		t.Errorf("%d bytes came back in %v, want %d at least", echoed, d, least)
	}
}

// The same on the system: fewer, and faster.
func TestSoakSlowSendersOnTheSystem(t *testing.T) {
	r := newRig(t)
	if echoed := slowSenders(r, 100, 20*time.Millisecond, soakTime(t)/2); echoed < 100 {
		t.Errorf("%d bytes came back", echoed)
	}
}

// A peer that sends without end and never reads is waited for, without memory and
// without turns of the loop, by a server that stops reading while it cannot send.
func TestSoakPeerThatNeverReads(t *testing.T) {
	const most = 256 << 10
	r := newRig(t)
	c, nc := r.peer(nil)
	c.OnRead = func(c *tcp.Conn, p []byte) {
		if c.Write(p); c.Buffered() > most {
			c.PauseRead()
		}
	}
	c.OnWrite = func(c *tcp.Conn) { c.ResumeRead() }
	nc.SetDeadline(time.Now().Add(2*time.Second + soakTime(t)))
	var sent atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 64<<10); ; {
			n, err := nc.Write(buf)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	}()
	stuck := func() bool { return c.Buffered() > most }
	r.until("it is stuck", stuck)
	for last := int64(-1); last != sent.Load(); { // until the peer is as well
		last = sent.Load()
		r.rest(100 * time.Millisecond)
	}
	before := r.lp.Metrics().Turns
	r.rest(soakTime(t) / 2)
	if turns := r.lp.Metrics().Turns - before; turns > 20 {
		t.Errorf("%d turns while nothing could happen", turns)
	}
	if n := c.Buffered(); n > most+64<<10 {
		t.Errorf("%d bytes are queued", n)
	}
	r.no(c.Abort())
	r.turns(3)
	<-done
}

const killedVariable = "PIKE_TEST_KILLED_CLIENT"

// Clients are killed in the middle of what they write: each connection ends, with
// a reason or in order, and the server serves on.
func TestSoakKilledClients(t *testing.T) {
	if addr := os.Getenv(killedVariable); addr != "" {
		writeForEver(addr)
	}
	if pollertest.Wine() != "" {
		t.Skip("Wine keeps the connections of a killed process that had operations out, and the peer sees no end")
	}
	r := newRig(t)
	reasons := map[bool]int{}
	got, ended := 0, 0
	ln := r.listen(nil, func(c *tcp.Conn) {
		got = 0
		c.OnRead = func(c *tcp.Conn, p []byte) { got += len(p); c.Write(p) }
		c.OnClose = func(_ *tcp.Conn, err error) {
			ended++
			reasons[errors.Is(err, io.EOF)]++
		}
	})
	for round, end := 1, time.Now().Add(soakTime(t)-time.Second); round <= 3 || time.Now().Before(end); round++ {
		cmd := exec.Command(os.Args[0], "-test.run=^TestSoakKilledClients$")
		cmd.Env = append(os.Environ(), killedVariable+"="+ln.LocalAddr().String())
		r.no(cmd.Start())
		r.until("it has written much", func() bool { return got > mebibyte })
		r.no(cmd.Process.Kill())
		cmd.Wait()
		r.until("its connection ends", func() bool { return ended == round })
		got = 0
	}
	t.Logf("ended by EOF: %d, otherwise: %d", reasons[true], reasons[false])
	r.equal("connections", ln.Metrics().Open, 0)
}

// writeForEver reads what comes back too, but never enough.
func writeForEver(addr string) {
	nc, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		os.Exit(3)
	}
	go io.Copy(io.Discard, nc)
	for buf := make([]byte, 10_000); ; {
		if _, err := nc.Write(buf); err != nil {
			os.Exit(4)
		}
	}
}
