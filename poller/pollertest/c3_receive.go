package pollertest

import "io"

var receiveClauses = []clause{
	{name: "C3_data_is_intact_both_ways", test: intact, both: true},
	{name: "C3_order_within_a_stream", test: streamOrder},
	{name: "C3_end_comes_once_and_last", test: endOnce, both: true},
	{name: "C3_end_after_all_data_of_a_close_in_one_go", test: dataThenEnd, both: true},
	{name: "C3_reset_is_an_error_not_an_end", test: resetIsError, both: true},
	{name: "C3_reset_while_stopped", test: resetWhileStopped},
	{name: "C3_reset_after_data_data_first", test: resetAfterData},
	{name: "C3_start_after_the_end_does_nothing", test: startAfterEnd},
}

func intact(r *rig) {
	a, b := r.pair(nil)
	a.start()
	b.start()
	for range 8 {
		a.send(200_000)
		b.send(300_000)
		r.until("both Sends are answered", func() bool { return !a.sending && !b.sending })
	}
	r.until("all is received", func() bool { return b.in == a.out && a.in == b.out })
}

// streamOrder has many small Sends, each its own system call, answered by as
// many.
func streamOrder(r *rig) {
	a, b := r.pair(nil)
	a.start()
	b.start()
	b.reply()
	for n := 1; n <= 300; n++ {
		if a.sending {
			r.until("it is answered", a.idleSend)
		}
		a.send(n)
	}
	r.until("all is answered", func() bool { return a.in == a.out })
}

func endOnce(r *rig) {
	a, b := r.pair(nil)
	b.start()
	a.send(10_000)
	a.shutdown()
	r.until("the end is received", b.ended)
	if b.in != 10_000 || b.end != io.EOF {
		r.Errorf("received %d bytes, then %v", b.in, b.end)
	}
	a.close()
	r.settle() // the recorder holds that nothing follows
}

// dataThenEnd closes in the same breath as the last Send, and the reader starts
// when all of that has happened.
func dataThenEnd(r *rig) {
	for _, size := range []int{1, 64 << 10, 1 << 20} {
		a, b := r.pair(nil)
		a.on.sent = func(error) { a.close() }
		if a.send(size) {
			a.close()
		} else {
			b.start()
		}
		r.until("the sender is closed", a.over)
		r.settle()
		b.start()
		r.until("the end is received", b.ended)
		if b.in != int64(size) || b.end != io.EOF {
			r.Errorf("received %d bytes of %d, then %v", b.in, size, b.end)
		}
	}
}

func resetIsError(r *rig) {
	a, b := r.pair(nil)
	b.start()
	r.settle()
	a.reset()
	r.until("the reset is received", b.ended)
	r.is("a reset", b.end, faultReset)

	c, d := r.pair(nil) // and the other way round
	c.start()
	r.settle()
	d.reset()
	r.until("the reset is received", c.ended)
	r.is("a reset", c.end, faultReset)
}

// resetWhileStopped holds only that receiving ends: Wine 8 has forgotten by then
// that it was no orderly end.
func resetWhileStopped(r *rig) {
	a, b := r.pair(nil)
	a.reset()
	r.until("the peer is closed", a.over)
	r.settle()
	b.start()
	r.until("receiving ends", b.ended)
}

func resetAfterData(r *rig) {
	a, b := r.pair(nil)
	b.on.received = func([]byte, error) { b.stop() }
	b.start()
	arrivesSome(a, b, 4000)
	r.settle() // the rest arrives too, and waits
	a.reset()
	r.until("the peer is closed", a.over)
	r.settle()
	b.on.received = nil
	b.start()
	r.until("the reset is received", b.ended)
	if b.in != a.out {
		r.Errorf("received %d bytes of %d before the reset", b.in, a.out)
	}
	if b.eof() {
		r.Error("a reset looks like an end")
	}
}

// arrivesSome sends n bytes and waits until something of it is received.
func arrivesSome(a, b *conn, n int) {
	a.Helper()
	in := b.in
	a.send(n)
	a.until("something is received", func() bool { return b.in > in && !a.sending })
}

func startAfterEnd(r *rig) {
	a, b := r.pair(nil)
	b.start()
	a.shutdown()
	r.until("the end is received", b.ended)
	for range 3 {
		b.stop()
		b.start()
		r.settle()
	}
	r.quiet()
}
