package stream

// Sizes of what is queued.
const (
	directWrite = 16 << 10 // from here on a system call costs less than the copy

	// copiedMost is the largest of a caller's buffers that is copied. One more buffer in
	// the queue, and in the system call, costs more than the copy, and takes more memory.
	copiedMost = 128

	// smallChunk is the buffer that each output has of its own. Its size makes an output
	// 2 KiB, so that each begins with a line of the cache.
	smallChunk = 2<<10 - 136
)

// What one connection may send before others do: as many buffers as a system call takes, and no
// more of our own bytes than may be in memory at a time. After each send those are told who wait
// for a buffer to be sent.
const (
	buffersPerSend = 64
	bytesPerSend   = 1 << 20 // of ours, because what is in flight takes memory until all of it is sent
	pieceSize      = bytesPerSend / 4
)

// An output is what a connection has queued. Idle connections have none.
//
// The first small writes are in small. Most outputs have nothing else, so that a message of 64
// bytes to each of a thousand connections touches two lines of the cache of each output. An output
// becomes a queue of buffers when something does not fit in small.
type output struct {
	c       *Conn
	at      int32     // in shared.busy
	only    int32     // bytes of small, where those are all that is queued
	one     [1][]byte // those, as the poller takes them
	flight  int       // how many from head on are with the poller
	queued  int       // bytes behind those
	counted int       // bytes here that shared.queued counts
	small   [smallChunk]byte
	bufs    [][]byte // in order; those before head are gone
	ends    []end    // what is to be done when the buffer of the same index is sent
	head    int
	open    *chunk // that has room for what is queued next, or nil
	taken   int32  // how many of those in flight the system had when they were given up
	files   int32  // how many of bufs stand for a part of a file; see file.go
}

// An end is what follows the sending of a buffer.
type end struct {
	done func(error)
	in   *chunk // where the buffer lies; nil is the caller's memory
}

