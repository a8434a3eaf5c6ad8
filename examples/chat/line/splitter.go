// Package line has what both ends of the chat do to text: cut a stream of bytes into lines, and make a line safe to
// show on a terminal.
package line

import "bytes"

// A Splitter cuts a stream into lines, which end in \n or \r\n, in whatever pieces it arrives. It keeps memory only
// for a line that has begun and not ended, and never more than Max bytes and one, for a \r that may belong to the end.
type Splitter struct {
	Max int // bytes of a line, without its end

	begun []byte
	skip  bool // up to the end of a line that was too long
}

// A Kind is what Next found.
type Kind uint8

const (
	Partial Kind = iota // no line ended; the bytes were kept, or dropped
	Whole               // a line
	TooLong             // a line of more than Max bytes, which is dropped up to its end; said once
)

// Next takes the first line off p and returns it without its end, and the rest of p. The line is valid until p changes
// or Next is called again. A line that is too long is reported as soon as that is certain.
func (s *Splitter) Next(p []byte) (kind Kind, line, rest []byte) {
	if s.skip {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			return Partial, nil, nil
		}
		s.skip, p = false, p[i+1:]
	}
	i := bytes.IndexByte(p, '\n')
	if i < 0 {
		return s.keep(p), nil, nil
	}
	line, rest = p[:i], p[i+1:]
	if len(s.begun) > 0 {
		if len(s.begun)+len(line) > s.Max+1 {
			s.begun = nil
			return TooLong, nil, rest
		}
		line = append(s.begun, line...)
		s.begun = nil
	}
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if len(line) > s.Max {
		return TooLong, nil, rest
	}
	return Whole, line, rest
}

// keep remembers the beginning of a line.
func (s *Splitter) keep(p []byte) Kind {
	n := len(s.begun) + len(p)
	if n <= s.Max || n == s.Max+1 && len(p) > 0 && p[len(p)-1] == '\r' {
		s.begun = append(s.begun, p...)
		return Partial
	}
	s.begun, s.skip = nil, true
	return TooLong
}
