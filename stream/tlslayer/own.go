package tlslayer

import (
	"crypto/tls"
	"errors"
	"io"
	"net"

	"example.com/pike/stream/tlslayer/internal/protection"
)

// own is what a connection with records of our own has instead of a tls.Conn.
type own struct {
	*protection.Records
	state tls.ConnectionState
	kept  []byte // holds wire.in, ciphertext that waits; from the pool
}

// watch has the handshakes of a server that wants records of its own tell their secrets.
func watch(cfg *tls.Config) *tls.Config {
	return protection.Watch(cfg, func(c net.Conn) *protection.Capture {
		if w, ok := c.(*wire); ok && w.hs != nil {
			return w.hs.capture
		}
		return nil
	})
}

// captured makes records of what the handshake has told, if there can be any. It is the
// coroutine's, when the handshake is over: keys take some microseconds.
func (h *handshake) captured() {
	if h.err != nil {
		h.capture.Wipe()
		return
	}
	cs := h.conn.ConnectionState()
	if r := h.capture.Records(&cs); r != nil {
		h.own = &own{Records: r, state: cs}
	}
}

// arrivedOwn is arrived with records of our own: each is opened where it lies, in the memory of
// below, which may be written to (rule 3 of the contract), or in what was kept.
func (s *stream) arrivedOwn(p []byte) {
	s.mark(reading)
	defer func() { s.restOwn(p) }() // also where the owner panics (rule 11)
	if held := s.held; held != nil && s.is(started) {
		s.held = nil
		s.data(held)
	}
	for s.mayOpen() {
		rec, err := s.whole(&p)
		if rec == nil && err == nil {
			if s.is(wireEnded) {
				s.wire.cut = true
				s.endRead(io.EOF)
			}
			break
		}
		var data []byte
		if err == nil {
			data, err = s.records.own.Open(rec)
		}
		if err == errUnwanted {
			break
		}
		if len(data) > 0 {
			s.data(data)
		}
		if err != nil && !s.is(closed) {
			s.violated(err)
			s.endRead(err)
		}
	}
}

// restOwn keeps what was not opened, and has below go on if that is no whole record.
func (s *stream) restOwn(p []byte) {
	s.unmark(reading)
	if s.is(closed | readEnded) {
		s.forget()
		return
	}
	s.keepAll(p)
	if s.mayOpen() && (len(s.wire.in) < protection.HeaderLen || s.wanted(s.wire.in)) {
		if s.is(wireEnded) || s.holdsWhole() { // the owner has panicked
			s.stopBelow()
			s.later()
		} else {
			s.startBelow()
		}
		return
	}
	s.stopBelow()
	if s.err != nil && s.is(wireEnded) && s.held == nil && !s.is(started) && !s.holdsWhole() {
		s.forget()
		s.endRead(s.err) // a loss is told to who is stopped, too, if nothing is before it
	}
}

// mayOpen reports whether anybody wants the next record, or those at least that may be an end.
func (s *stream) mayOpen() bool {
	return !s.is(readEnded|closed) && (s.is(started) || s.is(watching) && s.held == nil)
}

// wanted looks at a header: data is left as it is while only the end is watched for. See WatchEnd.
func (s *stream) wanted(header []byte) bool {
	return s.is(started) || header[0] != typeData || int(header[3])<<8|int(header[4]) <= watchLen
}

// errUnwanted is that the next record stays as it is.
var errUnwanted = errors.New("the next record is data, and is not wanted")

// whole takes the next record, from what was kept and then from p. It is nil where that has not arrived.
func (s *stream) whole(p *[]byte) ([]byte, error) {
	for len(s.wire.in) > 0 {
		in, want := s.wire.in, protection.HeaderLen
		if len(in) >= protection.HeaderLen {
			n, err := s.length(in)
			if err != nil {
				return nil, err
			}
			if want = n; len(in) >= want {
				s.wire.in = in[want:]
				return in[:want], nil
			}
		}
		n := min(want-len(in), len(*p))
		if n == 0 {
			return nil, nil
		}
		s.keep((*p)[:n], want)
		*p = (*p)[n:]
	}
	in := *p
	if len(in) < protection.HeaderLen {
		return nil, nil
	}
	want, err := s.length(in)
	if err != nil || want > len(in) {
		return nil, err
	}
	*p = in[want:]
	return in[:want], nil
}

// length is that of the record that begins with header, if it is wanted.
func (s *stream) length(header []byte) (int, error) {
	if !s.wanted(header) {
		return 0, errUnwanted
	}
	return protection.Length(header)
}

// holdsWhole reports whether what was kept begins with something to tell.
func (s *stream) holdsWhole() bool {
	if len(s.wire.in) < protection.HeaderLen {
		return false
	}
	n, err := protection.Length(s.wire.in)
	return err != nil || n <= len(s.wire.in)
}

// keepAll keeps p, with room for the record that it begins.
func (s *stream) keepAll(p []byte) {
	if len(p) == 0 {
		if len(s.wire.in) == 0 {
			s.forget()
		}
		return
	}
	want := 0
	if len(s.wire.in) == 0 && len(p) >= protection.HeaderLen {
		want, _ = protection.Length(p) // an error is told when somebody wants it
	}
	s.keep(p, want)
}

// keep adds b to what is kept, of which there will be want bytes.
func (s *stream) keep(b []byte, want int) {
	o := s.records.own
	n := len(s.wire.in) + len(b)
	switch want = max(want, n); {
	case want > cap(o.kept):
		larger := append(s.pool.takeCipher(want), s.wire.in...)
		s.pool.put(o.kept)
		o.kept = larger
	case len(o.kept)+len(b) > cap(o.kept):
		o.kept = o.kept[:copy(o.kept, s.wire.in)]
	}
	o.kept = append(o.kept, b...)
	s.wire.in = o.kept[len(o.kept)-n:]
}

// forget gives the memory of what was kept back.
func (s *stream) forget() {
	s.wire.in = nil
	if o := s.records.own; o != nil {
		s.pool.put(o.kept)
		o.kept = nil
	}
}

// violated tells the peer by an alert what is wrong, if it is the peer who did it.
func (s *stream) violated(err error) {
	v, ok := errors.AsType[*protection.Violation](err)
	if !ok || s.is(failed|notified|closed) {
		return
	}
	s.mark(alerted | broken)
	o := s.output(0)
	o.cipher = s.records.own.SealAlert(o.cipher, v.Alert)
	if !o.busy {
		s.pushed()
	}
}

// sealOwn seals p straight into the output.
func (s *stream) sealOwn(p []byte) {
	o, r := s.out, s.records.own
	for len(p) > 0 {
		n := min(len(p), r.Most())
		o.cipher = r.Seal(o.cipher, p[:n])
		o.recs = append(o.recs, record{n, len(o.cipher)})
		p = p[n:]
	}
}
