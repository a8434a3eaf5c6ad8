package stream

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"unsafe"

	"example.com/pike/internal/closure"
)

// ErrReadLimit is the reason of a connection whose OnRead has left more unread than
// Options.ReadLimit, and waited for more. It is also what Need answers to more than that.
var ErrReadLimit = errors.New("read limit exceeded")

// defaultReadLimit is Options.ReadLimit where that is 0.
const defaultReadLimit = 1 << 20

// A lent is what the OnRead that runs was lent. No reference is kept, so that it costs each OnRead three
// words and no write barrier.
type lent struct {
	end  uintptr // the address behind the last byte
	n    int
	left bool // left has something to say
}

func lentOf(p []byte) lent {
	return lent{end: uintptr(unsafe.Pointer(unsafe.SliceData(p))) + uintptr(len(p)), n: len(p)}
}

// A left is what the OnRead that runs has done about it, if lent says so.
type left struct {
	tail  []byte // is unread
	need  int
	again bool // a pause is over, so that OnRead is given tail
}

// Unread gives back p, the end of what OnRead was lent, because it cannot be used yet: the
// beginning of a message say. OnRead is called with it again, and with what has come behind
// it, in one piece, when something has come. Only OnRead may call it, for its own connection. The
// last call counts, so that Unread(nil) takes everything after all.
//
// OnRead that has called [Conn.PauseRead], or that a [QueueLimit] has paused, unreads the messages it
// has not looked at: they come again when reading goes on, although nothing more may come. So do
// they without a pause if OnRead was replaced: the new function gets what the old one has left. Who
// replaces it later than that calls ResumeRead, which gives OnRead in any case what is unread.
//
// If the peer ends, OnRead is called once more with what is unread, and [Conn.Readable] is
// false then. What it leaves unread that time is dropped, unless it is paused, and OnEOF or OnClose
// follows. Where a connection is lost OnRead is called again only for what it has not seen.
//
// Unread input is copied, and takes memory until it is read. It is bounded by Options.ReadLimit. Timeouts do
// not count it as arriving again. [Conn.NetConn] and [Join] take it along, and for StartLayer it is
// [ErrEarly].
//
// The error is os.ErrInvalid outside of OnRead, and where p is not the end of what was lent,
// and net.ErrClosed after Close. What was unread before holds then.
func (c *Conn) Unread(p []byte) error {
	const method = "stream.Conn.Unread"
	if err := c.inOnRead(method); err != nil {
		return err
	}
	s := c.conf.shared
	if n := len(p); n > 0 && (n > s.lent.n || lentOf(p).end != s.lent.end) {
		return c.fail("unread", fmt.Errorf("%s of what is not the end of what OnRead was lent: %w", method, errInvalid))
	}
	c.leave().tail = p
	return nil
}

// Need has OnRead wait until n bytes are there, those included that are unread: the length of a
// message, once that is known. At the peer's end OnRead gets what there is, be it nothing, and
// [Conn.Readable] is false. Only OnRead may call Need, for its own connection. It holds until OnRead is
// called next, and for this function: if OnRead is replaced the new one does not wait. Need(0) undoes it.
// A connection that waits takes some 200 bytes more, even if nothing is unread.
//
// The bytes are kept in memory that is large enough for all of them, so that each is
// copied twice at most. More than Options.ReadLimit is ErrReadLimit, and n below 0 os.ErrInvalid; other
// errors are those of Unread.
func (c *Conn) Need(n int) error {
	const method = "stream.Conn.Need"
	if err := c.inOnRead(method); err != nil {
		return err
	}
	switch {
	case n < 0:
		return c.fail("read", fmt.Errorf("%s of %d: %w", method, n, errInvalid))
	case n > c.readLimit():
		return c.fail("read", ErrReadLimit)
	}
	c.leave().need = n
	return nil
}

// inOnRead is why a method is not allowed that only OnRead may call, or nil.
func (c *Conn) inOnRead(method string) error {
	if err := c.lp().Check(method); err != nil {
		return err
	}
	switch {
	case c.Closing():
		return c.fail("unread", net.ErrClosed)
	case !c.is(lending):
		return c.fail("unread", fmt.Errorf("%s outside of OnRead: %w", method, errInvalid))
	}
	return nil
}

// leave is what OnRead, which runs, has left so far.
func (c *Conn) leave() *left {
	s := c.conf.shared
	if !s.lent.left {
		s.lent.left, s.left = true, left{}
	}
	return &s.left
}

// Paused reports whether reading is paused, by PauseRead or by a [QueueLimit] whose policy is
// PauseReads. A Write that exceeds the limit pauses at once: OnRead that answers many messages of one
// piece looks at Paused after each, and leaves the others with Unread.
func (c *Conn) Paused() bool {
	if c.lp().Check("stream.Conn.Paused") != nil {
		return false
	}
	return c.stops&(stopByUser|stopByQueue|stopByLoop) != 0
}

// SetReadLimit sets Options.ReadLimit for this connection: 0 is the default, and less is no bound. It
// counts when OnRead unreads something again.
func (c *Conn) SetReadLimit(bytes int) error {
	if err := c.lp().Check("stream.Conn.SetReadLimit"); err != nil {
		return err
	}
	if c.Closing() {
		return c.fail("set", net.ErrClosed)
	}
	p := c.conf.policy
	p.readLimit = readLimit(bytes)
	c.configure(p)
	return nil
}

// readLimit is what a policy has for the bound that users mean by n: 0 is the default there too, so that
// the policy of most is zero.
func readLimit(n int) int {
	switch {
	case n == defaultReadLimit:
		return 0
	case n < 0:
		return math.MaxInt
	}
	return n
}

