package stream

import (
	"errors"
	"math/bits"
	"net"
	"os"
	"sync"
	"syscall"

	"example.com/pike/loop"
)

// What Post and AsyncWrite answer. They are values, because an address may be asked for on the
// loop only.
var (
	errPostNothing  = &net.OpError{Op: "post", Net: "stream", Err: os.ErrInvalid}
	errPostGone     = &net.OpError{Op: "post", Net: "stream", Err: net.ErrClosed}
	errAsyncGone    = &net.OpError{Op: "write", Net: "stream", Err: net.ErrClosed}
	errAsyncTooMuch = &net.OpError{Op: "write", Net: "stream", Err: ErrQueueLimit}
)

// Post has fn called with c on the loop, as Loop.Post does, while c is there. fn is not called
// after OnClose, nor with another connection that has taken c's place in the system. Any
// goroutine may call Post, also the loop's own, and before Run. What one goroutine hands over
// by Post, AsyncWrite and Loop.Post comes in that order.
//
// Post returns net.ErrClosed from when the connection begins to close: Close was called, or the
// connection has ended, or the loop is closed. It then drops fn. A function that was posted
// before that is called if the connection is still closing when its turn comes, and else
// dropped, so that what must be let go of is for OnClose. A nil fn is os.ErrInvalid. For a
// connection that is closing there is Loop.Post: Abort then ends it sooner, or is
// net.ErrClosed.
//
// A panic of fn is one of a callback of c.
func (c *Conn) Post(fn func(c *Conn)) error {
	if fn == nil {
		return errPostNothing
	}
	l := takeLetter(c, 0)
	l.fn = fn
	if c.lp().Post(c, l.run, 0) != nil {
		l.free()
		return errPostGone
	}
	return nil
}

// AsyncWrite has a copy of p written on the loop, as Write does it. Any goroutine may call it,
// also the loop's own, and before Run; p may be changed when it returns. The order is that of
// Post. Of many that the loop finds waiting, what is for one connection is sent together, unless
// it is 16 KiB and more at a time.
//
// A nil error says that p waits for the loop. The error is net.ErrClosed from when the connection
// begins to close: Close was called, or the connection has ended, or the loop is closed. It is
// ErrQueueLimit where [SetLoopLimit] disconnects, and more than its Bytes would wait for a loop
// that is late; AsyncWrite has then taken nothing, and the connection goes on. Other limits are
// looked at when the loop has p: what a Write would answer then, AsyncWrite cannot. The reason of
// OnClose says it where it ends the connection.
//
// What still waits when the connection begins to close, or ends its side by CloseWrite, is
// dropped, and no LossError counts it. Who has written something last closes by Post, which
// comes after that.
func (c *Conn) AsyncWrite(p []byte) error {
	l := takeLetter(c, len(p))
	l.p = append(l.p, p...)
	err := c.lp().Post(c, l.run, len(p))
	if err == nil {
		return nil
	}
	l.free()
	if errors.Is(err, syscall.ENOBUFS) {
		return errAsyncTooMuch
	}
	return errAsyncGone
}

// limitLetters bounds what waits in AsyncWrite, where l disconnects.
func limitLetters(lp *loop.Loop, l *QueueLimit) {
	most := 0
	if l != nil && l.Policy == Disconnect {
		most = l.Bytes
	}
	lp.Maker().LimitPosts(most)
}

// A letter is a call of Post or AsyncWrite on its way to the loop.
type letter struct {
	c   *Conn
	fn  func(*Conn) // of Post
	p   []byte      // of AsyncWrite; the memory is the letter's
	run func()      // deliver, which would be allocated for each call else
}

// letters are those that are not under way, by the size of their memory: none, and the powers
// of two from leastLetter to mostLetter. Larger ones are left to the collector.
var letters [2 + mostLetter - leastLetter]sync.Pool

const (
	leastLetter = 6 // 64 bytes
	mostLetter  = 20
)

// letterClass is the index in letters of the least letter with room for n bytes.
func letterClass(n int) int {
	if n == 0 {
		return 0
	}
	return 1 + max(bits.Len(uint(n-1))-leastLetter, 0)
}

// takeLetter finds a letter to c that has room for n bytes.
func takeLetter(c *Conn, n int) *letter {
	class := letterClass(n)
	size := n
	if class < len(letters) {
		if l, ok := letters[class].Get().(*letter); ok {
			l.c = c
			return l
		}
		if n > 0 {
			size = 1 << (class - 1 + leastLetter)
		}
	}
	l := &letter{c: c, p: make([]byte, 0, size)}
	l.run = l.deliver
	return l
}

// free gives the letter back.
func (l *letter) free() {
	class := letterClass(cap(l.p))
	if class < len(letters) {
		l.c, l.fn, l.p = nil, nil, l.p[:0]
		letters[class].Put(l)
	}
}

// deliver is on the loop. A Write that fails has no one to answer.
func (l *letter) deliver() {
	c, fn := l.c, l.fn
	if fn == nil {
		c.Write(l.p)
		l.free()
		return
	}
	l.free() // before fn, which may panic
	if c.streams > 0 || !c.Closing() {
		c.call(fn)
	}
}
