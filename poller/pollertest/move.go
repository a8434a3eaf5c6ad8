package pollertest

import (
	"errors"
	"maps"
	"net"
	"testing"
	"time"

	"example.com/pike/poller"
)

// RunMoves runs the tests about streams that go from one poller to another: poller.Detacher and
// poller.Attacher. open opens two pollers between which they go. Where a stream
// leaves only before it was used, as on Windows, the tests of others are skipped.
func RunMoves(t *testing.T, open func(t testing.TB) (from, to poller.Poller), except map[string]string) {
	t.Helper()
	all := make([]clause, len(moveClauses))
	copy(all, moveClauses)
	var to poller.Poller
	for i := range all {
		all[i].also = func() poller.Poller { return to }
	}
	runClauses(t, all, func(t testing.TB) (from poller.Poller) {
		from, to = open(t)
		return from
	}, maps.Clone(except))
}

var moveClauses = []clause{
	{name: "Move_in_Accepted", test: moveInAccepted, both: true},
	{name: "Move_in_Accepted_attached_later", test: moveInAcceptedLater},
	{name: "Move_in_Accepted_and_never_attached", test: moveNowhere},
	{name: "Move_with_data_that_waits", test: moveWithData, both: true},
	{name: "Move_with_a_send_in_flight", test: moveSending},
	{name: "Move_with_a_send_and_an_end_behind_it", test: moveSendingEnd},
	{name: "Move_after_the_end", test: moveAfterEnd},
	{name: "Move_with_the_end_untold", test: moveBeforeEnd},
	{name: "Move_after_our_own_end", test: moveAfterShutdown},
	{name: "Move_of_what_is_reset_meanwhile", test: moveReset},
	{name: "Move_behind_data_of_what_is_reset_meanwhile", test: moveResetBehindData},
	{name: "Move_after_the_loss", test: moveAfterLoss},
	{name: "Move_and_close_right_after", test: moveAndClose},
	{name: "Move_with_a_send_in_flight_and_close", test: moveSendingAndClose},
	{name: "Move_that_is_closed_on_its_way", test: moveClosed},
	{name: "Move_there_and_back_with_data_in_flight", test: moveBackAndForth},
	{name: "Move_from_a_poller_that_is_closed", test: moveFromClosed},
	{name: "Move_to_a_poller_that_is_closed", test: moveToClosed},
	{name: "Move_of_what_cannot", test: moveRefused},
	{name: "Move_of_others_in_an_upcall", test: moveInUpcall},
}

// pollBoth polls the other poller, too.
func (r *rig) pollBoth(deadline poller.Time) error {
	if r.also == nil {
		return r.p.Poll(deadline)
	}
	const each = time.Millisecond
	if err := r.also.Poll(r.also.Now().Add(each)); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	if r.gone {
		return nil
	}
	return r.p.Poll(min(deadline, r.p.Now().Add(each)))
}

// detach takes c from its poller.
func (c *conn) detach() {
	c.Helper()
	d, ok := c.s.(poller.Detacher)
	if !ok {
		c.Skip("streams are no poller.Detachers")
	}
	var err error
	c.call("Detach", func() { err = d.Detach() })
	if errors.Is(err, errors.ErrUnsupported) {
		c.Skip("a stream that was used cannot leave here")
	}
	c.noError("Detach", err)
	c.started, c.awaits = false, false
}

// attached goes on with what was detached, in p.
func (c *conn) attached(p poller.Poller) *conn {
	c.Helper()
	d := new(conn)
	*d = *c
	d.name += ", moved"
	d.on.connected, d.on.received, d.on.sent, d.on.closed = nil, nil, nil, nil
	c.closing, c.closed = true, true
	var err error
	c.call("Attach", func() { err = p.(poller.Attacher).Attach(c.s, d) })
	c.noError("Attach", err)
	c.sockets = append(c.sockets, d)
	return d
}

// goes moves c to p.
func (c *conn) goes(p poller.Poller) *conn {
	c.Helper()
	c.detach()
	return c.attached(p)
}

func moveInAccepted(r *rig) {
	v := r.listen(nil)
	var moved []*conn
	v.on.accepted = func(c *conn) bool {
		c.detach()
		c.told, c.connected = true, true
		moved = append(moved, c.attached(r.also))
		return false
	}
	for range 3 {
		a := r.dial(v.addr(), nil)
		r.until("it is there", func() bool { return a.connected && len(moved) > 0 })
		b := moved[0]
		moved = moved[1:]
		r.same("Peer", b.s.Peer(), a.s.Addr())
		a.start()
		b.start()
		arrives(a, b, 1000)
		arrives(b, a, 300_000)
		a.shutdown()
		r.until("the end is received", b.eof)
		b.close()
		r.until("all is closed", func() bool { return b.closed && a.eof() })
	}
}

