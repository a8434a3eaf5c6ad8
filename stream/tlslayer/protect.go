package tlslayer

const (
	directLeast = 4 << 10 // a lone record of so much goes to the system without a copy of ours

	// smallRecords is how much crypto/tls sends in records of one packet and a few, so that a peer need
	// not wait for many packets before it can read the first (Conn.maxPayloadSizeForWrite). Until
	// then a system call for each would cost more than the copy.
	smallRecords = 128 << 10
)

// A sealing is what one call of records.seal writes.
type sealing struct {
	writes, bytes int // each write is a record
	outs, out     int // those of them that the system has taken at once
}

// protect seals p, which is one record or a few. A large one that is alone goes from the buffer of
// crypto/tls to the system: out is how much of p did. It is not ok if TLS seals no more.
func (s *stream) protect(p []byte, last bool) (out int, ok bool) {
	if s.records.own != nil {
		s.sealOwn(p)
		return 0, true
	}
	o := s.out
	if last && len(o.cipher) == 0 && len(p) >= directLeast && (s.is(wholeRecords) || s.wire.wrote > smallRecords) {
		s.mark(direct)
	}
	s.mark(protecting)
	o.sealing = sealing{}
	first := len(o.recs)
	err := s.records.seal(p)
	s.unmark(direct | protecting)
	if err != nil {
		s.mark(broken)
		o.recs = o.recs[:first]
		return 0, false
	}
	return o.measure(first, len(p)), true
}

// sealed takes what TLS has written.
func (s *stream) sealed(p []byte) {
	if s.is(failed | notified | closed) {
		return
	}
	all := len(p)
	if s.is(direct) && len(s.out.cipher) == 0 {
		p = p[s.below.TrySend(p):]
	}
	o := s.output(len(p))
	o.cipher = append(o.cipher, p...)
	if !s.is(protecting) {
		return
	}
	o.sealing.writes++
	o.sealing.bytes += all
	if len(p) == 0 {
		o.sealing.outs++
		o.sealing.out += all
		return
	}
	o.recs = append(o.recs, record{all, len(o.cipher)})
}

// measure says how much data is in each record from first on, of the plain bytes that were sealed: the peer
// may read one before the next is out. All ciphers that matter add the same to each record. With those
// that fill up blocks, the last record counts for all. It returns how much the system has.
func (o *output) measure(first, plain int) (out int) {
	w := &o.sealing
	each := (w.bytes - plain) / w.writes
	if each*w.writes == w.bytes-plain && each <= headerLen+maxOverhead {
		for i := first; i < len(o.recs); i++ {
			o.recs[i].plain -= each
		}
		return w.out - w.outs*each
	}
	if len(o.recs) == first {
		return plain
	}
	o.recs = append(o.recs[:first], record{plain, len(o.cipher)})
	return 0
}
