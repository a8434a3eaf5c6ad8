//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/fifo"
	"example.com/pike/poller/internal/lent"
	"example.com/pike/poller/internal/sys"
)

// Limits of one Poll, so that no socket starves the others.
const (
	recvBufferSize     = 64 << 10
	recvsPerPoll       = 16      // of one stream, up to recvBufferSize each
	bytesPerSend       = 1 << 20 // of one stream, before others have their turn
	acceptsPerPoll     = 64      // of one listener
	errorsPerPoll      = 16      // of one datagram socket's error queue
	batchesPerPoll     = 8       // of one datagram socket, recvBatch messages each
	packetBytesPerPoll = recvsPerPoll * recvBufferSize
	recvBatch          = lent.Most
	sendBatch          = 64
)

// ahead is how many events are looked at together before they are handled.
const ahead = 16

// readiness is the core that epoll and kqueue share: sockets that are told
// when they are ready and then do the work themselves. What differs between
// systems is in queue and in package sys.
type readiness struct {
	queue
	slots   slots
	failed  fifo.Queue[failer]   // those with something to tell that was known in a call, which must not call back
	closing fifo.Queue[endpoint] // to end when the batch is over
	buf     []byte               // what streams receive into
	iov     [sys.IovecsPerSend]unix.Iovec
	msg     unix.Msghdr
	sa      sys.Sockaddr
	spare   *sending // list of unused ones
	spares  int      // how many those are
	packets *packetBuffers
	passing *passing           // nil until a file is passed
	watches map[int32][]*watch // who watches a descriptor of others
	adrift  bool               // one of them was lost, and the system may watch for it still
	stray   bool               // an event was for nobody
	strays  int                // Polls in a row with such events; see dredge
	zones   sys.Zones
	seen    uint64
	at, n   int     // the event that is being handled, and how many there are
	fetched byte    // keeps the compiler from dropping loads
	left    *stream // that was detached in Accepted
}

// An endpoint is a socket or a watch as the readiness core sees it.
type endpoint interface {
	ready(ev poller.Events)
	end()     // gives the descriptor back and makes the last upcalls
	abandon() // gives the descriptor back, nothing else

	// refused says that the system would not watch for some of what it was asked
	// to; fail is to tell that. Only queues that take changes late call it.
	refused(lost poller.Events, e sys.Errno)
}

// wakeSlot is the slot number of wake-ups; it is never given to a socket.
const wakeSlot = 0

// A failer has an error to tell that arose in a call.
type failer interface{ fail() }

// New opens the readiness backend of this system.
func New() (poller.Poller, error) {
	p := new(readiness)
	if err := p.queue.open(); err != nil {
		return nil, err
	}
	p.open()
	return p, nil
}

func (p *readiness) open() {
	p.slots.init()
	p.buf = make([]byte, recvBufferSize)
}

// Events counts what the system has reported.
func (p *readiness) Events() uint64 { return p.seen }

// Pending reports whether something is to be told that the system knows
// nothing of. What it is to watch, it knows from here on.
func (p *readiness) Pending() bool {
	return p.queue.submit() || p.at < p.n || p.failed.Len()+p.closing.Len() > 0
}

func (p *readiness) Poll(deadline poller.Time) error {
	if p.at < p.n { // a handler's panic has cut the batch short
		p.handle()
		p.finish()
		return nil
	}
	if p.moving() { // this comes first, because a socket that is refused for good has that to tell
		deadline = p.move(p, deadline)
	}
	if p.failed.Len()+p.closing.Len() > 0 {
		deadline = 0
	}
	n, err := p.wait(deadline)
	p.Rise()
	if err != nil {
		return err
	}
	p.seen += uint64(n)
	if n > 0 {
		p.Heard()
	}
	p.at, p.n = 0, n
	p.handle()
	p.finish()
	return nil
}

// handle tells sockets what is left of the batch.
func (p *readiness) handle() {
	for p.at < p.n {
		i := p.at
		if i%ahead == 0 {
			p.prefetch(i, min(i+ahead, p.n))
		}
		at, gen, ev := p.event(i)
		s, e := p.slots.at(at), p.refusal(i)
		switch {
		case at == wakeSlot:
		case s.s == nil, s.gen != gen:
			// The slot was freed in this batch, or since the system reported this it was
			// freed and given out again. Or it was of a watch that could not be taken back,
			// and the system would report it for ever.
			p.stray = true
		case e == 0 && s.kind() == isStream: // a call that the compiler knows costs less
			(*stream)(unsafe.Pointer(s.s)).ready(ev)
		default:
			p.at = i + 1
			if e != 0 {
				s.endpoint().refused(ev, e)
			} else {
				s.endpoint().ready(ev)
			}
		}
		// Only now for streams: where a handler has panicked there may be more to
		// receive, of which an edge does not tell again.
		p.at = i + 1
	}
}

// prefetch loads what the sockets of the events from i to end begin with. With a thousand
// connections none of that is in the core's cache any more, because of the system calls
// between one event and the next. To wait for the memory of several sockets at once saves a
// fifth of what an echo costs outside the kernel.
func (p *readiness) prefetch(i, end int) {
	if end-i < 2 {
		return
	}
	sum := p.fetched
	for ; i < end; i++ {
		at, _, _ := p.event(i)
		if s := p.slots.at(at); s.s != nil && s.kind() == isStream {
			if h, ok := (*stream)(unsafe.Pointer(s.s)).h.(poller.Prefetcher); ok {
				sum += h.Prefetch()
			}
		}
	}
	p.fetched = sum
}

// finish tells what could not be told where it happened, and ends what was
// closed. It is here that descriptors are closed: so a number names one socket as long as a
// batch lasts. What handlers add meanwhile waits for the next Poll.
func (p *readiness) finish() {
	for n := p.failed.Len(); n > 0 && p.failed.Len() > 0; n-- {
		p.failed.Pop().fail()
	}
	for n := p.closing.Len(); n > 0 && p.closing.Len() > 0; n-- { // a handler may close the poller
		p.closing.Pop().end()
	}
	if p.adrift {
		p.dredge()
	}
}

// straysMost is how many Polls in a row may have events for nobody. Some are harmless: an
// edge comes once, and a child has copies of our sockets only between fork and exec.
const straysMost = 16

// dredge gets rid of what the system reports for ever, after a watch has lost its file.
func (p *readiness) dredge() {
	if !p.stray {
		p.strays = 0
		return
	}
	p.stray = false
	if p.strays++; p.strays == straysMost {
		p.strays = 0
		p.adrift = !p.queue.renew(p)
	}
}

// add gives e a slot.
func (p *readiness) add(e endpoint, s *source) {
	if len(p.watches) > 0 {
		p.taken(s.fd)
	}
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
	p.failed, p.closing = fifo.Queue[failer]{}, fifo.Queue[endpoint]{}
	p.at, p.n = 0, 0
	p.dropFiles()
	return p.queue.close()
}

// peerOf is the address that a system call has left in p.sa, at the size that a
// socket keeps; nothing for a unix-domain one, whose peers seldom have a name.
func (p *readiness) peerOf(family int) sys.SockaddrIn6 {
	if family == unix.AF_UNIX {
		return sys.SockaddrIn6{}
	}
	return *(*sys.SockaddrIn6)(unsafe.Pointer(&p.sa.Raw))
}
