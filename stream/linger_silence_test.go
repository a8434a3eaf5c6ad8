package stream_test

import (
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
)

// A blind poller has streams that do not tell what was acknowledged, as those of
// Windows.
type (
	blind       struct{ poller.Poller }
	blindAccept struct{ poller.Acceptor }
	blindStream struct{ poller.Stream }
)

func (p blind) Dial(a poller.Addr, o *poller.Options, h poller.StreamHandler) (poller.Stream, error) {
	s, err := p.Poller.Dial(a, o, h)
	return blindStream{s}, err
}

func (p blind) Listen(a poller.Addr, o *poller.Options, h poller.Acceptor) (poller.Socket, error) {
	return p.Poller.Listen(a, o, blindAccept{h})
}

func (a blindAccept) Accepted(s poller.Stream) poller.StreamHandler {
	return a.Acceptor.Accepted(blindStream{s})
}

func newBlindRig(t *testing.T) *rig {
	return newRig(t, loop.Options{Poller: blind{sim.New(1, sim.Config{}).Host("host")}})
}

// A peer that talks while it reads would be answered by a reset, and lose what it
// has not read, if Close did not listen.
func TestCloseListensWhereNobodyTellsWhatArrived(t *testing.T) {
	r := newBlindRig(t)
	client, server := r.pair()
	const total = 4 * mebibyte
	read := 0
	client.OnRead = func(c *tcp.Conn, p []byte) {
		read += len(p)
		c.WriteString("x")
		r.no(c.PauseRead())
		r.after(10*time.Millisecond, func() { c.ResumeRead() })
	}
	client.OnClose = func(_ *tcp.Conn, err error) { r.is(err, nil) }
	client.OnEOF = func(c *tcp.Conn) { c.Close() }
	server.OnClose = func(_ *tcp.Conn, err error) { r.no(err) }
	server.Write(make([]byte, total))
	r.no(server.Close())
	r.run()
	r.equal("bytes read", read, total)
}

// A peer that says nothing and does not end is left soon, one that talks without
// end when the drain timeout is over.
func TestCloseListensForATime(t *testing.T) {
	for name, c := range map[string]struct {
		talks      bool
		from, upTo time.Duration
	}{
		"silent":  {false, time.Second, 1500 * time.Millisecond},
		"talking": {true, 3 * time.Second, 3500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			r := newBlindRig(t)
			client, server := r.pairOf(&tcp.Options{DrainTimeout: 3 * time.Second}, nil)
			client.OnEOF = func(*tcp.Conn) {}
			closed := false
			server.OnClose = func(_ *tcp.Conn, err error) { closed = true; r.no(err) }
			server.WriteString("bye")
			var talk func()
			talk = func() {
				if c.talks && !closed {
					client.WriteString("still here")
					r.after(100*time.Millisecond, talk)
				}
			}
			talk()
			began := r.lp.UpdateNow()
			r.no(server.Close())
			r.until("it is closed", func() bool { return closed })
			if took := r.lp.UpdateNow().Sub(began); took < c.from || took > c.upTo {
				t.Errorf("closed after %v, want %v to %v", took, c.from, c.upTo)
			}
		})
	}
}
