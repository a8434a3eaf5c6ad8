package udp

import (
	"math/bits"

	"example.com/pike/loop"
)

// A store is the memory of large batches that the sockets of a loop keep together.
type store struct {
	chunks [chunkSizes][][]byte // by the power of two that they have room for
	held   int                  // bytes of all
	batch  *batch               // a large one that is not in use
}

// What a store keeps at most: 1 MiB for copies, and room for 4,096 messages, which is 450 KiB.
const (
	storeMemory   = 1 << 20
	storeMessages = 4 << 10
	chunkSizes    = 17 // up to chunkMemory
)

type storeKey struct{}

func storeOf(lp *loop.Loop) *store {
	return lp.Maker().Local(storeKey{}, func() any { return new(store) }).(*store)
}

// chunk is memory for at least n bytes of copies.
func (s *store) chunk(n int) []byte {
	class := bits.Len(uint(n - 1))
	free := &s.chunks[class]
	k := len(*free) - 1
	if k < 0 {
		return make([]byte, 0, 1<<class)
	}
	p := (*free)[k]
	(*free)[k] = nil
	*free = (*free)[:k]
	s.held -= cap(p)
	return p
}

// give takes the chunks of a batch that is over.
func (s *store) give(b *batch) {
	for _, p := range b.chunks {
		if s.held+cap(p) <= storeMemory {
			free := &s.chunks[bits.Len(uint(cap(p)-1))]
			*free = append(*free, p[:0])
			s.held += cap(p)
		}
	}
}

// take is a large batch, or nil.
func (s *store) take() *batch {
	b := s.batch
	s.batch = nil
	return b
}

// recycle keeps a batch that is over, if its size is worth keeping: a small one for its
// socket, a large one for all sockets of the loop.
func (c *Conn) recycle(b *batch) {
	if len(b.chunks) > 0 {
		storeOf(c.Loop()).give(b)
	}
	switch n := cap(b.messages); {
	case n <= spareMessages && c.spare == nil:
		b.empty()
		c.spare = b
	case n > spareMessages && n <= storeMessages:
		b.empty()
		storeOf(c.Loop()).batch = b
	}
}
