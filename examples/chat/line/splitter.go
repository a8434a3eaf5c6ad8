// Package line has what both ends of the chat do to text: cut a stream of bytes into lines, and make a line safe to
// show on a terminal.
package line

import "bytes"

// A Splitter finds lines, which end in \n or \r\n, for frame.Split. A line that is too long does not end the
// connection: it is dropped, up to its end, and said to be so once, as soon as that is certain.
type Splitter struct {
	Max     int  // bytes of a line, without its end
	TooLong bool // the token of now is none, but says that a line of more than Max bytes is dropped

	skip bool // up to the end of that
}

// Most is how long a frame may be for frame.Split: a line with its end.
func (s *Splitter) Most() int { return s.Max + len("\r\n") }

// Split is a bufio.SplitFunc. What follows the last line end is no line.
func (s *Splitter) Split(data []byte, _ bool) (advance int, line []byte, err error) {
	i := bytes.IndexByte(data, '\n')
	switch n := len(data); {
	case s.skip && i < 0:
		return n, nil, nil
	case s.skip:
		s.skip = false
		return i + 1, nil, nil
	case i < 0 && (n > s.Max+1 || n == s.Max+1 && data[n-1] != '\r'):
		s.TooLong, s.skip = true, true
		return n, data[:0], nil
	case i < 0:
		return 0, nil, nil
	}
	line = bytes.TrimSuffix(data[:i], []byte{'\r'})
	s.TooLong = len(line) > s.Max
	return i + 1, line, nil
}