func (s *shared) take(c *Conn) *output {
	var o *output
	if n := len(s.spare) - 1; n < 0 {
		o = new(output)
	} else {
		o, s.spare[n] = s.spare[n], nil
		s.spare = s.spare[:n]
		s.leastSpare = min(s.leastSpare, n)
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
	o.c, o.counted = nil, 0
	if cap(o.bufs) > slotsKept {
		o.bufs, o.ends = nil, nil
	}
	if len(s.spare) < spareMost {
		s.spare = append(s.spare, o)
	}
	if len(s.spare) > spareRest {
		s.keepLess()
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
	if p = p[o.extend(p):]; len(p) > 0 {
		o.place(p, s)
	}
}

// extend adds to the last buffer as much of p as that has room for. It adds nothing if the buffer
// is a caller's, or if somebody is to be told when it is sent.
func (o *output) extend(p []byte) (n int) {
	last := len(o.bufs) - 1
	if last < o.fixed() || o.ends[last].in == nil || o.ends[last].done != nil {
		return 0
	}
	b := o.bufs[last]
	n = min(cap(b)-len(b), len(p))
	o.bufs[last] = append(b, p[:n]...)
	o.ends[last].in.use(n)
	return n
}

// place puts p in a buffer of its own, which lies in the open chunk or in a new one. The more is
// queued the larger is a new chunk, so that large chunks are only for those who write much.
func (o *output) place(p []byte, s *shared) {
	for len(p) > mostChunk { // in pieces, so that memory is given back as they are sent
		piece := append([]byte(nil), p[:min(len(p), pieceSize)]...)
		o.add(piece, end{in: &chunk{class: unpooled, users: 1}})
		p = p[len(piece):]
	}
	if len(p) == 0 {
		return
	}
	k := o.open
	if k == nil || len(k.buf)-k.used < len(p) {
		k = s.chunks.take(max(len(p), min(o.queued/4, mostChunk)))
		o.open = k
	}
	b := k.buf[k.used:]
	k.users++
	k.use(copy(b, p))
	o.add(b[:len(p)], end{in: k})
}

// use notes that n bytes more are used.
func (k *chunk) use(n int) {
	if k != &ownSmall { // all loops have that one: nothing may be written to it
		k.used += n
	}
}

// leave notes that a buffer which lay in k is gone.
func (o *output) leave(k *chunk, s *shared) {
	if k == &ownSmall {
		return
	}
	if k.users--; k.users > 0 {
		return
	}
	if o.open == k {
		o.open = nil
	}
	if k.file != nil {
		o.files--
		k.file.leave(o)
		return
	}
	s.chunks.put(k)
	if s.chunks.bytes > chunksRest {
		s.keepLess()
	}
}

// line makes a queue of what is in small, so that other buffers can be put behind it.
func (o *output) line() {
	if o.only > 0 {
		o.add(o.small[:o.only], end{in: &ownSmall})
		o.only = 0
	}
}

// keep queues the caller's own buffers, and copies of small ones. done is called when the last
// of them is sent.
func (o *output) keep(bufs [][]byte, done func(error), s *shared) {
	for _, b := range bufs {
		switch {
		case len(b) == 0:
		case len(b) <= copiedMost:
			o.copy(b, s)
		default:
			o.line()
			o.queued += len(b)
			o.add(b, end{})
		}
	}
	if done == nil {
		return
	}
	o.line()
	if last := len(o.ends) - 1; last >= o.fixed() && o.ends[last].done == nil {
		o.ends[last].done = done
	} else {
		o.add(nil, end{done: done}) // there is nothing to send, but done has to wait for what is before it
	}
}

// fixed is the index behind the buffers that the poller, or the system, has already.
func (o *output) fixed() int { return o.head + max(o.flight, int(o.taken)) }

func (o *output) add(b []byte, e end) {
	o.bufs = append(o.bufs, b)
	o.ends = append(o.ends, e)
}

// launch is what to send next.
func (o *output) launch() [][]byte {
	if o.head > len(o.bufs)/2 { // else a queue that is never empty would grow for ever
		n := copy(o.bufs, o.bufs[o.head:])
		copy(o.ends, o.ends[o.head:])
		clear(o.bufs[n:])
		clear(o.ends[n:])
		o.bufs, o.ends, o.head = fit(o.bufs[:n]), fit(o.ends[:n]), 0
	}
	bufs := o.bufs[o.head:min(o.head+buffersPerSend, len(o.bufs))]
	if o.files > 0 {
		bufs = o.beforeFile(bufs)
	}
	ours, passes := 0, o.c.passes()
	for i, b := range bufs {
		if o.ends[o.head+i].in != nil {
			ours += len(b)
		}
		if ours > bytesPerSend || passes && i > 0 && o.carries(o.head+i) {
			bufs = bufs[:i]
			break
		}
		o.queued -= len(b)
	}
	o.flight = len(bufs)
	return bufs
}

// giveUp notes which buffers in flight the system has: all but those of the last unsent bytes.
func (o *output) giveUp(unsent int) {
	if o.file() != nil { // of which more is to come
		return
	}
	n := o.flight
	for ; n > 0 && unsent > 0; n-- {
		unsent -= len(o.bufs[o.head+n-1])
	}
	o.taken = int32(n)
}

// dropped lets go of all there is, with err for what the system does not have.
func (o *output) dropped(err error, c *Conn) {
	o.line()
	o.queued = 0
	if o.taken > 0 {
		o.flight = int(o.taken)
		o.landed(nil, c)
	}
	o.flight = len(o.bufs) - o.head
	o.landed(err, c)
}

// landed lets go of what was in flight, and calls back for it in order. Callbacks may queue
// more, and that may move bufs and ends.
func (o *output) landed(err error, c *Conn) {
	from, to := o.head, o.head+o.flight
	o.head, o.flight, o.taken = to, 0, 0
	for i := from; i < to; i++ {
		b, e := o.bufs[i], o.ends[i]
		o.bufs[i], o.ends[i] = nil, end{}
		if err == nil {
			c.tookOver(len(b))
		}
		c.uncount(o, len(b))
		if e.in != nil {
			if e.in.class == carries {
				c.carried()
			}
			o.leave(e.in, c.conf.shared)
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
