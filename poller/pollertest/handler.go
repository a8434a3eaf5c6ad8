package pollertest

import "example.com/pike/poller"

var handlerClauses = []clause{
	{name: "SetHandler_inside_an_upcall", test: handlerInUpcall, both: true},
	{name: "SetHandler_with_a_send_out", test: handlerSending},
	{name: "SetHandler_before_the_stream_is_connected", test: handlerDialing},
}

// handed gives the stream of c to another recorder, which goes on where c stands. That c is
// told nothing more the recorder holds.
func (c *conn) handed() *conn {
	d := new(conn)
	*d = *c
	d.name += ", handed on"
	d.on.connected, d.on.received, d.on.sent, d.on.closed = nil, nil, nil, nil
	c.closing, c.closed = true, true
	c.call("SetHandler", func() { c.s.SetHandler(d) })
	c.sockets = append(c.sockets, d)
	return d
}

// handlerInUpcall hands a stream on in Received, with more to come in the same Poll, and at its end.
func handlerInUpcall(r *rig) {
	a, b := r.pair(nil)
	var now *conn
	b.on.received = func([]byte, error) { now = b.handed() }
	b.start()
	a.send(300_000)
	a.shutdown()
	r.until("it is handed on", func() bool { return now != nil })
	r.until("the new owner has the rest", func() bool { return now.eof() })
	if now.in != a.out {
		r.Errorf("both owners together received %d bytes of %d", now.in, a.out)
	}
	a.start()
	arrives(now, a, 1000)
	now.close()
	r.until("it is closed", now.over)
}

// handlerSending hands on what has a Send in flight: the new owner hears of that.
func handlerSending(r *rig) {
	a, b := r.pair(tight)
	a.fill()
	now := a.handed()
	b.start()
	r.until("the Send is answered", func() bool { return !now.sending && b.in == now.out })
	if now.answers != a.answers+1 || now.sendErr != nil {
		r.Errorf("%d answers, and the last is %v", now.answers-a.answers, now.sendErr)
	}
	b.stop()
	now.fill()
	last := now.handed()
	last.close()
	r.until("it is closed", last.over)
}

// handlerDialing has the new owner told how a dial has ended.
func handlerDialing(r *rig) {
	v := r.listen(nil)
	for _, to := range []poller.Addr{v.addr(), r.nobody()} {
		c := r.dial(to, nil).handed()
		r.until("the new owner is told", func() bool { return c.told })
		if (c.dialErr == nil) != (to == v.addr()) {
			r.Errorf("Connected(%v)", c.dialErr)
		}
	}
}
