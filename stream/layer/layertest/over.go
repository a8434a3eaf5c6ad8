package layertest

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"example.com/pike/poller"
)

// Over is p with a layer on each of its streams: accepted on those that come in, dialed on those that
// are dialed. One that is adopted has none. The two differ where a layer has two roles, as TLS has. p is
// the new Poller's from then on. It may be one that Over has made.
//
// The new Poller has the optional interfaces of p that package pollertest asks for, but those
// which p shares with others: Executor, Resolver, Gate and Signaler.
func Over(p poller.Poller, accepted, dialed poller.Layer) poller.Poller {
	o := &over{Poller: p, accepted: accepted, dialed: dialed, locals: map[any]any{}}
	gauge, ok := p.(gauge)
	if !ok {
		return o
	}
	measured := struct {
		*over
		poller.Sleeper
		poller.Meter
		poller.Waiter
	}{o, gauge, gauge, gauge}
	adopts, ok := p.(adopts)
	if !ok {
		return measured
	}
	return struct {
		*over
		poller.Sleeper
		poller.Meter
		poller.Waiter
		poller.Descriptor
		adopter
	}{o, gauge, gauge, gauge, adopts, adopter{o, adopts}}
}

type gauge interface {
	poller.Sleeper
	poller.Meter
	poller.Waiter
}

type adopts interface {
	poller.Adopter
	poller.Descriptor
}

// over is a Poller with layers, and what surrounds those.
type over struct {
	poller.Poller
	accepted, dialed poller.Layer
	deferred         []poller.Flusher
	locals           map[any]any
	polling          bool
	closed           bool

	mu   sync.Mutex
	done []func() // of jobs that have ended
}

// Poll does what was put off, before and after the Poll below.
func (o *over) Poll(deadline poller.Time) error {
	o.polling = true
	defer func() { o.polling = false }()
	if o.Pending() && !o.closed {
		o.flush()
		deadline = 0
	}
	if err := o.Poller.Poll(deadline); err != nil {
		return err
	}
	o.flush()
	return nil
}

// flush does one round. Each is taken away before it is called, so that a panic loses no other.
func (o *over) flush() {
	for n := len(o.deferred); n > 0 && len(o.deferred) > 0; n-- {
		f := o.deferred[0]
		o.deferred = o.deferred[1:]
		f.Flush()
	}
	for f := o.ended(); f != nil && !o.closed; f = o.ended() {
		f()
	}
}

// ended takes what is to be called of one job that has ended, or nil.
func (o *over) ended() (f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.done) > 0 {
		f, o.done = o.done[0], o.done[1:]
	}
	return f
}

// Pending implements poller.Pender.
func (o *over) Pending() bool {
	o.mu.Lock()
	ended := len(o.done) > 0
	o.mu.Unlock()
	p, ok := o.Poller.(poller.Pender)
	return len(o.deferred) > 0 || ended || ok && p.Pending()
}

func (o *over) Close() error {
	o.closed = true
	o.deferred = nil
	return o.Poller.Close()
}

// Defer implements poller.Env, as the methods below do.
func (o *over) Defer(f poller.Flusher) {
	if !o.closed {
		o.deferred = append(o.deferred, f)
	}
}

func (o *over) Closed() bool { return o.closed }

func (o *over) Local(key any, make func() any) any {
	v, ok := o.locals[key]
	if !ok {
		v = make()
		o.locals[key] = v
	}
	return v
}

func (o *over) Work(job func(), done func(err error)) error {
	run := func() {
		err := errors.New("the job has not returned")
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("the job panicked: %v\n%s", v, debug.Stack())
			}
			o.mu.Lock()
			o.done = append(o.done, func() { done(err) })
			o.mu.Unlock()
			o.Poller.Wake()
		}()
		job()
		err = nil
	}
	if e, ok := o.bottom().(poller.Executor); ok {
		return e.Submit(run)
	}
	go run()
	return nil
}

// bottom is the Poller below all layers.
func (o *over) bottom() poller.Poller {
	p := o.Poller
	for {
		u, ok := p.(interface{ below() poller.Poller })
		if !ok {
			return p
		}
		p = u.below()
	}
}

func (o *over) below() poller.Poller { return o.Poller }

// nobody owns a stream below until the layer has one for it.
type nobody struct{}

func (nobody) Connected(error)        {}
func (nobody) Received([]byte, error) {}
func (nobody) Sent(error)             {}
func (nobody) Closed()                {}

func (o *over) Dial(addr poller.Addr, opts *poller.Options, h poller.StreamHandler) (poller.Stream, error) {
	s, err := o.Poller.Dial(addr, opts, nobody{})
	if err != nil {
		return nil, err
	}
	top, in := o.dialed.Wrap(s, h, poller.Place{Env: o, Dialing: true, Client: true, Host: host(addr)})
	s.SetHandler(in)
	return top, nil
}

func (o *over) Listen(addr poller.Addr, opts *poller.Options, a poller.Acceptor) (poller.Socket, error) {
	return o.Poller.Listen(addr, opts, &acceptor{a, o})
}

// An acceptor puts a layer on what is accepted. The stream tells Connected when that is ready.
type acceptor struct {
	poller.Acceptor
	o *over
}

func (a *acceptor) Accepted(s poller.Stream) poller.StreamHandler {
	top, in := a.o.accepted.Wrap(s, nobody{}, poller.Place{Env: a.o, Dialing: true})
	h := a.Acceptor.Accepted(top)
	if h == nil {
		top.Close()
		return in
	}
	top.SetHandler(h)
	return in
}

// An adopter puts the layer on what an adopted listener accepts. A stream that was released goes on
// without its layer, and so it is adopted without one.
type adopter struct {
	o *over
	p poller.Adopter
}

func (a adopter) AdoptListener(fd uintptr, h poller.Acceptor) (poller.Socket, error) {
	return a.p.AdoptListener(fd, &acceptor{h, a.o})
}

func (a adopter) AdoptStream(fd uintptr, h poller.StreamHandler) (poller.Stream, error) {
	return a.p.AdoptStream(fd, h)
}

func (a adopter) AdoptPacket(fd uintptr, h poller.PacketHandler) (poller.Packet, error) {
	return a.p.AdoptPacket(fd, h)
}

func wrap(l poller.Layer, s poller.Stream, h poller.StreamHandler, at poller.Place) poller.Stream {
	top, in := l.Wrap(s, h, at)
	s.SetHandler(in)
	return top
}

// host is what is said to have been dialed. A path names no host, so it is this one.
func host(addr poller.Addr) string {
	if addr.Path != "" {
		return "localhost"
	}
	return addr.Addr().WithZone("").String()
}
