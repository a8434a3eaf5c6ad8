// Package frame cuts what a connection receives into messages: lines, messages with their length before
// them, or whatever a bufio.SplitFunc finds.
//
//	ln.OnAccept = func(c *tcp.Conn) {
//		frame.Split(c, frame.Lines, 4096, func(c *tcp.Conn, line []byte) {
//			c.WriteString("you said: " + string(line) + "\n")
//		})
//	}
//
// A stream has no messages: what the peer wrote as one may arrive in pieces, or several in one piece.
// [Split] calls its function once for each, in order, however they come. What is not whole yet stays
// with the connection as unread input ([stream.Conn.Unread]), and takes memory only until it is. A
// frame costs no allocation.
//
// # Which frames
//
// Any bufio.SplitFunc will do: [Lines], [Delimiter], those of bufio, one of your own, as for a
// bufio.Scanner. What comes of them is the same, except that 100 tokens in a row that advance nothing
// are an error, where a Scanner panics or goes on, that bytes which are skipped at the end do not hide what
// is behind them, and that a peer which sends nothing at all gives no token.
//
// A [Length] says how long a frame is in its first bytes. [SplitBy] takes it, or another [Splitter],
// and has a message of a megabyte gathered in one place, and its function called once.
//
// # The other half
//
// [AppendLine], [AppendCRLF], [AppendDelimited] and [AppendLength] make frames. They refuse what the other
// side would cut in another way: a line with a line feed in it, say. [AppendPrefix] is for bodies that are
// written by WriteBuffers.
//
//	var word = frame.Length{Size: 4}
//
//	p, err := frame.AppendLength(nil, word, "hello")
//	c.Write(p) // 0 0 0 5 h e l l o
//
// # Flow
//
// When the function pauses reading, or a stream.QueueLimit does because of what it writes, it is not
// called again before reading goes on, in the middle of a piece as well. So a peer that sends requests and
// reads no answers gets no more memory than the limit and one answer.
//
// # Other protocols
//
// The function may close the connection, give it another OnRead, split it in another way, start a layer, join it
// or hand it over: what is behind its token is unread then, and goes to whoever comes next. A split that returns
// bufio.ErrFinalToken ends the splitting. What follows goes to an OnRead that is set
// in the function, or is dropped.
//
// # Errors
//
// A frame that is longer than the limit, or that the split refuses, closes the connection: what was written is sent
// first, and the reason of OnClose wraps an [Error]. It says at which byte of the input
// the frame begins, and the limit, and errors.Is finds bufio.ErrTooLong, io.ErrUnexpectedEOF or whatever the
// split said.
package frame

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"

	"example.com/pike/internal/closure"
	"example.com/pike/stream"
)

// A Splitter is a split that knows how long a frame is before all of it is there.
type Splitter interface {
	// Split is a bufio.SplitFunc.
	Split(data []byte, atEOF bool) (advance int, token []byte, err error)

	// Need is how many bytes the frame has whose beginning data is, and 0 as long as nobody
	// can tell. Split is not called again before there are so many.
	Need(data []byte) int
}

// An Error is why the input of a connection cannot be cut.
type Error struct {
	Offset int64 // where the frame begins: bytes since Split
	Limit  int   // how long a frame may be, in bytes
	Err    error // what is wrong: bufio.ErrTooLong, or what the split has said
}

// Error is all of that.
func (e *Error) Error() string {
	return fmt.Sprintf("frame at byte %d (limit %d): %v", e.Offset, e.Limit, e.Err)
}

// Unwrap is what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// emptyMost is how many tokens in a row may advance nothing. It is bufio's.
const emptyMost = 100

// Split calls fn with each token that split finds in what c receives, in order. token is lent to fn until
// fn returns. Split sets c.OnRead, and gives it what is unread already. split is called on the loop's goroutine.
//
// max bounds a frame with all that belongs to it, its delimiter or length; 0 is bufio's 64 KiB. A
// ReadLimit of c that is lower is raised to that. At the peer's end split is called with atEOF, and
// what it leaves then is dropped; OnEOF, or the closing of the connection, follows.
//
// Split belongs to the loop's goroutine. The error is os.ErrInvalid where a function is nil or max
// negative, and net.ErrClosed after Close; nothing has changed then.
func Split(c *stream.Conn, split bufio.SplitFunc, max int, fn func(c *stream.Conn, token []byte)) error {
	return begin(c, &splitter{split: split, plain: split != nil && plain(split), max: max, fn: fn})
}

