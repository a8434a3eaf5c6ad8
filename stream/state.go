package stream

// The state of a connection is made of small parts. Each part takes one value at a time,
// or is a set of bits of which every combination can happen.

// A life is how far a connection has come. It only grows, but that StartLayer has an open
// connection shake hands again.
type life uint8

const (
	connecting life = iota // it is being dialed
	shaking                // it has a layer that is not ready yet; see layering
	open                   // it reads and writes
	draining               // Close was called, and output is still queued
	lingering              // all output is sent, and the peer is not done; see linger
	finished               // the poller has been told to close
)

// A writes is how far this side has come to its end. It only grows.
type writes uint8

const (
	writing    writes = iota // Write is allowed
	finDue                   // CloseWrite was called; the peer is told when all output is sent
	finSent                  // the peer has been told
	sendFailed               // the system could not send, and the output is gone
)

// readStops are why nothing is read. Any one of them is enough.
type readStops uint8

const (
	stopByUser    readStops = 1 << iota // PauseRead
	stopByQueue                         // more is queued than the connection's QueueLimit
	stopByLoop                          // more is queued than the loop's QueueLimit
	stopByPassing                       // it was passed, and the callback that has it has not returned
)

// debts are what the connection has still to do.
type debts uint8

const (
	oweWrite    debts = 1 << iota // to call OnWrite
	oweLow                        // to call OnLow, because OnHigh was called
	oweExceeded                   // to call OnExceeded of the loop's QueueLimit
	oweRelease                    // to release the loop, which is held until all output is sent
	oweFlush                      // to flush, when it is not busy any more
)

// An excess is how the queue stands to the connection's QueueLimit.
type excess uint8

const (
	within   excess = iota // no more is queued than the limit allows
	exceeds                // more is queued, and OnExceeded is still to be called
	exceeded               // more is queued, and nobody is to be told
)

// marks are facts about a connection.
type marks uint8

const (
	readEnded   marks = 1 << iota // the peer has ended, or receiving has failed
	spoken                        // something was written
	endedByPeer                   // the reason of OnClose is io.EOF
	joined                        // Join has the callbacks
	noReader                      // it has no OnRead, and is in shared.unheard
	busy                          // a callback runs, or a flush
	deferred                      // the loop will call Flush
	lending                       // OnRead runs
)

func (c *Conn) is(m marks) bool   { return c.marks&m != 0 }
func (c *Conn) owes(d debts) bool { return c.debts&d != 0 }

// stopped reports whether something but the lack of an OnRead is against reading.
func (c *Conn) stopped() bool { return c.stops != 0 }
