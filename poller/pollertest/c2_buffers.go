package pollertest

import "slices"

var bufferClauses = []clause{
	{name: "C2_buffers_cut_at_every_byte", test: everyCut, both: true},
	{name: "C2_buffers_of_many_sizes", test: manySizes, both: true},
	{name: "C2_buffers_beyond_what_a_system_call_takes", test: manyBuffers},
	{name: "C2_buffers_that_are_empty", test: emptyBuffers},
	{name: "C2_buffers_through_a_slow_reader", test: slowBuffers},
	{name: "C2_everything_arrives_after_close", test: sixteenMiB, both: true},
}

// arrives sends and waits until all is received; the recorders compare it.
func arrives(a, b *conn, sizes ...int) {
	a.Helper()
	if !a.send(sizes...) {
		a.until("a Send is answered", a.idleSend)
		if a.sendErr != nil {
			a.Fatalf("%s: Sent(%v)", a.name, a.sendErr)
		}
	}
	a.until("it is received", func() bool { return b.in == a.out })
}

func everyCut(r *rig) {
	a, b := r.pair(nil)
	b.start()
	const size = 40
	for i := range size + 1 {
		for j := i; j <= size; j++ {
			a.send(i, j-i, size-j)
			if a.sending {
				r.until("it is answered", a.idleSend)
			}
		}
	}
	r.until("all is received", func() bool { return b.in == a.out })
}

func manySizes(r *rig) {
	a, b := r.pair(nil)
	b.start()
	for _, sizes := range [][]int{
		{1, 0, 2, 0, 0, 3},
		{4095, 4096, 4097},
		{65535, 65536, 65537, 1},
		{1<<20 - 1, 1, 1},
		{1 << 20, 1 << 20},
		{1<<20 + 1, 0, 1<<20 + 1},
		{3 << 20},
		{1, 3 << 20, 1},
		{0, 5, 2 << 20, 0, 7, 0},
	} {
		arrives(a, b, sizes...)
	}
}

func manyBuffers(r *rig) {
	a, b := r.pair(nil)
	b.start()
	for _, n := range []int{63, 64, 65, 127, 128, 129, 1023, 1024, 1025, 2500} {
		for _, size := range []int{1, 600} {
			arrives(a, b, slices.Repeat([]int{size}, n)...)
		}
		arrives(a, b, slices.Repeat([]int{0, 3}, n)...)
	}
}

func emptyBuffers(r *rig) {
	a, b := r.pair(nil)
	b.start()
	for _, sizes := range [][]int{{}, {0}, {0, 0, 0}, slices.Repeat([]int{0}, 200)} {
		if !a.send(sizes...) {
			r.until("it is answered", a.idleSend)
		}
	}
	zeros := slices.Repeat([]int{0}, 100)
	arrives(a, b, slices.Concat(zeros, []int{1})...)
	arrives(a, b, slices.Concat([]int{1}, zeros)...)
	arrives(a, b, slices.Concat(zeros, []int{1}, zeros, []int{2}, zeros)...)
}

// slowBuffers makes every write a short one, at places that no size shares.
func slowBuffers(r *rig) {
	a, b := r.pair(tight)
	b.start()
	var sizes []int
	for i := range 400 {
		sizes = append(sizes, []int{0, 1, 7, 997, 4099, 1 << 14}[i%6])
	}
	b.on.received = func(p []byte, _ error) { b.stop() }
	for range 3 {
		a.send(sizes...)
		for a.sending || b.in < a.out {
			b.start()
			r.until("more is received", func() bool { return !b.started })
		}
	}
}

// sixteenMiB closes when the system has it all, to a reader that is far behind.
func sixteenMiB(r *rig) {
	a, b := r.pair(nil)
	const size = 16 << 20
	b.on.received = func(_ []byte, err error) {
		if err == nil {
			b.stop()
		}
	}
	a.on.sent = func(error) { a.close() }
	if a.send(size) {
		a.close()
	}
	for n := 0; !b.ended(); n++ {
		b.start()
		r.until("more is received", func() bool { return !b.started || b.ended() })
		if n%64 == 0 {
			r.idle(1e6)
		}
	}
	if b.in != size || !b.eof() || a.sendErr != nil {
		r.Errorf("received %d bytes of %d, then %v; Sent(%v)", b.in, size, b.end, a.sendErr)
	}
}
