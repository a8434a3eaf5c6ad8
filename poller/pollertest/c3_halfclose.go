package pollertest

var halfCloseClauses = []clause{
	{name: "C3_half_close_by_the_dialed_end", test: func(r *rig) { halfClose(r, false) }, both: true},
	{name: "C3_half_close_by_the_accepted_end", test: func(r *rig) { halfClose(r, true) }, both: true},
	{name: "C3_shutdown_waits_for_the_send", test: shutdownWaits},
	{name: "C3_shutdown_twice_and_of_both_ends", test: shutdownBoth},
	{name: "C3_late_reply_of_a_mebibyte", test: lateReply},
	{name: "C3_shutdown_in_the_upcall_of_the_end", test: shutdownInEnd},
}

// halfClose ends one direction, replies in the other, and ends that.
func halfClose(r *rig, swap bool) {
	a, b := r.pair(nil)
	if swap {
		a, b = b, a
	}
	a.start()
	b.start()
	a.send(1000)
	a.shutdown()
	r.until("the end is received", b.ended)
	if b.in != 1000 || !b.eof() {
		r.Errorf("received %d bytes, then %v", b.in, b.end)
	}
	r.settle()
	a.shutdown() // says nothing new, and receiving goes on
	for range 3 {
		arrives(b, a, 1000)
	}
	b.shutdown()
	r.until("the other end is received", a.ended)
	if a.in != 3000 || !a.eof() {
		r.Errorf("the other end received %d bytes, then %v", a.in, a.end)
	}
	r.quiet() // nothing is closed before Close
}

func shutdownWaits(r *rig) {
	a, b := r.pair(tight)
	a.fill()
	a.shutdown()
	r.settle()
	b.start()
	r.until("the end is received", b.ended)
	if b.in != a.out || !b.eof() || a.sendErr != nil || a.sending {
		r.Errorf("received %d bytes of %d, then %v; Sent(%v)", b.in, a.out, b.end, a.sendErr)
	}
}

func shutdownBoth(r *rig) {
	a, b := r.pair(nil)
	a.start()
	b.start()
	a.shutdown()
	b.shutdown()
	a.shutdown()
	r.until("both ends are received", func() bool { return a.ended() && b.ended() })
	if !a.eof() || !b.eof() {
		r.Errorf("received %v and %v", a.end, b.end)
	}
	a.shutdown()
	a.close()
	a.shutdown()
	r.until("it is closed", a.over)
	a.shutdown()
	r.quiet()
}

// lateReply has a server answer a client that sends everything first and then ends its side.
func lateReply(r *rig) {
	a, b := r.pair(tight)
	b.start()
	a.start()
	a.send(1 << 10)
	a.shutdown()
	b.on.received = func(_ []byte, err error) {
		if err != nil {
			b.send(1 << 20)
			b.shutdown()
		}
	}
	r.until("the reply has ended", a.ended)
	if a.in != 1<<20 || !a.eof() {
		r.Errorf("received %d bytes, then %v", a.in, a.end)
	}
}

func shutdownInEnd(r *rig) {
	a, b := r.pair(nil)
	answer := func(c *conn) {
		c.on.received = func(_ []byte, err error) {
			if err != nil {
				c.shutdown()
				c.close()
			}
		}
	}
	answer(a)
	answer(b)
	a.start()
	b.start()
	a.shutdown()
	r.until("both are closed", func() bool { return a.closed && b.closed })
	if !a.eof() || !b.eof() {
		r.Errorf("received %v and %v", a.end, b.end)
	}
}
