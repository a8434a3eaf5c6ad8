package iocp

import (
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/fifo"
	"example.com/pike/poller/internal/lent"
	"example.com/pike/poller/internal/sys"
)

// Limits of one Poll, so that no socket starves the others.
const (
	recvBufferSize  = 64 << 10
	recvsPerPoll    = 16        // of one stream, up to recvBufferSize each
	bytesPerSend    = 1 << 20   // of one stream, before others have their turn
	bytesPerWrite   = 256 << 10 // of one call: Winsock takes the whole of it if it has any room
	bytesPerWait    = 64 << 10  // of one operation, which completes as a whole
	buffersPerWrite = 64        // of one call; the system takes 1024 at most
	acceptsInFlight = 16        // of one listener
	failuresToStop  = 64        // accepts in a row that failed: no fault of connections
	discardsOnClose = 128       // times recvBufferSize, so that a close is no reset
	batchesPerPoll  = 8         // of one datagram socket, recvBatch messages each
	recvBatch       = lent.Most
	sendsPerPoll    = 1024 // of one datagram socket
)

// iocp is the backend of Windows: operations that are begun and complete. To receive, it
// begins a receive of no bytes, which completes when there is something. Then it takes that
// into the one buffer of the poller. So an idle connection owns no buffer.
//
// The system holds the memory of what is in flight: the operation itself, which
// is a field of its socket, and the buffers of a Send, which the socket keeps.
// The live list reaches all of that, and roots reaches the pollers, so nothing is freed. Nor
// does it move, as Go's collector does not move what is in the heap. A socket that is closed
// stays in the list until the last of its operations has completed.
type iocp struct {
	port
	scratch  sys.Scratch
	live     []endpoint
	inflight int // operations that the system has
	ready    fifo.Queue[endpoint]
	current  endpoint             // that has been told that it may do something
	failed   fifo.Queue[endpoint] // those with something to tell that was known in a call, which must not call back
	closing  fifo.Queue[endpoint] // to end when the batch is over
	buf      []byte               // what streams receive into
	sa       sys.Sockaddr
	spare    *sending // list of unused ones
	halves   halves
	busy     busyPipes
	pipeRead *pipeRead // an unused one
	spareOps *packetOps
	packets  *packetBuffers
	zones    sys.Zones
	left     *stream // that was detached in Accepted
}

// roots are the pollers that are open, and those that were closed while the system still had
// operations of theirs.
var roots struct {
	sync.Mutex
	pollers map[*iocp]struct{}
}

// An endpoint is a socket as the poller sees it.
type endpoint interface {
	base() *source
	completed(o *op, n int, e sys.Errno) // of an operation, if the socket is not closed
	proceed()                            // does what is known to be possible
	fail()                               // tells what went wrong in a call
	end()                                // gives everything back and makes the last upcalls
	abandon()                            // gives everything back, nothing else
	cancel()                             // has what is in flight complete
	result(o *op) sys.Errno              // of an operation that has failed
}

// Name is what this system's queue is called.
const Name = "iocp"

// New opens the backend of Windows.
func New() (poller.Poller, error) {
	if err := sys.Load(); err != nil {
		return nil, err
	}
	p := &iocp{buf: make([]byte, recvBufferSize)}
	if err := p.port.open(); err != nil {
		return nil, err
	}
	roots.Lock()
	defer roots.Unlock()
	if roots.pollers == nil {
		roots.pollers = map[*iocp]struct{}{}
	}
	roots.pollers[p] = struct{}{}
	return p, nil
}

// Pending reports whether something is to be told that the port knows nothing of.
func (p *iocp) Pending() bool {
	return p.ready.Len()+p.failed.Len()+p.closing.Len() > 0 || p.next < p.n
}

func (p *iocp) Poll(deadline poller.Time) error {
	if s := p.current; s != nil { // a handler's panic has cut short what it did
		p.current = nil
		s.base().later(s)
	}
	if p.Pending() {
		deadline = 0
	}
	if p.halves.next != 0 {
		deadline = min(deadline, p.halves.next)
	}
	if p.busy.next != 0 {
		deadline = min(deadline, p.busy.next)
	}
	// What becomes ready in this Poll has its turn in the next.
	ready := p.ready.Len()
	err := p.wait(deadline)
	p.Rise()
	if err != nil {
		return err
	}
	if p.halves.next != 0 {
		p.lookAtHalves()
	}
	if p.busy.next != 0 {
		p.tryBusyPipes()
	}
	if p.n > 0 {
		p.Heard()
	}
	for p.next < p.n {
		e := &p.entries[p.next]
		p.next++
		if e.Key != wakeKey {
			p.seen++
			p.complete(e)
		}
	}
	for ; ready > 0 && p.ready.Len() > 0; ready-- {
		s := p.ready.Pop()
		s.base().queued = false
		if !s.base().closing {
			p.current = s
			s.proceed()
			p.current = nil
		}
	}
	p.finish()
	return nil
}

