package pollertest

import "time"

var trySendClauses = []clause{
	{name: "C2_trysend_takes_what_it_says", test: trySendTakes, both: true},
	{name: "C2_trysend_and_send_keep_their_order", test: trySendOrder},
	{name: "C2_trysend_to_a_full_system", test: trySendFull},
	{name: "C2_trysend_leaves_the_error_to_send", test: trySendError},
	{name: "C15_what_trysend_left_comes_first", test: trySendRest, both: true},
}

func trySendTakes(r *rig) {
	a, b := r.pair(nil)
	b.start()
	if n := a.trySend(0); n != 0 {
		r.Errorf("TrySend of nothing took %d bytes", n)
	}
	for _, n := range []int{1, 100, 65536, 3 << 20} {
		a.trySend(n)
		for tries := 0; a.rest > 0; tries++ { // all that is left, each time
			if tries == pollsMost {
				r.Fatal("TrySend takes nothing")
			}
			a.trySend(a.rest)
			r.poll(r.p.Now().Add(100 * time.Microsecond))
		}
	}
	r.until("all is received", func() bool { return b.in == a.out })
	if a.answers > 0 {
		r.Error("Sent, but there was no Send")
	}
}

func trySendOrder(r *rig) {
	a, b := r.pair(tight)
	b.start()
	for i := range 200 {
		if a.sending {
			r.until("it is answered", a.idleSend)
		}
		a.trySend(1 + i*7%5000)
		a.trySend(i % 3)
		a.send(i%11, i*13%3000)
	}
	r.until("all is received", func() bool { return !a.sending && b.in == a.out })
}

func trySendFull(r *rig) {
	a, b := r.pair(tight)
	for idle := 0; idle < 3; {
		if a.trySend(100_000) > 0 {
			idle = 0
		} else {
			idle++
			r.settle()
		}
		if a.out > 64<<20 {
			r.Fatalf("the system took %d bytes that nobody reads", a.out)
		}
	}
	a.send(1000) // behind all that, and behind what was not taken
	b.start()
	r.until("all is received", func() bool { return !a.sending && b.in == a.out })
	if a.sendErr != nil {
		r.Errorf("Sent(%v)", a.sendErr)
	}
}

func trySendError(r *rig) {
	a, b := r.pair(nil)
	b.reset()
	r.until("the peer is closed", b.over)
	r.settle()
	for n := 0; a.trySend(100) > 0; n++ {
		if n == 1000 {
			r.Fatal("TrySend to a peer that has gone goes on taking")
		}
		r.settle()
	}
	r.settle() // the recorder holds that nothing is told
	for n := 0; a.sendErr == nil; n++ {
		if n == 1000 {
			r.Fatal("no Send failed")
		}
		if !a.send(100) {
			r.until("it is answered", a.idleSend)
		}
	}
	a.start()
	r.until("receiving ends", a.ended)
}

// trySendRest offers what TrySend has left again and again, alone, with more behind it, and in
// the buffers of a Send: each byte is received once.
func trySendRest(r *rig) {
	a, b := r.pair(tight)
	for round := range 60 {
		for tries := 0; a.rest == 0; tries++ {
			if tries == 1000 {
				r.Fatalf("the system took %d bytes that nobody reads", a.out)
			}
			a.trySend(50_000)
		}
		switch left := a.rest; round % 4 {
		case 0:
			a.trySend(left)
		case 1:
			a.trySend(left + 10_000)
		case 2:
			a.send()
		default:
			a.send(0, 30_000, 1)
		}
		b.start()
		r.until("it is received", func() bool { return !a.sending && b.in == a.out })
		b.stop()
	}
}