// SplitBy is Split by a Splitter.
func SplitBy(c *stream.Conn, by Splitter, max int, fn func(c *stream.Conn, token []byte)) error {
	if by == nil {
		return begin(c, &splitter{})
	}
	return begin(c, &splitter{split: by.Split, need: by.Need, max: max, fn: fn})
}

func begin(c *stream.Conn, s *splitter) error {
	switch {
	case c == nil, s.split == nil, s.fn == nil, s.max < 0:
		return &net.OpError{Op: "split", Net: "stream", Err: os.ErrInvalid}
	case s.max == 0:
		s.max = bufio.MaxScanTokenSize
	}
	if c.Closing() {
		return &net.OpError{Op: "split", Net: "stream", Err: net.ErrClosed}
	}
	if c.ReadLimit() < s.max {
		if err := c.SetReadLimit(s.max); err != nil {
			return err
		}
	}
	s.onRead = s.read
	c.OnRead = s.onRead
	if !c.Paused() {
		return c.ResumeRead()
	}
	return nil
}

// A splitter is the split of a connection.
type splitter struct {
	split   bufio.SplitFunc
	need    func([]byte) int // nil if nobody knows
	max     int
	fn      func(*stream.Conn, []byte)
	onRead  func(*stream.Conn, []byte) // read, as the connection has it
	plain   bool                       // split finds nothing in nothing
	taken   int64                      // bytes of the frames before
	empties int                        // tokens that have advanced nothing
}

// plain reports whether split is known to find nothing in nothing. Others are asked at the end of the input, for which
// the connection has to wait in a way that takes memory.
func plain(split bufio.SplitFunc) bool {
	code := func(f bufio.SplitFunc) uintptr { return reflect.ValueOf(f).Pointer() }
	for _, f := range [...]bufio.SplitFunc{
		Lines, Delimiter("."), Length{}.Split, bufio.ScanLines, bufio.ScanWords, bufio.ScanRunes, bufio.ScanBytes,
	} {
		if code(f) == code(split) {
			return true
		}
	}
	return false
}

// read is the OnRead of a connection that is split.
func (s *splitter) read(c *stream.Conn, p []byte) {
	last := !c.Readable()
	for len(p) > 0 || last {
		n := min(len(p), s.max)
		advance, token, err := s.split(p[:n:n], last && n == len(p))
		switch {
		case err == bufio.ErrFinalToken:
			s.finish(c, p[max(0, min(advance, n)):], token)
			return
		case err == nil && advance < 0:
			err = bufio.ErrNegativeAdvance
		case err == nil && advance > n:
			err = bufio.ErrAdvanceTooFar
		case err == nil && token == nil && advance == 0 && n == s.max:
			err = bufio.ErrTooLong
		case err == nil && token != nil && advance == 0:
			if s.empties++; s.empties > emptyMost {
				err = io.ErrNoProgress
			}
		}
		if err != nil {
			s.fail(c, err)
			return
		}
		if token == nil && advance == 0 {
			break
		}
		p = p[advance:]
		if s.taken += int64(advance); advance > 0 {
			s.empties = 0
		}
		if token == nil {
			continue
		}
		if c.Unread(p) != nil { // before fn, which may give the connection to somebody else
			return // it has: what was split here is with a layer
		}
		s.fn(c, token)
		if c.Closing() || closure.Of(c.OnRead) != closure.Of(s.onRead) {
			return
		}
		if c.Paused() && len(p) > 0 {
			return
		}
	}
	s.wait(c, p, last)
}

// wait leaves the beginning of a frame unread.
func (s *splitter) wait(c *stream.Conn, p []byte, last bool) {
	if last {
		c.Unread(nil)
		return
	}
	need := 0
	switch {
	case s.need != nil:
		if need = s.need(p); need > s.max {
			s.fail(c, bufio.ErrTooLong)
			return
		}
	case len(p) == 0 && !s.plain:
		need = 1
	}
	if c.Unread(p) == nil && need > 0 {
		c.Need(need)
	}
}

// finish is the end of splitting, after a last token.
func (s *splitter) finish(c *stream.Conn, rest, token []byte) {
	if c.Unread(rest) != nil {
		return
	}
	if token != nil {
		s.fn(c, token)
	}
	if !c.Closing() && closure.Of(c.OnRead) == closure.Of(s.onRead) {
		c.OnRead = stream.Discard
		c.Unread(nil)
	}
}

// fail closes a connection whose input cannot be cut, unless it is not ours any more.
func (s *splitter) fail(c *stream.Conn, err error) {
	if c.Unread(nil) == nil {
		c.CloseWithError(&Error{s.taken, s.max, err})
	}
}
