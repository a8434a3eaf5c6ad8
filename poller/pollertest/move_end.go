package pollertest

import (
	"errors"
	"net"

	"example.com/pike/poller"
)

// moveReset has the peer reset a stream that no poller has.
func moveReset(r *rig) {
	a, b := r.pair(nil)
	b.detach()
	a.reset()
	r.until("it is closed", a.over)
	r.settle()
	c := b.attached(r.also)
	r.until("the loss is told, although it is stopped", func() bool { return c.lost })
	r.settle()
}

func moveResetBehindData(r *rig) {
	a, b := r.pair(nil)
	a.send(1000)
	r.settle()
	b.detach()
	a.reset()
	r.until("it is closed", a.over)
	r.settle()
	c := b.attached(r.also)
	c.start()
	r.until("the loss is told", func() bool { return c.lost })
	if c.in != 0 && c.in != 1000 { // systems keep all of it, or nothing
		r.Errorf("received %d bytes", c.in)
	}
}

func moveAfterLoss(r *rig) {
	a, b := r.pair(nil)
	b.start()
	a.reset()
	r.until("the loss is told", func() bool { return b.lost })
	c := b.goes(r.also)
	r.settle()
	c.close()
	r.until("it is closed", c.over)
}

func moveAndClose(r *rig) {
	a, b := r.pair(nil)
	a.start()
	c := b.goes(r.also)
	c.close()
	r.until("it is closed", func() bool { return c.closed && a.eof() })
	e, f := r.pair(nil)
	e.start()
	g := f.goes(r.also)
	g.reset()
	r.until("it is reset", func() bool { return g.closed && e.lost })
}

func moveSendingAndClose(r *rig) {
	a, _ := r.pair(tight)
	a.fill()
	was := a.answers
	c := a.goes(r.also)
	c.close()
	r.until("it is closed", c.over)
	if c.answers != was+1 || !errors.Is(c.sendErr, net.ErrClosed) {
		r.Errorf("%d answers, and the last is %v", c.answers-was, c.sendErr)
	}
}

func moveClosed(r *rig) {
	a, b := r.pair(nil)
	a.start()
	b.send(100)
	r.until("it is sent", b.idleSend)
	b.detach()
	b.closing, b.closed = true, true
	b.call("Close", b.s.Close)
	r.until("the end is received", a.ended)
	if a.in != 100 || !a.eof() {
		r.Errorf("received %d bytes, then %v", a.in, a.end)
	}
	if err := r.also.(poller.Attacher).Attach(b.s, nil); !errors.Is(err, net.ErrClosed) {
		r.Errorf("Attach of what is closed: %v", err)
	}
}

// moveBackAndForth moves both ends while both send and receive.
func moveBackAndForth(r *rig) {
	const rounds, most = 60, 20_000
	a, b := r.pair(tight)
	pollers := [2]poller.Poller{r.p, r.also}
	ends := [2]*conn{a, b}
	for i := range rounds {
		for j, c := range ends {
			if !c.sending {
				c.send(1+i*311%most, 0, 1+i*97%most)
			}
			d := c.goes(pollers[(i/(1+j)+1)%2])
			d.start()
			ends[j] = d
		}
		for range i % 4 {
			r.poll(r.p.Now())
		}
	}
	a, b = ends[0], ends[1]
	r.until("all is received", func() bool { return !a.sending && !b.sending && a.in == b.out && b.in == a.out })
	a.close()
	r.until("the end is received", b.eof)
}

func moveFromClosed(r *rig) {
	a, b := r.pair(nil)
	a = a.goes(r.also)
	a.start()
	b.detach()
	for _, s := range r.sockets { // nothing of these is told any more
		if v, ok := s.(*server); ok {
			v.closing, v.closed = true, true
		}
	}
	r.noError("Poller.Close", r.p.Close())
	r.p = r.also // what follows is about this one alone
	r.also = nil
	c := b.attached(r.p)
	c.start()
	arrives(a, c, 1000)
	arrives(c, a, 1000)
}

func moveToClosed(r *rig) {
	a, b := r.pair(nil)
	a.start()
	b.detach()
	r.noError("Poller.Close", r.also.Close())
	if err := r.also.(poller.Attacher).Attach(b.s, b); err == nil {
		r.Fatal("a poller that is closed has taken a stream")
	}
	r.also = nil
	c := b.attached(r.p) // where it was
	c.start()
	arrives(a, c, 1000)
	arrives(c, a, 1000)
}

func moveRefused(r *rig) {
	a, b := r.pair(nil)
	d, ok := a.s.(poller.Detacher)
	at, ok2 := r.also.(poller.Attacher)
	if !ok || !ok2 {
		r.Skip("streams are no poller.Detachers")
	}
	if err := at.Attach(b.s, b); err == nil {
		r.Fatal("a stream was attached that was not detached")
	}
	if err := at.Attach(nil, b); !errors.Is(err, errors.ErrUnsupported) {
		r.Errorf("Attach of a stream of nobody: %v", err)
	}
	fresh := r.dial(r.nobody(), nil)
	if err := fresh.s.(poller.Detacher).Detach(); err == nil {
		r.Error("a stream was detached that is being dialed")
	}
	a.start()
	b.start()
	arrives(a, b, 100) // as before
	arrives(b, a, 100)
	a.close()
	if err := d.Detach(); !errors.Is(err, net.ErrClosed) {
		r.Errorf("Detach after Close: %v", err)
	}
	r.until("it is closed", a.over)
	if err := d.Detach(); !errors.Is(err, net.ErrClosed) {
		r.Errorf("Detach after Closed: %v", err)
	}
}

// moveInUpcall moves other streams of the batch, of which there is something to tell.
func moveInUpcall(r *rig) {
	v := r.listen(nil)
	from, to := r.readyPairs(v, 6)
	var moved []*conn
	for _, b := range to {
		b.on.received = func([]byte, error) {
			for _, other := range to {
				if other != b && !other.closing {
					moved = append(moved, other.goes(r.also))
				}
			}
		}
	}
	r.until("all were moved but the first", func() bool { return len(moved) >= len(to)-1 })
	for _, c := range moved {
		c.start()
		for _, a := range from {
			if a.ours == c.theirs {
				arrives(a, c, 100)
			}
		}
	}
}
