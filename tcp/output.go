package tcp

// Sizes of what is queued.
const (
	chunkSize   = 64 << 10 // of the chunks that the connections of a loop share
	directWrite = 16 << 10 // from here on a system call costs less than the copy
	spareMost   = 1024     // outputs that are kept: a message to so many at once allocates nothing
	chunksMost  = 32       // chunks that are kept

	// smallChunk is what each output has of its own. It makes an output 2 KiB, so that
	// each begins with a line of the cache.
	smallChunk = 2<<10 - 128
)

// buffersPerSend is what one connection may send before it is the turn of others, and
// those who wait for a buffer to be sent are told: as many as a system call takes.
const buffersPerSend = 64

// An output is what a connection has queued. Idle connections have none.
//
// The first small writes are in small and nowhere else, which is all there is of
// most outputs: a message of 64 bytes to each of a thousand connections touches two lines
// of the cache of each output. What does not fit there makes a queue of it.
type output struct {
	c      *Conn
	at     int32     // in shared.busy
	only   int32     // bytes of small, where those are all that is queued
	one    [1][]byte // those, as the poller takes them
	flight int       // how many from head on are with the poller
	queued int       // bytes behind those
	held   int       // bytes here that shared.queued counts
	small  [smallChunk]byte
	bufs   [][]byte // in order; those before head are gone
	ends   []end    // what is to be done when the buffer of the same index is sent
	head   int
	taken  int // how many of those in flight the system had when they were given up
}

// An end is what follows the sending of a buffer.
type end struct {
	done func(error)
	own  ownership
}

type ownership uint8

const (
	callers ownership = iota // the caller's memory
	ours                     // may be appended to: output.small, or memory of its own
	pooled                   // one of the shared chunks
)

func (s *shared) take(c *Conn) *output {
	var o *output
	if n := len(s.spare) - 1; n < 0 {
		o = new(output)
	} else {
		o, s.spare[n] = s.spare[n], nil
		s.spare = s.spare[:n]
	}
	o.c, o.at = c, int32(len(s.busy))
	s.busy = append(s.busy, o)
	return o
}

func (s *shared) put(o *output) {
	n := len(s.busy) - 1
	last := s.busy[n]
	s.busy[o.at], last.at = last, o.at
	s.busy[n] = nil
	s.busy = s.busy[:n]
	o.c, o.held = nil, 0
	if len(s.spare) < spareMost {
		s.spare = append(s.spare, o)
	}
}

func (s *shared) takeChunk() []byte {
	n := len(s.chunks)
	if n == 0 {
		return make([]byte, 0, chunkSize)
	}
	b := s.chunks[n-1]
	s.chunks[n-1] = nil
	s.chunks = s.chunks[:n-1]
	return b
}

func (s *shared) putChunk(b []byte) {
	if len(s.chunks) < chunksMost {
		s.chunks = append(s.chunks, b[:0])
	}
}

// copy queues a copy of p.
func (o *output) copy(p []byte, s *shared) {
	o.queued += len(p)
	if len(o.bufs) == 0 && len(p) <= len(o.small)-int(o.only) {
		o.only += int32(copy(o.small[o.only:], p))
		return
	}
	o.line()
	if last := len(o.bufs) - 1; last >= o.head+o.flight && o.ends[last].own != callers && o.ends[last].done == nil {
		b := o.bufs[last]
		n := min(cap(b)-len(b), len(p))
		o.bufs[last] = append(b, p[:n]...)
		p = p[n:]
	}
	switch {
	case len(p) == 0:
	case len(p) <= chunkSize:
		o.add(append(s.takeChunk(), p...), end{own: pooled})
	default:
		o.add(append([]byte(nil), p...), end{own: ours})
	}
}

// line puts what is in small where other buffers can be put behind it.
func (o *output) line() {
	if o.only > 0 {
		o.add(o.small[:o.only], end{own: ours})
		o.only = 0
	}
}

// keep queues the caller's own buffers; done is for when the last of them is
// sent.
func (o *output) keep(bufs [][]byte, done func(error)) {
	o.line()
	for _, b := range bufs {
		if len(b) > 0 {
			o.queued += len(b)
			o.add(b, end{})
		}
	}
	if done == nil {
		return
	}
	if last := len(o.ends) - 1; last >= o.head+o.flight && o.ends[last].done == nil {
		o.ends[last].done = done
	} else {
		o.add(nil, end{done: done}) // nothing to send, but its turn to wait for
	}
}

func (o *output) add(b []byte, e end) {
	o.bufs = append(o.bufs, b)
	o.ends = append(o.ends, e)
}

// launch is what to send next.
func (o *output) launch() [][]byte {
	if o.head > len(o.bufs)/2 { // a queue that is never empty must not grow for ever
		n := copy(o.bufs, o.bufs[o.head:])
		copy(o.ends, o.ends[o.head:])
		clear(o.bufs[n:])
		clear(o.ends[n:])
		o.bufs, o.ends, o.head = o.bufs[:n], o.ends[:n], 0
	}
	bufs := o.bufs[o.head:min(o.head+buffersPerSend, len(o.bufs))]
	o.flight = len(bufs)
	for _, b := range bufs {
		o.queued -= len(b)
	}
	return bufs
}

// giveUp notes what the system has of what is in flight, all but the last unsent
// bytes of it.
func (o *output) giveUp(unsent int) {
	o.taken = o.flight
	for ; o.taken > 0 && unsent > 0; o.taken-- {
		unsent -= len(o.bufs[o.head+o.taken-1])
	}
}

// dropped lets go of all there is, with err for what the system does not have.
func (o *output) dropped(err error, c *Conn) {
	o.line()
	o.queued = 0
	if o.taken > 0 {
		o.flight = o.taken
		o.landed(nil, c)
	}
	o.flight = len(o.bufs) - o.head
	o.landed(err, c)
}

// landed lets go of what was in flight, and calls back for it in order. The
// callbacks may queue more, which may move bufs and ends.
func (o *output) landed(err error, c *Conn) {
	from, to := o.head, o.head+o.flight
	o.head, o.flight, o.taken = to, 0, 0
	for i := from; i < to; i++ {
		b, e := o.bufs[i], o.ends[i]
		o.bufs[i], o.ends[i] = nil, end{}
		c.uncount(o, len(b))
		if e.own == pooled {
			c.share.putChunk(b)
		}
		if e.done != nil {
			c.done(e.done, err)
		}
	}
	if o.head == len(o.bufs) {
		o.bufs, o.ends, o.head = o.bufs[:0], o.ends[:0], 0
	}
}

// empty reports whether there is nothing queued and nothing in flight.
func (o *output) empty() bool { return o.only == 0 && o.head == len(o.bufs) }
