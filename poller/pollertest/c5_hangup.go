package pollertest

var hangUpClauses = []clause{
	{name: "C5_paused_and_the_peer_shuts_down", test: func(r *rig) { hangUp(r, (*conn).shutdown) }, both: true},
	{name: "C5_paused_and_the_peer_closes", test: func(r *rig) { hangUp(r, (*conn).close) }, both: true},
	{name: "C5_paused_and_the_peer_resets", test: func(r *rig) { hangUp(r, (*conn).reset) }, both: true},
	{name: "C5_paused_with_data_and_the_peer_closes", test: hangUpWithData},
	{name: "C5_never_started_and_the_peer_resets", test: hangUpAtOnce},
	{name: "C5_ended_and_the_peer_closes", test: hangUpAfterEnd},
	{name: "C5_sending_and_the_peer_shuts_down", test: hangUpWhileSending},
	{name: "C5_stopped_sender_and_the_peer_resets", test: hangUpAfterSending},
}

// hangUp pauses a connection that was in use, and then the peer goes. Poll must not
// return for that, or the loop would spin until somebody calls Start.
func hangUp(r *rig, leave func(*conn)) {
	a, b := r.pair(nil)
	a.start()
	b.start()
	arrives(a, b, 100)
	arrives(b, a, 100)
	b.stop()
	leave(a)
	r.quiet()
	b.start()
	r.until("receiving ends", b.ended)
	r.quiet()
}

func hangUpWithData(r *rig) {
	a, b := r.pair(nil)
	a.send(10_000)
	a.on.sent = func(error) { a.close() }
	if !a.sending {
		a.close()
	}
	r.quiet()
	b.start()
	r.until("receiving ends", b.ended)
	if b.in != 10_000 || !b.eof() {
		r.Errorf("received %d bytes, then %v", b.in, b.end)
	}
}

func hangUpAtOnce(r *rig) {
	a, b := r.pair(nil)
	a.reset()
	r.quiet()
	b.start()
	r.until("receiving ends", b.ended)
	r.quiet()
}

// hangUpAfterEnd has the end received, and nothing done about it.
func hangUpAfterEnd(r *rig) {
	a, b := r.pair(nil)
	b.start()
	a.shutdown()
	r.until("the end is received", b.ended)
	r.quiet()
	a.close()
	r.quiet()
	b.send(100) // into the void: the answer is a reset
	r.until("it is answered", b.idleSend)
	r.quiet()
}

// hangUpWhileSending has an end arrive while a Send waits for room. Nobody asks for the
// end.
func hangUpWhileSending(r *rig) {
	a, b := r.pair(tight)
	a.fill()
	b.shutdown()
	r.quiet()
	b.start()
	r.until("all is received", func() bool { return !a.sending && b.in == a.out })
	r.quiet()
	a.start()
	r.until("the end is received", a.ended)
}

func hangUpAfterSending(r *rig) {
	a, b := r.pair(tight)
	a.fill()
	b.reset()
	r.until("it is answered", a.idleSend)
	r.quiet()
	a.start()
	r.until("receiving ends", a.ended)
	if a.eof() {
		r.Log("this system has forgotten that it was a reset")
	}
	r.quiet()
}
