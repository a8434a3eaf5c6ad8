package frame

import (
	"bufio"
	"bytes"
	"os"
)

// Lines is a bufio.SplitFunc for lines that end in \n or \r\n, which the token does not have: bufio.ScanLines. A last
// line without an end is one.
func Lines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	return bufio.ScanLines(data, atEOF)
}

// Delimiter is a bufio.SplitFunc for frames that end in d, which the token does not have. A last frame without an end
// is one. Without d it fails with os.ErrInvalid.
func Delimiter(d string) bufio.SplitFunc {
	end := []byte(d)
	return func(data []byte, atEOF bool) (advance int, token []byte, err error) {
		switch i := bytes.Index(data, end); {
		case len(end) == 0:
			return 0, nil, os.ErrInvalid
		case i >= 0:
			return i + len(end), data[:i:i], nil
		case atEOF && len(data) > 0:
			return len(data), data, nil
		}
		return 0, nil, nil
	}
}