// ReadLimit is how much OnRead may leave unread while it waits for more, in bytes: what SetReadLimit
// or Options.ReadLimit have set. Where there is no bound it is the largest int. After Close it is 0.
func (c *Conn) ReadLimit() int {
	if c.lp().Check("stream.Conn.ReadLimit") != nil || c.Closing() {
		return 0
	}
	return c.readLimit()
}

func (c *Conn) readLimit() int {
	if n := c.conf.policy.readLimit; n != 0 {
		return n
	}
	return defaultReadLimit
}

// unread is what is unread, what OnRead has left so far included.
func (c *Conn) unread() []byte {
	if c.is(lending) && c.conf.lent.left {
		return c.conf.left.tail
	}
	if in := c.input(); in != nil {
		return in.bytes()
	}
	return nil
}

// takeUnread is for who takes over what is unread, and has copied it.
func (c *Conn) takeUnread() {
	if c.is(lending) { // OnRead can unread nothing any more
		c.marks &^= lending
		c.conf.lent.left = false
	}
	switch in := c.input(); {
	case in == nil:
	case in.end != nil, in.lent: // an end is still to be told; present drops what is lent
		in.from, in.need, in.due = in.to, 0, in.due && in.end != nil
		c.countUnread(in)
	default:
		c.dropInput()
	}
}

// keepUnread keeps what OnRead has left of p, which was lent to it. was is the OnRead that has. It decides
// when OnRead is called next.
func (c *Conn) keepUnread(was func(*Conn, []byte), p []byte) {
	s := c.conf.shared
	l := s.left
	s.left, s.lent.left = left{}, false
	replaced := closure.Of(was) != closure.Of(c.OnRead)
	if replaced {
		l.need = 0
	}
	if c.Closing() || len(l.tail) == 0 && l.need == 0 {
		return
	}
	in := c.makeInput()
	in.need, in.by = l.need, closure.Of(c.OnRead)
	if in.last {
		in.need = 0
	}
	if !in.lent || len(l.tail) < len(p) {
		in.again = 0
	}
	if in.lent {
		in.from = in.to - len(l.tail)
		in.fit(s)
	} else if len(l.tail) > 0 {
		in.add(l.tail, s)
	}
	c.countUnread(in)
	switch {
	case c.OnRead == nil, c.stopped(): // startRead will see it
	case replaced && in.again < againMost:
		in.again++
		c.presentLater(in)
	case l.again:
		c.presentLater(in)
	case in.last:
		in.from = in.to
		c.countUnread(in)
	case len(l.tail) > c.readLimit():
		c.abandon(c.fail("read", ErrReadLimit))
	}
}

// presentLater has the loop give OnRead what is unread. It reports whether that is to be: less than OnRead
// needs it does not get.
func (c *Conn) presentLater(in *input) bool {
	if in.by != closure.Of(c.OnRead) {
		in.need = 0
	}
	if in.end == nil && (in.size() == 0 || in.size() < in.need && !c.is(readEnded)) {
		return false
	}
	in.due = true
	c.flushLater()
	return true
}

// receivedMore is when p has arrived, and something before it is unread, or there is no OnRead.
func (c *Conn) receivedMore(p []byte) {
	in := c.makeInput()
	in.add(p, c.conf.shared)
	in.fresh = true
	c.countUnread(in)
	if in.by != closure.Of(c.OnRead) {
		in.need = 0
	}
	switch {
	case c.OnRead == nil:
		c.await()
	case c.stopped(): // startRead will see it
	case in.size() >= in.need:
		c.present(in)
	}
}

// endUnread is when the end, or a loss, has come behind what is unread. It reports whether that is told
// later, or was told.
func (c *Conn) endUnread(err error) bool {
	in := c.input()
	reads := c.OnRead != nil && !c.stopped()
	switch {
	case err == io.EOF && c.hearsEnd():
		return false
	case err != io.EOF && reads && !in.fresh && !in.due: // OnRead has seen all of it, and waits in vain
		return false
	}
	if in.end = err; err != io.EOF {
		c.leaveAlone()
	}
	if reads {
		c.present(in)
	}
	return true
}

// readUnread is the loop's time for presentLater.
func (c *Conn) readUnread() {
	switch in := c.input(); {
	case in == nil:
	case c.Closing():
		c.dropInput()
	case in.due && c.OnRead != nil && !c.stopped():
		c.present(in)
	}
}

// present gives OnRead what is unread, and tells the end that came behind it.
func (c *Conn) present(in *input) {
	p, end := in.bytes(), in.end
	waits := in.need > 0 && in.by == closure.Of(c.OnRead)
	in.last = in.last || end != nil || c.is(readEnded)
	if in.fresh {
		in.again = 0
	}
	in.from, in.need, in.end, in.due, in.fresh = in.to, 0, nil, false, false
	c.countUnread(in)
	if len(p) > 0 || waits && end == io.EOF { // who waits hears that it is in vain
		in.lent = true
		c.deliver(p)
		in.lent = false
	}
	awaited := c.OnRead == nil && in.size() > 0 && !(end == io.EOF && c.hearsEnd()) // by who reads the rest
	if end != nil && !c.Closing() && (awaited || c.stopped() || in.due) {           // it is told when that is over
		in.end = end
		c.startRead()
		return
	}
	if c.Closing() || in.size() == 0 && in.need == 0 {
		c.dropInput()
	}
	if end != nil {
		c.endRead(end)
		return
	}
	if c.life == open && c.OnRead != nil && !c.stopped() && !c.is(readEnded) {
		c.s.Start()
	}
	c.settle()
}