// complete tells a socket that an operation of its is over.
func (p *iocp) complete(e *sys.Entry) {
	o := *(**op)(unsafe.Pointer(&e.Op))
	if !o.out || o.Internal == uintptr(windows.STATUS_PENDING) {
		// The operation was over at once. The system was asked not to post then. It does so
		// all the same for some that end with a warning, a peek at a datagram for example,
		// and some providers always do.
		return
	}
	s := o.owner
	b := s.base()
	o.out = false
	b.inflight--
	p.inflight--
	switch {
	case !b.closing:
		var failure sys.Errno
		if o.Internal != 0 {
			failure = s.result(o)
		}
		p.current = s
		s.completed(o, int(e.N), failure)
		p.current = nil
	case b.inflight == 0:
		p.closing.Push(s)
	}
}

// finish tells what could not be told where it happened, and ends what was
// closed. What handlers add meanwhile waits for the next Poll.
func (p *iocp) finish() {
	for n := p.failed.Len(); n > 0 && p.failed.Len() > 0; n-- {
		s := p.failed.Pop()
		s.base().failing = false
		if !s.base().closing {
			s.fail()
		}
	}
	for n := p.closing.Len(); n > 0 && p.closing.Len() > 0; n-- {
		p.closing.Pop().end()
	}
}

// Close closes every socket without a word to its handler. It may be a handler
// that calls this, in the middle of a batch.
func (p *iocp) Close() error {
	if p.Silenced() {
		return p.port.close()
	}
	p.ready, p.failed, p.closing = fifo.Queue[endpoint]{}, fifo.Queue[endpoint]{}, fifo.Queue[endpoint]{}
	for _, s := range p.live {
		b := s.base()
		b.closing, b.started = true, false
		s.cancel()
	}
	p.reclaim()
	for len(p.live) > 0 {
		p.live[len(p.live)-1].abandon() // which takes it out
	}
	if p.inflight == 0 {
		roots.Lock()
		delete(roots.pollers, p)
		roots.Unlock()
	}
	return p.port.close()
}

// reclaim waits until the system has given back what was cancelled. If a driver does not, the
// poller stays in roots, which keeps the memory that the driver has.
func (p *iocp) reclaim() {
	for begin := p.Now(); ; {
		for ; p.next < p.n; p.next++ {
			e := &p.entries[p.next]
			if e.Key == wakeKey {
				continue
			}
			if o := *(**op)(unsafe.Pointer(&e.Op)); o.out && o.Internal != uintptr(windows.STATUS_PENDING) {
				o.out = false
				p.inflight--
			}
		}
		const patience = 5 * time.Second
		if p.inflight == 0 || p.Now().Sub(begin) > patience {
			return
		}
		p.next = 0
		if e := sys.Dequeue(p.h, p.entries[:], &p.n, 100); e != 0 {
			p.n = 0
		}
	}
}

// add puts s, whose socket is h, into the live list.
func (p *iocp) add(s endpoint, h windows.Handle, family int) {
	b := s.base()
	b.p, b.h, b.family = p, h, uint8(family)
	b.at = int32(len(p.live))
	p.live = append(p.live, s)
}

// attach makes h, a socket, one of this poller: non-blocking, and with its
// completions in the port.
func (p *iocp) attach(h windows.Handle) error {
	if e := sys.SetNonblock(h, &p.scratch); e != 0 {
		return sys.CallError("ioctlsocket", e)
	}
	return p.associate(h)
}

// associate has what completes on h come to the port. The system undoes that only when h is closed
// (CreateIoCompletionPort, Remarks).
func (p *iocp) associate(h windows.Handle) error {
	if _, err := windows.CreateIoCompletionPort(h, p.h, 0, 0); err != nil {
		return os.NewSyscallError("createiocompletionport", err)
	}
	if e := sys.SetCompletionModes(h); e != 0 {
		return sys.CallError("setfilecompletionnotificationmodes", e)
	}
	return nil
}
