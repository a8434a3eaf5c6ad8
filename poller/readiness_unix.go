//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Limits of one Poll, so that no socket starves the others.
const (
	recvBufferSize     = 64 << 10
	recvsPerPoll       = 16      // of one stream, up to recvBufferSize each
	bytesPerSend       = 1 << 20 // of one stream, before others have their turn
	acceptsPerPoll     = 64      // of one listener
	discardOnClose     = 1 << 20 // bytes at a time, so that a close is no reset
	discardsOnClose    = 64      // times, twice the largest receive buffer that Linux allows by default
	errorsPerPoll      = 16      // of one datagram socket's error queue
	batchesPerPoll     = 8       // of one datagram socket, recvBatch messages each
	packetBytesPerPoll = recvsPerPoll * recvBufferSize
	recvBatch          = 32
	sendBatch          = 64
	iovecsPerSend      = 64
)

// readiness is the core that readiness backends share: sockets that are told
// when they are ready and then do the work themselves. What differs between
// systems is in queue, sys and sockopt.
type readiness struct {
	queue
	slots   slots
	failed  backlog[failer]   // whose outcome was known where it must not be told
	closing backlog[endpoint] // to end when the batch is over
	buf     []byte            // what streams receive into
	iov     [iovecsPerSend]unix.Iovec
	msg     unix.Msghdr
	sa      sockaddr
	spare   *sending // list of unused ones
	packets *packetBuffers
	seen    uint64
}

// An endpoint is a socket or a watch as the readiness core sees it.
type endpoint interface {
	ready(ev Events)
	end()     // gives the descriptor back and makes the last upcalls
	abandon() // gives the descriptor back, nothing else

	// refused says that the system would not watch for some of what it was asked
	// to; fail is to tell that. Only queues that take changes late call it.
	refused(lost Events, e errno)
}

// wakeSlot is the slot number of wake-ups; it is never given to a socket.
const wakeSlot = 0

// A failer has an error to tell that arose in a call.
type failer interface{ fail() }

func (p *readiness) open() {
	p.slots.init()
	p.buf = make([]byte, recvBufferSize)
}

// Events counts what the system has reported.
func (p *readiness) Events() uint64 { return p.seen }

// Pending reports whether something is to be told that the system knows
// nothing of. What it is to watch, it knows from here on.
func (p *readiness) Pending() bool {
	return p.queue.submit() || p.failed.len()+p.closing.len() > 0
}

func (p *readiness) Poll(deadline Time) error {
	if p.failed.len()+p.closing.len() > 0 {
		deadline = 0
	}
	n, err := p.wait(deadline)
	if err != nil {
		return err
	}
	p.seen += uint64(n)
	if n > 0 && p.woken.Load() {
		// Before any handler: one that panics out of Poll takes the rest of the
		// batch with it, and with the wake-up in it nobody could wake us again. A
		// wake-up that is still to come costs a turn, no more.
		p.woken.Store(false)
	}
	for i := range n {
		at, gen, ev := p.event(i)
		if at == wakeSlot {
			continue
		}
		// A slot freed in this batch has a new generation, and one given out
		// again has been so since the system reported this.
		s := p.slots.at(at)
		if s.gen != gen || s.s == nil {
			continue
		}
		if e := p.refusal(i); e != 0 {
			s.endpoint().refused(ev, e)
		} else {
			s.endpoint().ready(ev)
		}
	}
	p.finish()
	return nil
}

// finish tells what could not be told where it happened, and ends what was
// closed. Descriptors are closed here so that a number names one socket for as
// long as a batch lasts. What handlers add meanwhile waits for the next Poll.
func (p *readiness) finish() {
	for n := p.failed.len(); n > 0 && p.failed.len() > 0; n-- {
		p.failed.pop().fail()
	}
	for n := p.closing.len(); n > 0 && p.closing.len() > 0; n-- { // a handler may close the poller
		p.closing.pop().end()
	}
}

// add gives e a slot.
func (p *readiness) add(e endpoint, s *source) {
	s.p, s.slot = p, p.slots.add(e, s)
}

// remove frees the slot of s.
func (p *readiness) remove(s *source) { p.slots.remove(s.slot) }

// Close closes every socket without a word to its handler. The slots stay, empty:
// it may be a handler that calls this, in the middle of a batch.
func (p *readiness) Close() error {
	for i := range p.slots.n {
		if at := p.slots.at(i); at.s != nil {
			at.endpoint().abandon()
		}
	}
	p.failed, p.closing = backlog[failer]{}, backlog[endpoint]{}
	return p.queue.close()
}

// peerOf is the address that a system call has left in p.sa, at the size that a
// socket keeps; nothing for a unix-domain one, whose peers seldom have a name.
func (p *readiness) peerOf(family int) sockaddrIn6 {
	if family == unix.AF_UNIX {
		return sockaddrIn6{}
	}
	return *(*sockaddrIn6)(unsafe.Pointer(&p.sa.raw))
}
