package tlslayer

import "bytes"

// WatchEnd implements [poller.EndWatcher]. The end of TLS is a record like any other, so a stream that is
// stopped opens what may be one. A server can tell mostly by the length: it leaves data as it is, for Block. To a
// client sessions come before the end, which are as long as data.
func (s *stream) WatchEnd() {
	if s.is(readEnded | closed) {
		return
	}
	s.unmark(started)
	s.mark(watching)
	switch {
	case s.hs != nil, s.is(reading):
	case len(s.wire.in) > 0, s.is(wireEnded):
		s.later()
	case s.wants():
		s.startBelow()
	}
}

// What a server opens for who watches: an alert of TLS 1.3, an update of keys, and two to five bytes of data.
const (
	typeData = 23
	watchLen = 1 + 5 + 16 // type, key_update in its header, tag
)

// wants reports whether the next record is to be opened.
func (s *stream) wants() bool {
	w := &s.wire
	switch {
	case s.is(readEnded|closed) || s.crowded():
		return false
	case s.is(started):
		return true
	case !s.is(watching) || s.held != nil:
		return false
	case s.is(client), w.frame.have > 0, len(w.in) < headerLen:
		return true
	}
	return w.in[0] != typeData || int(w.in[3])<<8|int(w.in[4]) <= watchLen
}

// opens reports whether that can be done now: a server that watches looks at the whole header.
func (s *stream) opens() bool {
	switch w := &s.wire; {
	case s.is(wireEnded):
		return true
	case s.is(started | client), w.frame.have > 0:
		return len(w.in) > 0
	default:
		return len(w.in) >= headerLen
	}
}

// data hands up what a record has held. It turns out to be data where only an end was watched for: then it is
// kept until Start.
func (s *stream) data(p []byte) {
	if !s.is(started) {
		s.held = bytes.Clone(p)
		return
	}
	s.above.Received(p, nil)
	overwrite(p)
	s.told()
}
