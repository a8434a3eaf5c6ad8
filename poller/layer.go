package poller

import "net"

// A Layer makes streams over streams: what an owner sends and receives goes through it.
// Encryption is a layer, and so is a header that goes before the first byte. Layers stack,
// because what a layer makes is a stream like any other.
type Layer interface {
	// Wrap puts a stream over below. It returns that stream and the handler that below is
	// to have from now on. h is the owner of the stream. Wrap may be called inside Poll or
	// outside, and calls nobody back.
	//
	// below has no Send in flight and is stopped. It is connected, or at.Dialing says that
	// its Connected is still to come. The stream opens stopped, too. h.Connected comes once,
	// later, unless the stream is closed before: with nil when the stream can be used, or
	// with why it never will be, and then it is only to be closed.
	//
	// Closing the stream closes below, as soon as what the layer says last is with it:
	// Unsent is how much is left of that. Reset after Close gives it up.
	Wrap(below Stream, h StreamHandler, at Place) (Stream, StreamHandler)
}

// A Place is where a stream of a layer is put.
type Place struct {
	// Env is what surrounds it.
	Env Env

	// Dialing says that below's Connected is still to come: it is being dialed, or just
	// accepted, or a layer itself. If that tells of an error, this is the error of the stream
	// as well.
	Dialing bool

	// Client says that this end is the one that has dialed.
	Client bool

	// Host is what was dialed, as the user wrote it, without the port. It is empty for
	// what was accepted or adopted.
	Host string
}

// An Env is what a layer may need besides the stream below it. Its methods belong to the
// goroutine of the Poller.
type Env interface {
	// Defer has f.Flush called once, soon, and not inside any other call. So a layer makes
	// upcalls which nothing from below causes.
	Defer(f Flusher)

	// Work runs job on another goroutine, where it may block, and then done on the
	// goroutine of the Poller. err is why job has not run to its end: it panicked, say. If
	// the Poller is closed before, done is not called, and a layer that waits for it must
	// not. If Work returns an error, neither is called.
	Work(job func(), done func(err error)) error

	// Local returns what the layers of this Poller share under key. The first time, make
	// makes it.
	Local(key any, make func() any) any

	// Closed says that the Poller is closed, in an upcall that this layer has made: nobody
	// is to be called any more.
	Closed() bool
}

// A Flusher has something to do later.
type Flusher interface{ Flush() }

// A Layered is a stream that a Layer has made.
type Layered interface {
	Stream

	// Below is the stream below it, which belongs to the layer.
	Below() Stream
}

// A Blocker is a stream of a layer that changes the bytes, and can go on doing so in code that blocks.
type Blocker interface {
	Layered

	// Block takes the stream from the poller. From now on it is the [net.Conn] that is returned, which
	// begins with what has arrived already, and goes through below: that is the stream below it as
	// such code has it. Whoever calls Block takes the descriptor from the poller, too; Closed
	// follows. An error leaves everything as it was. With something to send it is EBUSY.
	Block(below net.Conn) (net.Conn, error)
}

// Bottom is the stream below all layers of s: what the Poller knows.
func Bottom(s Stream) Stream {
	for {
		l, ok := s.(Layered)
		if !ok {
			return s
		}
		s = l.Below()
	}
}

// As returns s as a T, an optional interface such as [Acker]. It is one only if every
// stream below it is one as well: a layer can pass on no more than it gets.
func As[T any](s Stream) (t T, ok bool) {
	t, ok = s.(T)
	for ok {
		l, layered := s.(Layered)
		if !layered {
			return t, true
		}
		s = l.Below()
		_, ok = s.(T)
	}
	var none T
	return none, false
}
