package pollertest

import (
	"errors"
	"syscall"

	"example.com/pike/poller"
)

// The loss of a connection is told once, whatever its end was doing, and no Poll returns for
// it again.
var lostClauses = []clause{
	{name: "C12_reset_after_the_end", test: func(r *rig) { resetAfterEnd(r, 0) }, both: true},
	{name: "C12_reset_after_the_end_and_our_own", test: resetAfterBothEnds},
	{name: "C12_reset_after_the_end_and_a_send_that_waited", test: func(r *rig) { resetAfterEnd(r, 1<<20) }},
	{name: "C12_answer_after_the_peer_has_closed", test: answerAfterEnd},
	{name: "C12_reset_of_a_crowd_after_its_end", test: resetOfCrowd},
	{name: "C12_reset_while_stopped", test: lostWhileStopped, both: true},
	{name: "C12_reset_before_the_first_start", test: resetBeforeStart},
	{name: "C12_reset_of_a_dialed_stream_that_was_never_started", test: resetOfDialed},
	{name: "C12_reset_behind_what_has_arrived", test: resetBehindData},
	{name: "C12_reset_behind_an_end_that_is_not_received", test: resetBehindEnd},
	{name: "C12_stopped_in_the_upcall_before_the_reset", test: stoppedBeforeReset},
	{name: "C12_watched_end", test: watchedEnd, both: true},
	{name: "C12_watched_end_behind_what_has_arrived", test: watchedEndBehindData},
	{name: "C12_watched_end_while_sending", test: watchedEndWhileSending},
	{name: "C12_end_that_is_watched_no_more", test: unwatchedEnd},
}

// lose holds that c is told of the reset, and nothing after that.
func lose(r *rig, c *conn) {
	r.Helper()
	r.until("it is told", func() bool { return c.lost })
	if !errors.Is(c.end, syscall.ECONNRESET) {
		r.Errorf("%s: %v", c.name, c.end)
	}
	r.quiet()
}

// resetAfterEnd has the peer reset a connection whose end has been received, and on which
// answer bytes have been sent since.
func resetAfterEnd(r *rig, answer int) {
	a, b := r.pair(tight)
	a.start()
	b.start()
	a.send(100)
	a.shutdown()
	r.until("the end is received", b.ended)
	if answer > 0 {
		b.send(answer)
		r.until("the answer is received", func() bool { return !b.sending && a.in == int64(answer) })
	}
	r.quiet()
	a.reset()
	lose(r, b)
	if b.in != 100 {
		r.Errorf("received %d bytes", b.in)
	}
}

// resetAfterBothEnds has nothing left that a reset could take away. Nobody need be told, but
// Poll must not spin.
func resetAfterBothEnds(r *rig) {
	a, b := r.pair(nil)
	a.start()
	b.start()
	a.shutdown()
	b.shutdown()
	r.until("both ends are received", func() bool { return a.ended() && b.ended() })
	r.quiet()
	a.reset()
	r.quiet()
	if !b.eof() {
		r.Errorf("%s: %v", b.name, b.end)
	}
}

// answerAfterEnd has an ordinary client close, so that the answer to it meets a reset.
func answerAfterEnd(r *rig) {
	a, b := r.pair(nil)
	b.start()
	a.close()
	r.until("the end is received", b.ended)
	r.settle()
	b.send(100)
	r.until("somebody is told", func() bool { return b.lost || b.sendErr != nil })
	r.quiet()
}

func resetOfCrowd(r *rig) {
	v := r.listen(nil)
	const n = 50
	var from, to []*conn
	for range n {
		a, b := r.pairOf(v, nil)
		a.start()
		b.start()
		a.shutdown()
		from, to = append(from, a), append(to, b)
	}
	r.until("all ends are received", func() bool { return all(to, (*conn).ended) })
	r.quiet()
	for _, a := range from {
		a.reset()
	}
	r.until("all are told", func() bool { return all(to, func(c *conn) bool { return c.lost }) })
	r.quiet()
}

func all(cs []*conn, what func(*conn) bool) bool {
	for _, c := range cs {
		if !what(c) {
			return false
		}
	}
	return true
}

func lostWhileStopped(r *rig) {
	a, b := r.pair(nil)
	b.start()
	arrives(a, b, 100)
	b.stop()
	r.quiet()
	a.reset()
	lose(r, b)
	b.start()
	r.quiet()
}

func resetBeforeStart(r *rig) {
	a, b := r.pair(nil)
	a.reset()
	lose(r, b)
}

func resetOfDialed(r *rig) {
	a, b := r.pair(nil)
	b.reset()
	lose(r, a)
}

// resetBehindData has data wait for Start, with a reset behind it. A system may drop unread
// data when a reset arrives (RFC 9293, 3.10.7.4). Then the reset is all there is.
func resetBehindData(r *rig) {
	a, b := r.pair(nil)
	b.start()
	arrives(a, b, 100)
	b.stop()
	a.send(5000)
	r.settle()
	a.reset()
	r.quiet()
	if b.ended() && b.in < 5100 {
		r.Logf("%s: this system drops what has not been read", b.name)
	}
	b.start()
	r.until("it is told", func() bool { return b.lost })
	r.quiet()
}

// resetBehindEnd has the end wait for Start, and a reset come behind it.
func resetBehindEnd(r *rig) {
	a, b := r.pair(nil)
	b.start()
	arrives(a, b, 100)
	b.stop()
	a.shutdown()
	r.quiet()
	if b.ended() {
		r.Errorf("%s: %v while stopped", b.name, b.end)
	}
	a.reset()
	r.settle()
	b.start()
	lose(r, b)
}

func stoppedBeforeReset(r *rig) {
	a, b := r.pair(nil)
	b.on.received = func([]byte, error) {
		if b.in == 100 {
			b.stop()
		}
	}
	b.start()
	a.send(100)
	r.until("it is received", func() bool { return b.in == 100 })
	a.reset()
	lose(r, b)
}

// watched is a pair of which b tells its end while it is stopped.
func (r *rig) watched(o *poller.Options) (a, b *conn) {
	r.Helper()
	a, b = r.pair(o)
	if !b.watchEnd() {
		r.Skip("streams are no poller.EndWatchers")
	}
	return a, b
}

func watchedEnd(r *rig) {
	a, b := r.watched(nil)
	r.quiet()
	a.shutdown()
	r.until("the end is told", b.eof)
	r.quiet()
	a.reset()
	lose(r, b)
}

func watchedEndBehindData(r *rig) {
	a, b := r.watched(nil)
	a.send(5000)
	r.settle()
	a.shutdown()
	r.quiet()
	if b.ended() {
		r.Errorf("%s: %v before what had arrived was received", b.name, b.end)
	}
	b.start()
	r.until("the end is told", b.eof)
	if b.in != 5000 {
		r.Errorf("%s: received %d bytes", b.name, b.in)
	}
	r.quiet()
}

func watchedEndWhileSending(r *rig) {
	a, b := r.watched(tight)
	b.fill()
	b.watchEnd()
	a.shutdown()
	r.settle()
	a.start()
	r.until("all is sent", func() bool { return !b.sending })
	r.until("the end is told", b.eof)
	r.quiet()
}

// unwatchedEnd has Stop end what WatchEnd began.
func unwatchedEnd(r *rig) {
	a, b := r.watched(nil)
	b.stop()
	a.shutdown()
	r.quiet()
	if b.ended() {
		r.Errorf("%s: %v while stopped", b.name, b.end)
	}
	b.watchEnd()
	r.until("the end is told", b.eof)
}
