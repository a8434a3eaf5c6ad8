package tlslayer

// An output is what a stream has to send.
type output struct {
	cipher []byte // sealed
	off    int    // so much of that is with the system
	flight int    // up to here below has it, if that is beyond off
	lent   [1][]byte
	recs   []record // those of cipher that hold data and are not wholly with the system
	own    int      // bytes of cipher that answer the peer
	sealing

	busy  bool     // a Send of above is in flight:
	bufs  [][]byte // what it sends, from the first that is not wholly sealed
	at    int      // bytes of bufs[0] that are
	left  int      // bytes of bufs that are not
	total int

	// What a TrySend has sealed comes first in the next Send or TrySend (rule 15 of the contract).
	ahead  int // bytes of that in recs
	taken  int // bytes of that which the system has by now
	passed int // bytes of recs that were such, and belong to the Send that is in flight
}

// A record is plain bytes of data, sealed up to end in cipher.
type record struct{ plain, end int }

func (o *output) flying() bool { return o.flight > o.off }

// holds reports whether something of above's is not with the system.
func (o *output) holds() bool { return o.busy || o.ahead > 0 }

// output is what s has to send, with a buffer for n bytes of data.
func (s *stream) output(n int) *output {
	if s.out == nil {
		s.out = s.pool.output()
	}
	if s.out.cipher == nil {
		s.out.cipher = s.pool.take(n)
	}
	return s.out
}

// enlarge has an empty buffer hold more than a small one does.
func (s *stream) enlarge(n int) {
	if o := s.out; len(o.cipher) == 0 && cap(o.cipher) < largeCipher && n > smallPlain {
		s.pool.put(o.cipher)
		o.cipher = s.pool.take(n)
	}
}

// settle gives the output back where there is none any more: a buffer belongs to a stream only while
// its peer is slow.
func (s *stream) settle() {
	if o := s.out; o != nil && !o.busy && len(o.cipher) == o.off && o.ahead == 0 && o.taken == 0 {
		s.out = nil
		s.pool.release(o)
	}
}

// landed notes what of cipher is with the system.
func (s *stream) landed() {
	o := s.out
	n := 0
	for n < len(o.recs) && o.recs[n].end <= o.off {
		m := min(o.passed, o.recs[n].plain)
		o.passed -= m
		m = min(o.ahead, o.recs[n].plain-m)
		o.ahead -= m
		o.taken += m
		n++
	}
	o.recs = append(o.recs[:0], o.recs[n:]...)
	if o.off == len(o.cipher) {
		if s.crowded() {
			s.later() // the peer reads again, and so do we
		}
		o.cipher, o.off, o.flight, o.own = o.cipher[:0], 0, 0, 0
	}
}

// drop forgets what can never be sent.
func (o *output) drop() {
	o.cipher, o.off, o.flight, o.own = o.cipher[:0], 0, 0, 0
	o.recs = o.recs[:0]
	o.ahead, o.taken, o.passed = 0, 0, 0
}

// skip leaves out the first n bytes of a Send, which are sealed: those that the system has, and then
// those in recs. The slice that above has lent stays as it is.
func (o *output) skip(n int) {
	o.left -= n
	o.advance(n)
	out := min(n, o.taken)
	o.taken -= out
	n -= out
	o.ahead -= n
	o.passed = n
}

// advance goes n bytes on in bufs.
func (o *output) advance(n int) {
	for n > 0 {
		m := min(n, len(o.bufs[0])-o.at)
		n -= m
		if o.at += m; o.at == len(o.bufs[0]) {
			o.bufs, o.at = o.bufs[1:], 0
		}
	}
}

// next is what goes into the next record. Small buffers of one Send share one.
func (o *output) next(p *pool) []byte {
	for len(o.bufs[0]) == o.at {
		o.bufs, o.at = o.bufs[1:], 0
	}
	b := o.bufs[0][o.at:]
	if n := min(len(b), maxPlaintext); n == maxPlaintext || n == o.left {
		o.left -= n
		o.advance(n)
		return b[:n]
	}
	if p.gather == nil {
		p.gather = make([]byte, 0, maxPlaintext)
	}
	g := p.gather[:0]
	for o.left > 0 && len(g) < maxPlaintext {
		b := o.bufs[0][o.at:]
		b = b[:min(len(b), maxPlaintext-len(g))]
		g = append(g, b...)
		o.left -= len(b)
		if o.at += len(b); o.at == len(o.bufs[0]) {
			o.bufs, o.at = o.bufs[1:], 0
		}
	}
	return g
}
