package stream

import (
	"unsafe"

	"example.com/pike/loop"
	"example.com/pike/poller"
)

// Armed is when c's timeouts are looked at next, and whether that is armed.
func Armed(c *Conn) (poller.Time, bool) {
	k := c.clock()
	if k == nil {
		return 0, false
	}
	return k.look.Due(), k.look.Armed()
}

// Rare reports whether c has memory for what most connections do without.
func Rare(c *Conn) bool { return c.rare != nil }

// HasUnread is how many bytes of c are unread.
func HasUnread(c *Conn) int { return len(c.unread()) }

// HeldByLoop is how many connections the loop's limit has paused.
func HeldByLoop(lp *loop.Loop) int { return len(sharedOf(lp).waiting) }

// Alone is for how many connections that are gone there is room, of those that share c's
// listener.
func Alone(c *Conn) int { return cap(c.conf.unheard.alone) }

// SizeOfOutput is what a connection takes for what it has queued.
const SizeOfOutput = unsafe.Sizeof(output{})

// Kept is what the connections of lp keep for what they will queue next, in bytes: outputs
// with the room they have for buffers, chunks, and lists.
func Kept(lp *loop.Loop) (bytes int) {
	s := sharedOf(lp)
	for _, o := range s.spare {
		bytes += int(SizeOfOutput) + cap(o.bufs)*int(unsafe.Sizeof([]byte(nil))) + cap(o.ends)*int(unsafe.Sizeof(end{}))
	}
	for _, free := range s.chunks.free {
		for _, k := range free {
			bytes += len(k.buf)
		}
		bytes += 8 * cap(free)
	}
	bytes += len(s.inputs)*int(unsafe.Sizeof(input{})) + 8*cap(s.inputs)
	return bytes + 8*(cap(s.spare)+cap(s.busy)+cap(s.waiting))
}

// LayerAll has every connection go through a layer that has none of its own.
func LayerAll(fn func(client bool) poller.Layer) { everyLayer = fn }

// An Input is what of c is unread, and where it lies.
type Input struct {
	First     *byte // of its memory
	From, Len int
	Room      int
}

// InputOf is what is unread of c, or nil.
func InputOf(c *Conn) *Input {
	in := c.input()
	if in == nil {
		return nil
	}
	i := &Input{From: in.from, Len: in.size(), Room: len(in.buf)}
	if i.Room > 0 {
		i.First = &in.buf[0]
	}
	return i
}
