package pollertest

import (
	"errors"
	"net"
	"runtime"
)

var sendClauses = []clause{
	{name: "C2_send_completes_once", test: sendOnce, both: true},
	{name: "C2_send_is_answered_when_the_peer_reads", test: sendAnswered},
	{name: "C2_send_from_Sent", test: sendFromSent},
	{name: "C2_close_answers_the_send", test: func(r *rig) { sendThenEnd(r, (*conn).close) }, both: true},
	{name: "C2_reset_answers_the_send", test: func(r *rig) { sendThenEnd(r, (*conn).reset) }},
	{name: "C2_close_of_the_poller_answers_nothing", test: sendThenGone},
	{name: "C2_peer_reset_answers_the_send", test: sendReset, both: true},
	{name: "C2_send_to_a_peer_that_has_gone", test: sendToNobody},
	{name: "C2_send_after_close_is_over", test: sendClosed},
	{name: "C2_send_after_shutdown_fails", test: sendShut},
	{name: "C2_unsent", test: unsent},
	{name: "C2_accepted_sends_and_declines", test: sendDeclined},
}

// sendOnce sends every size that is at an edge, one after the other.
func sendOnce(r *rig) {
	a, b := r.pair(nil)
	b.start()
	for _, n := range []int{0, 1, 2, 4095, 65535, 65536, 65537, 1 << 20, 1<<20 + 1, 3<<20 + 7} {
		answers := a.answers
		if a.send(n) {
			r.until("it is received", func() bool { return b.in == a.out })
			if a.answers != answers {
				r.Errorf("a Send of %d bytes was done, and was answered", n)
			}
			continue
		}
		r.until("it is answered and received", func() bool { return !a.sending && b.in == a.out })
		if a.answers != answers+1 || a.sendErr != nil {
			r.Errorf("a Send of %d bytes: %d answers, %v", n, a.answers-answers, a.sendErr)
		}
	}
}

// sendAnswered also holds that the poller keeps alive what it was given, because nobody
// else does.
func sendAnswered(r *rig) {
	a, b := r.pair(tight)
	a.fill()
	r.settle()
	a.held, a.lent = nil, nil
	runtime.GC()
	b.start()
	for i := 0; a.sending || b.in < a.out; i++ {
		if i%32 == 0 {
			runtime.GC()
		}
		r.within(1000, "more is received, or told", func() bool { return b.busy > 0 || !a.sending && b.in == a.out })
		b.busy = 0
	}
	if a.answers != 1 || a.sendErr != nil {
		r.Errorf("%d answers, %v", a.answers, a.sendErr)
	}
}

func sendFromSent(r *rig) {
	a, b := r.pair(tight)
	const rounds = 50
	left := rounds
	next := func(error) {
		for left > 0 && !a.sending {
			left--
			a.send(30_000, 1)
		}
	}
	a.on.sent = next
	b.start()
	next(nil)
	r.until("all is received", func() bool { return left == 0 && !a.sending && b.in == rounds*30_001 })
}

func sendThenEnd(r *rig, end func(c *conn)) {
	a, b := r.pair(tight)
	a.fill()
	answers := a.answers
	end(a)
	r.until("it is closed", a.over)
	if a.answers != answers+1 {
		r.Errorf("%d answers, want 1", a.answers-answers)
	}
	if a.sendErr != nil && !errors.Is(a.sendErr, net.ErrClosed) {
		r.Errorf("Sent(%v), want net.ErrClosed", a.sendErr)
	}
	b.start()
	r.until("the end is received", b.ended)
}

// sendThenGone holds that Poller.Close makes no upcall, also not for a Send in flight.
func sendThenGone(r *rig) {
	a, _ := r.pair(tight)
	a.fill()
	r.dial(r.nobody(), nil)
	r.dial(r.nobody(), nil).close()
	r.closePoller() // the recorders hold that no handler is called
}

func sendReset(r *rig) {
	a, b := r.pair(tight)
	a.fill()
	b.reset()
	r.until("the Send is answered", a.idleSend)
	if a.sendErr == nil {
		r.Error("Sent(nil), though the peer has read nothing")
	}
	if errors.Is(a.sendErr, faultEnded) {
		r.Errorf("Sent(%v), which is what our own Shutdown would be", a.sendErr)
	}
	a.start()
	r.until("the reset is received", a.ended)
	r.quiet()
}

// sendToNobody goes on sending until the system sees that the peer has gone.
func sendToNobody(r *rig) {
	a, b := r.pair(nil)
	b.close()
	r.until("the peer is closed", b.over)
	for range 1000 {
		if !a.send(10_000) {
			r.until("it is answered", a.idleSend)
			if a.sendErr != nil {
				break
			}
		}
		r.idle(1e5)
	}
	if a.sendErr == nil {
		r.Fatal("no Send failed")
	}
	for range 5 { // it goes on failing, each time by an upcall
		if a.send(1) {
			r.Error("a Send is done where the last has failed")
		}
		r.until("it is answered", a.idleSend)
	}
	r.quiet()
}

func sendClosed(r *rig) {
	a, _ := r.pair(nil)
	a.close()
	a.send(100) // done at once, or Sent before Closed: the recorder holds that
	r.until("it is closed", a.over)
	if !a.send(100) {
		r.Error("a Send after Closed is not done")
	}
	if n := a.trySend(100); n != 0 {
		r.Errorf("TrySend after Closed took %d bytes", n)
	}
	r.settle()
}

func sendShut(r *rig) {
	a, b := r.pair(nil)
	b.start()
	a.shutdown()
	r.until("the end is received", b.ended)
	if a.send(100) {
		r.Error("a Send after Shutdown is done")
	}
	r.until("it is answered", a.idleSend)
	r.is("Sent after Shutdown", a.sendErr, faultEnded)
	a.start()
	b.send(100) // the other direction is not concerned
	r.until("the reply is received", func() bool { return a.in == 100 })
}

func unsent(r *rig) {
	a, b := r.pair(tight)
	if n := a.unsent(); n != 0 && !a.layered() {
		r.Errorf("Unsent is %d before any Send", n)
	}
	r.idleUntil("all that a layer had to send is sent", func() bool { return a.unsent() == 0 })
	a.fill()
	last := a.unsent()
	if total := int(a.out - a.from); last < 0 || last > total {
		r.Errorf("Unsent is %d of %d", last, total)
	}
	b.start()
	for a.sending || b.in < a.out {
		r.poll(r.p.Now().Add(patience))
		n := a.unsent()
		if n < 0 || n > last || (n > 0 && !a.sending) {
			r.Errorf("Unsent is %d after %d, out: %v", n, last, a.sending)
		}
		last = n
	}
	if n := a.unsent(); n != 0 {
		r.Errorf("Unsent is %d after Sent", n)
	}
	a.shutdown()
	r.until("the end is received", b.ended)
	r.idleUntil("the end is sent", func() bool { return a.unsent() == 0 })
}

// sendDeclined has an acceptor send something and return no handler. So nobody can be told
// Sent.
func sendDeclined(r *rig) {
	v := r.listen(tight)
	v.on.accepted = func(c *conn) bool {
		c.start()
		for !c.sending && c.out < 64<<20 {
			c.send(64 << 10)
		}
		return false
	}
	a := r.dial(v.addr(), tight)
	r.until("it is declined", func() bool { return (a.connected || a.dialErr != nil) && v.refused == 1 })
	r.settle()
	if a.dialErr != nil { // the layer of the other end has not got ready
		return
	}
	a.start()
	r.until("the end is received", a.ended)
}