func moveInAcceptedLater(r *rig) {
	v := r.listen(nil)
	var c *conn
	v.on.accepted = func(accepted *conn) bool {
		c = accepted
		c.detach()
		c.told, c.connected = true, true
		return true // which is not used
	}
	a := r.dial(v.addr(), nil)
	a.start()
	r.until("it is accepted", func() bool { return c != nil && a.connected })
	a.send(1000)
	r.settle()
	b := c.attached(r.also)
	b.start()
	r.until("what came meanwhile is received", func() bool { return b.in == 1000 })
	arrives(b, a, 1000)
}

// moveNowhere closes what was detached.
func moveNowhere(r *rig) {
	v := r.listen(nil)
	n := 0
	v.on.accepted = func(c *conn) bool {
		c.detach()
		if n++; n == 1 {
			c.s.Close()
		} else {
			c.s.Reset()
		}
		c.s.Close() // does nothing
		return false
	}
	a := r.dial(v.addr(), nil)
	a.start()
	r.until("the end is received", a.ended)
	if !a.eof() {
		r.Errorf("closed: %v", a.end)
	}
	b := r.dial(v.addr(), nil)
	b.start()
	r.until("the loss is received", func() bool { return b.lost || b.dialErr != nil })
}

func moveWithData(r *rig) {
	a, b := r.pair(nil)
	a.start()
	b.start()
	arrives(a, b, 1000)
	b.stop()
	a.send(3000)
	r.settle()
	peer, addr := b.s.Peer(), b.s.Addr()
	c := b.goes(r.also)
	r.same("Peer", c.s.Peer(), peer)
	r.same("Addr", c.s.Addr(), addr)
	r.settle()
	if c.in != 1000 {
		r.Fatalf("a stream that was moved is stopped, and was told %d bytes", c.in-1000)
	}
	c.start()
	r.until("what was waiting is received", func() bool { return c.in == a.out })
	arrives(c, a, 500)
	arrives(a, c, 500)
	arrives(a, c, 300_000)
	c.close()
	r.until("the end is received", a.ended)
}

func moveSending(r *rig) {
	a, b := r.pair(tight)
	a.fill()
	was := a.answers
	unsent := a.unsent()
	c := a.goes(r.also)
	if n := c.unsent(); n != unsent {
		r.Errorf("%d bytes are unsent after the move, and were %d", n, unsent)
	}
	b.start()
	r.until("the Send is answered", func() bool { return !c.sending && b.in == c.out })
	if c.answers != was+1 || c.sendErr != nil {
		r.Errorf("%d answers, and the last is %v", c.answers-was, c.sendErr)
	}
	arrives(c, b, 100)
}

func moveSendingEnd(r *rig) {
	a, b := r.pair(tight)
	a.fill()
	a.shutdown()
	c := a.goes(r.also)
	b.start()
	r.until("the end is received", b.ended)
	if b.in != c.out || !b.eof() || c.sending {
		r.Errorf("received %d bytes of %d, and %v", b.in, c.out, b.end)
	}
	c.start()
	arrives(b, c, 100)
}

func moveAfterEnd(r *rig) {
	a, b := r.pair(nil)
	a.start()
	b.start()
	a.send(10)
	a.shutdown()
	r.until("the end is received", b.eof)
	c := b.goes(r.also)
	c.start() // does nothing
	r.settle()
	arrives(c, a, 1000)
	c.shutdown()
	r.until("the other end is received", a.eof)
}

func moveBeforeEnd(r *rig) {
	a, b := r.pair(nil)
	a.send(1000)
	a.shutdown()
	r.settle()
	c := b.goes(r.also)
	r.settle()
	if c.in != 0 || c.ended() {
		r.Fatal("a stream that was moved is stopped, and was told something")
	}
	c.start()
	r.until("the end is received", c.ended)
	if c.in != 1000 || !c.eof() {
		r.Errorf("received %d bytes, then %v", c.in, c.end)
	}
}

func moveAfterShutdown(r *rig) {
	a, b := r.pair(nil)
	b.start()
	a.start()
	a.shutdown()
	r.until("the end is received", b.eof)
	c := a.goes(r.also)
	c.shutdown() // says nothing new
	c.start()
	arrives(b, c, 1000)
	b.shutdown()
	r.until("the other end is received", c.eof)
}
