package stream

import (
	"math/bits"
	"unsafe"
)

// An input is what a connection has received and OnRead has not taken: what arrived when there was no
// OnRead, and what OnRead has unread. Most connections have none, and so there is a list of spare
// ones, as of outputs.
type input struct {
	buf      []byte // all of in.buf
	in       *chunk // where it lies; nil if there are no bytes
	from, to int    // what is unread, in buf

	need int            // OnRead is not called before there are so many; see Need
	by   unsafe.Pointer // the OnRead that has said so: for another function it does not hold
	end  error          // the end that came behind all that

	again uint8 // how often it was given to yet another OnRead, and nothing of it was taken
	due   bool  // the loop will give it to OnRead, although nothing more has come
	fresh bool  // something of it OnRead has not seen
	lent  bool  // OnRead has it now
	last  bool  // nothing will come behind it

	counted int // bytes that the loop's Metrics have as unread

	own rare // for a connection that had none
}

// againMost bounds how often input goes from one OnRead to the next while none takes anything. A
// program that sets a new function each time would else keep the loop busy.
const againMost = 8

// input is the input of c, or nil.
func (c *Conn) input() *input {
	if c.rare == nil {
		return nil
	}
	return c.rare.in
}

// makeInput is c.input, which is made if there is none.
func (c *Conn) makeInput() *input {
	if in := c.input(); in != nil {
		return in
	}
	in := c.conf.takeInput()
	if c.rare == nil {
		in.own.drain = defaultDrainTimeout
		c.rare = &in.own
	}
	c.rare.in = in
	return in
}

// dropInput gives back all memory of what is unread, unless OnRead still looks at it: present does it
// then.
func (c *Conn) dropInput() {
	in := c.input()
	if in == nil || in.lent {
		return
	}
	in.empty(c.conf.shared)
	c.countUnread(in)
	m := c.rare
	if m.in = nil; m == &in.own {
		if !m.idle() {
			return // something else has come to live there, and stays
		}
		c.rare = nil
	}
	c.conf.putInput(in)
}

// idle reports whether nobody needs m.
func (m *rare) idle() bool {
	return m.drain == defaultDrainTimeout && m.err == nil && m.dialing == nil && m.layering == nil &&
		m.clock == nil && m.closing == nil && m.in == nil && m.passing == nil && m.moving == nil
}

func (s *shared) takeInput() *input {
	last := len(s.inputs) - 1
	if last < 0 {
		return new(input)
	}
	in := s.inputs[last]
	s.inputs[last] = nil
	s.inputs = s.inputs[:last]
	return in
}

func (s *shared) putInput(in *input) {
	*in = input{}
	if len(s.inputs) < spareMost {
		s.inputs = append(s.inputs, in)
	}
	if len(s.inputs) > spareRest {
		s.keepLess()
	}
}

func (in *input) size() int { return in.to - in.from }

// bytes are what is unread.
func (in *input) bytes() []byte { return in.buf[in.from:in.to] }

// add puts p behind what is unread.
func (in *input) add(p []byte, s *shared) {
	if in.to+len(p) > len(in.buf) {
		in.room(in.size()+len(p), s)
	}
	in.to += copy(in.buf[in.to:], p)
}

// room makes room for n bytes in all. It moves what there is to the beginning only if that is no more
// than it makes room for: each byte is then moved once on average.
func (in *input) room(n int, s *shared) {
	has, all := in.size(), len(in.buf)
	switch {
	case n > all:
		in.move(in.wants(n), s)
	case has <= all/2:
		copy(in.buf, in.bytes())
		in.from, in.to = 0, has
	default:
		in.move(2*all, s)
	}
}

// wants is how much memory n bytes are to have: as much as is needed in the end, so that nothing is
// copied again, but no more than 16 times what has come. A peer that says "a megabyte follows", and
// nothing else, gets no megabyte.
func (in *input) wants(n int) int { return max(n, min(in.need, 16*max(n, leastChunk))) }

// move gives what is unread another place, of n bytes or more.
func (in *input) move(n int, s *shared) {
	k := s.chunks.take(n)
	has := copy(k.buf, in.bytes())
	in.empty(s)
	in.buf, in.in, in.to = k.buf, k, has
}

// empty drops what is unread, and its memory.
func (in *input) empty(s *shared) {
	if in.in != nil {
		s.chunks.put(in.in)
		if s.chunks.bytes > chunksRest {
			s.keepLess()
		}
	}
	in.buf, in.in, in.from, in.to = nil, nil, 0, 0
}

// fit has what is unread take no more than four times its size, and what is needed.
func (in *input) fit(s *shared) {
	n := in.wants(max(in.size(), 1))
	if len(in.buf) <= 4*leastChunk || 4*n > len(in.buf) {
		return
	}
	if in.size() == 0 {
		in.empty(s)
	} else {
		in.move(n, s)
	}
}

// ceil is the power of two that is n or the next.
func ceil(n int) int { return 1 << bits.Len(uint(n-1)) }
