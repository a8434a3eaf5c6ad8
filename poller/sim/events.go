package sim

import "example.com/pike/poller"

// An actor is what events happen to.
type actor interface {
	happen(k kind, arg int64)
}

// A kind is what an event is.
type kind uint8

const (
	evTurn     kind = iota // Host: it is scheduled
	evDeadline             // Host: the deadline of its Poll
	evSignal               // Host: a signal arrives
	evBegin                // Host: its program begins; from here on of the root only, see World.next
	evHalt                 // Host: it is to lose its sockets and its program
	evPowerOff             // Host: so is its whole machine
	evAct                  // foe: an act begins; as long as nothing else happens nobody waits for this
	evCall                 // call: World.At, or a job of an Executor

	evSyn      // conn: the request to connect arrives
	evSynRetry // conn: it is sent once more
	evAnswer   // stream: the answer to it arrives
	evSegment  // pipe: bytes arrive
	evRetry    // pipe: lost bytes are sent once more
	evWindow   // pipe: the sender learns that the receiver has room
	evAck      // pipe: the sender learns that bytes have arrived
	evAskAgain // pipe: it has not learned it
	evReset    // stream: a reset arrives
	evPatience // pipe: the user timeout of what the receiver has no room for
	evProbe    // stream: keep-alive
	evReady    // stream, packet: what was put off goes on

	evHeal // link: a cut ends; nobody waits for this

	evDatagram    // datagram: it arrives
	evUnreachable // refusal: ICMP says that nobody has a port
)

// ofRoot reports whether the event runs code that is not the simulator's, or
// moves programs: it may not happen on the coroutine of some program.
func (k kind) ofRoot() bool { return k >= evBegin && k <= evCall }

// An event is what the queue holds besides the key it is ordered by.
type event struct {
	who  actor
	arg  int64
	kind kind
}

// A key orders events by time and then by the order in which they were added.
// It has no pointers, so that moving keys about costs the collector nothing.
type key struct {
	at poller.Time
	id uint64 // sequence number << slotBits | slot
}

// slotBits leaves room for a trillion events, of which 16 million at once.
const slotBits = 24

func (k key) before(o key) bool { return k.at < o.at || k.at == o.at && k.id < o.id }

// queue is a binary heap of keys, with the events themselves in slots.
type queue struct {
	heap  []key
	slots []event
	free  []uint32
	seq   uint64
}

func (q *queue) push(at poller.Time, k kind, who actor, arg int64) {
	var slot uint32
	if n := len(q.free); n > 0 {
		slot = q.free[n-1]
		q.free = q.free[:n-1]
		q.slots[slot] = event{who, arg, k}
	} else {
		slot = uint32(len(q.slots))
		if slot >= 1<<slotBits {
			panic("sim: more than 16 million events are pending")
		}
		q.slots = append(q.slots, event{who, arg, k})
	}
	q.seq++
	q.heap = append(q.heap, key{at, q.seq<<slotBits | uint64(slot)})
	q.up(len(q.heap) - 1)
}

// pushStill is push for an event that changes nothing for anybody.
func (w *World) pushStill(at poller.Time, k kind, who actor, arg int64) {
	w.still++
	w.queue.push(at, k, who, arg)
}

// atRest reports whether nothing can happen any more.
func (w *World) atRest() bool { return len(w.queue.heap) == w.still && !w.inbox.full.Load() }

// first is when the next event happens, Never if there is none.
func (q *queue) first() poller.Time {
	if len(q.heap) == 0 {
		return poller.Never
	}
	return q.heap[0].at
}

// peek is the kind of the next event; there must be one.
func (q *queue) peek() kind { return q.slots[q.heap[0].id&(1<<slotBits-1)].kind }

// pop takes the next event out; there must be one.
func (q *queue) pop() (poller.Time, event) {
	k := q.heap[0]
	last := len(q.heap) - 1
	q.heap[0] = q.heap[last]
	q.heap = q.heap[:last]
	if last > 1 {
		q.down()
	}
	slot := uint32(k.id & (1<<slotBits - 1))
	e := q.slots[slot]
	q.slots[slot].who = nil
	q.free = append(q.free, slot)
	return k.at, e
}

func (q *queue) up(i int) {
	h := q.heap
	k := h[i]
	for i > 0 {
		parent := (i - 1) / 2
		if !k.before(h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = k
}

func (q *queue) down() {
	h := q.heap
	k, i := h[0], 0
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].before(h[child]) {
			child++
		}
		if !h[child].before(k) {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = k
}
