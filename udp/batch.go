package udp

import (
	"slices"

	"example.com/pike/loop"
)

// A batch is datagrams that are queued, or with the poller. A socket uses its last batch
// again, so that sending allocates nothing.
type batch struct {
	messages []Message
	done     []func(error) // by message; nil for most
	memory   []byte        // holds copies; full memory is replaced, not moved
	first    []byte        // the memory that a batch begins with
	chunks   [][]byte      // from the loop's store; memory may be the last of them

	// These indexes of messages are in order. The messages from with to skip were dropped.
	next int // the first whose end has not been told
	gone int // the first that the system has neither taken nor refused
	with int // the first that the poller does not have
	skip int // the first that is still to be given to the poller

	bytes int // of those to be sent
	count int // datagrams of those
}

// The sizes of a batch: its first memory, the pieces in which it gets more, and the most
// messages that a socket keeps room for. A burst does not decide how much memory a socket
// has for good. That is firstMemory and room for spareMessages, together 19 KiB.
const (
	firstMemory   = 4 << 10
	chunkMemory   = 64 << 10
	spareMessages = 128
)

// copy keeps a copy of p.
func (b *batch) copy(lp *loop.Loop, p []byte) []byte {
	if cap(b.memory)-len(b.memory) < len(p) {
		b.grow(lp, len(p))
	}
	at := len(b.memory)
	b.memory = append(b.memory, p...)
	return b.memory[at:len(b.memory):len(b.memory)]
}

// grow finds memory for at least n bytes. The first memory is small, so that many sockets
// with little queued need little.
func (b *batch) grow(lp *loop.Loop, n int) {
	switch {
	case b.memory == nil && n <= firstMemory:
		b.first = make([]byte, 0, firstMemory)
		b.memory = b.first
	case n > chunkMemory:
		b.memory = make([]byte, 0, n)
	default:
		b.memory = storeOf(lp).chunk(min(max(n, 2*cap(b.memory)), chunkMemory))
		b.chunks = append(b.chunks, b.memory)
	}
}

func (b *batch) add(m Message, done func(error)) {
	b.messages = append(b.messages, m)
	b.done = append(b.done, done)
	b.bytes += len(m.Data)
	b.count += m.Count()
}

// pass counts n messages as no longer queued.
func (b *batch) pass(n int) {
	for i := range b.messages[b.gone:][:n] {
		b.uncount(&b.messages[b.gone+i])
	}
	b.gone += n
}

func (b *batch) uncount(m *Message) {
	b.bytes -= len(m.Data)
	b.count -= m.Count()
}

// forgo takes away the oldest message that the poller does not have.
func (b *batch) forgo(flying bool) drop {
	m, done := &b.messages[b.skip], &b.done[b.skip]
	d := drop{*m, *done}
	b.uncount(m)
	*m, *done = Message{}, nil
	b.skip++
	if !flying {
		b.gone, b.next, b.with = b.skip, b.skip, b.skip
		b.shrink()
	}
	return d
}

// rest is what to send next: at most n messages. What the poller had before is over.
func (b *batch) rest(n int) []Message {
	if b.gone == b.with {
		b.gone = b.skip
		if b.next == b.with {
			b.next = b.skip
		}
		b.with = b.skip
	}
	if b.with == b.skip { // nothing was dropped behind what is left
		b.with = min(b.gone+n, len(b.messages))
		b.skip = b.with
	}
	return b.messages[b.gone:b.with]
}

// over reports whether all has been sent or dropped.
func (b *batch) over() bool { return b.gone == b.with && b.skip == len(b.messages) }

// shrink gives back the memory of messages that have been told, if they are most of the batch.
func (b *batch) shrink() {
	n := b.next
	if n < spareMessages/2 || n < len(b.messages)/2 || n > b.gone {
		return
	}
	b.messages, b.done = slices.Clone(b.messages[n:]), slices.Clone(b.done[n:])
	b.chunks, b.memory, b.first = nil, nil, nil // the messages keep what they use of them
	b.next, b.gone, b.with, b.skip = 0, b.gone-n, b.with-n, b.skip-n
}

// empty makes b like a new one that keeps its room.
func (b *batch) empty() {
	clear(b.messages)
	clear(b.done)
	clear(b.chunks)
	*b = batch{messages: b.messages[:0], done: b.done[:0], memory: b.first, first: b.first, chunks: b.chunks[:0]}
}
