package stream_test

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
)

// A crowded is a poller whose listener is handed connections that no network knows, and which counts how often its
// clock is read.
type crowded struct {
	*sim.Host
	acceptor poller.Acceptor
	closed   []*member
	reads    int
}

func (p *crowded) Now() poller.Time {
	p.reads++
	return p.Host.Now()
}

func (p *crowded) Listen(a poller.Addr, o *poller.Options, h poller.Acceptor) (poller.Socket, error) {
	p.acceptor = h
	return p.Host.Listen(a, o, h)
}

func (p *crowded) Poll(deadline poller.Time) error {
	for _, m := range p.closed {
		m.h.Closed()
		deadline = p.Host.Now()
	}
	p.closed = p.closed[:0]
	return p.Host.Poll(deadline)
}

// A member is a connection of the crowd.
type member struct {
	p *crowded
	h poller.StreamHandler
}

func (m *member) Close()                           { m.p.closed = append(m.p.closed, m) }
func (m *member) Reset()                           { m.Close() }
func (*member) SetHandler(poller.StreamHandler)    {}
func (*member) Start()                             {}
func (*member) Stop()                              {}
func (*member) Shutdown()                          {}
func (*member) Addr() poller.Addr                  { return poller.Addr{} }
func (*member) Peer() poller.Addr                  { return poller.Addr{} }
func (*member) Send([][]byte) bool                 { return true }
func (*member) TrySend(p []byte) int               { return len(p) }
func (*member) Unsent() int                        { return 0 }
func (*member) Option(poller.Option) (int, error)  { return 0, errors.ErrUnsupported }
func (*member) SetOption(poller.Option, int) error { return errors.ErrUnsupported }

// Timeouts of a crowd: each connection is looked at about once in a timeout, however much it receives, and those that
// are silent end in time. A long run is of a million.
func TestTimeoutsOfACrowd(t *testing.T) {
	n := 100_000
	switch {
	case os.Getenv("PIKE_SOAK") != "":
		n = 1_000_000
	case checked:
		n = 10_000 // the checks of race and debug builds take most of the time
	}
	p := &crowded{Host: sim.New(1, sim.Config{Steps: 1 << 40}).Host("host")}
	r := newRig(t, loop.Options{Poller: p})
	heap := func() int { return holds().heap }
	before := heap()
	timedOut, early := 0, 0
	over := false
	ended := func(_ *tcp.Conn, err error) {
		if timedOut++; !errors.Is(err, os.ErrDeadlineExceeded) || r.lp.Now() < poller.Time(time.Minute) {
			early++
		}
	}
	ln := r.listen(&tcp.Options{IdleTimeout: time.Minute}, func(c *tcp.Conn) { c.OnClose = ended })
	members := make([]member, n)
	join := func() {
		for i := range members {
			m := &members[i]
			m.p = p
			m.h = p.acceptor.Accepted(m)
			m.h.Connected(nil)
		}
	}
	r.after(0, join)
	r.sleep(ms)
	t.Logf("%d bytes of heap a connection", (heap()-before)/n)
	p.reads = 0
	turns := r.lp.Metrics().Turns
	packets, byte1 := 0, []byte("x")
	for range 12 { // two minutes, in which every second one says something every 10 s
		r.after(10*second, func() {
			for i := 0; i < n; i += 2 {
				members[i].h.Received(byte1, nil)
				packets++
			}
		})
		r.sleep(10*second + ms)
	}
	r.equal("of the silent, timed out", timedOut, n/2)
	r.equal("early, or for another reason", early, 0)
	r.equal("open", ln.Metrics().Open, n/2)
	looks := float64(p.reads-packets) / float64(n)
	turns = r.lp.Metrics().Turns - turns
	t.Logf("%d packets, %.2f looks a connection, %d turns", packets, looks, turns)
	if looks > 3 { // a silent one: once, and once more before it ends; another: twice in two minutes
		t.Errorf("the clock was read %.2f times a connection for its timeout, in two minutes", looks)
	}
	if turns > 1000+uint64(n)/100 {
		t.Errorf("%d turns of the loop, although many were due at about the same time", turns)
	}
	r.after(2*time.Minute, func() { over = true })
	r.forever(func() bool { return over })
	r.equal("timed out in the end", timedOut, n)
	runtime.KeepAlive(members)
}
