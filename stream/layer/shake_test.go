package layer_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"testing"

	"example.com/pike/poller"
	"example.com/pike/stream/layer"
)

// below is a stream of which a test says what happens, and that notes what is called. It has
// descriptors to give.
type below struct {
	poller.Stream // nil: what is not written here is not called
	h             poller.StreamHandler
	calls         []string
	full          bool // Send has to wait
}

func (b *below) note(call string)                  { b.calls = append(b.calls, call) }
func (b *below) Start()                            { b.note("Start") }
func (b *below) Stop()                             { b.note("Stop") }
func (b *below) Close()                            { b.note("Close") }
func (b *below) Shutdown()                         { b.note("Shutdown") }
func (b *below) WatchEnd()                         { b.note("WatchEnd") }
func (b *below) Release() (uintptr, error)         { return 7, nil }
func (b *below) Duplicate() (uintptr, error)       { return 8, nil }
func (b *below) SetHandler(h poller.StreamHandler) { b.h = h }

func (b *below) Send(bufs [][]byte) (done bool) {
	text := ""
	for _, p := range bufs {
		text += string(p)
	}
	b.note("Send " + text)
	return !b.full
}

// An env does later what is put off.
type env struct {
	poller.Env
	later  []poller.Flusher
	closed bool
}

func (e *env) Defer(f poller.Flusher) { e.later = append(e.later, f) }
func (e *env) Closed() bool           { return e.closed }

// A shaken is a layer that is ready when its test says so, on a stream that its owner has seen nothing of.
type shaken struct {
	layer.Transparent
	*testing.T
	env   env
	under below
	told  []string          // to the owner
	act   map[string]func() // what that does then
}

// An owner is who owns it.
type owner struct{ *shaken }

func (o owner) tell(what string) {
	o.told = append(o.told, what)
	if act := o.act[what]; act != nil {
		act()
	}
}

func (o owner) Connected(err error) { o.tell(fmt.Sprint("Connected ", err)) }
func (o owner) Sent(err error)      { o.tell(fmt.Sprint("Sent ", err)) }
func (o owner) Closed()             { o.tell("Closed") }

func (o owner) Received(p []byte, err error) {
	if err != nil {
		o.tell(fmt.Sprint("Received ", err))
	} else {
		o.tell("Received " + string(p))
	}
}

func newShaken(t *testing.T) *shaken {
	s := &shaken{T: t, act: map[string]func(){}}
	s.under.h = s.Upcalls()
	s.Init(&s.under, owner{s}, s.under.h, poller.Place{Env: &s.env, Dialing: true})
	s.Hold(&s.env)
	return s
}

// flush does what was put off, and outlives what the owner panics with.
func (s *shaken) flush() {
	for len(s.env.later) > 0 {
		f := s.env.later[0]
		s.env.later = s.env.later[1:]
		s.outlive(f.Flush)
	}
}

func (s *shaken) outlive(fn func()) {
	s.Helper()
	defer func() {
		if v := recover(); v != nil && v != "the owner's" {
			panic(v)
		}
	}()
	fn()
}

func panics() { panic("the owner's") }

// is holds what the owner was told, in order, all that was put off included.
func (s *shaken) is(want ...string) {
	s.Helper()
	s.flush()
	if !slices.Equal(s.told, want) {
		s.Errorf("told %q, want %q", s.told, want)
	}
}

// An owner that panics in Connected has its Send answered all the same, and what was kept.
func TestOwnerPanicsInConnected(t *testing.T) {
	for _, err := range []error{nil, io.ErrUnexpectedEOF} {
		s := newShaken(t)
		s.act[fmt.Sprint("Connected ", err)] = panics
		s.Send([][]byte{[]byte("early")})
		s.Start()
		s.Unread([]byte("kept"))
		s.outlive(func() { s.Ready(err) })
		if err != nil {
			s.is("Connected unexpected EOF", "Sent unexpected EOF")
		} else {
			s.is("Connected <nil>", "Sent <nil>", "Received kept")
		}
	}
}

// An owner that panics with what was kept is told what comes behind it.
func TestOwnerPanicsInReceived(t *testing.T) {
	s := newShaken(t)
	s.act["Received kept"] = panics
	s.Start()
	s.Unread([]byte("kept"))
	s.Ready(nil)
	s.is("Connected <nil>", "Received kept")
	if last := s.under.calls[len(s.under.calls)-1]; last != "Start" {
		t.Errorf("the stream below was told %q", s.under.calls)
	}

	s = newShaken(t)
	s.act["Received kept"] = panics
	s.Unread([]byte("kept"))
	s.Ready(nil)
	s.under.h.Received(nil, syscall.ECONNRESET)
	s.Start()
	s.is("Connected <nil>", "Received kept", "Received connection reset by peer")
}

// A loss behind what was kept comes after that, and does not wait for Start. An end does, but
// where it is watched for.
func TestEndBehindWhatWasKept(t *testing.T) {
	for _, c := range []struct {
		end  error
		act  func(s *shaken)
		want []string
	}{
		{syscall.ECONNRESET, func(s *shaken) { s.Stop() }, []string{"Received connection reset by peer"}},
		{io.EOF, func(s *shaken) { s.Stop() }, nil},
		{io.EOF, func(s *shaken) { s.WatchEnd() }, []string{"Received EOF"}},
		{io.EOF, func(s *shaken) { s.Stop(); s.Start() }, []string{"Received EOF"}},
		{io.EOF, func(s *shaken) { s.Close() }, nil},
	} {
		s := newShaken(t)
		s.act["Received kept"] = func() { c.act(s) }
		s.Unread([]byte("kept"))
		s.Ready(nil)
		s.under.h.Received(nil, c.end)
		s.is("Connected <nil>") // it is stopped
		s.Start()
		s.is(append([]string{"Connected <nil>", "Received kept"}, c.want...)...)
	}
}

// A layer that has failed has nothing to hand over, however often it says that it is ready.
func TestFailedOnce(t *testing.T) {
	s := newShaken(t)
	s.Unread([]byte("kept"))
	s.Ready(io.ErrUnexpectedEOF)
	s.Ready(nil)
	s.Start()
	s.under.h.Received(nil, syscall.ECONNRESET)
	calls := len(s.under.calls)
	s.StartBelow() // as a job does that has come too late
	s.Unread([]byte("kept"))
	if done := s.SendOwn([]byte("own")); !done || len(s.under.calls) > calls {
		t.Errorf("the stream below was told %q", s.under.calls[calls:])
	}
	s.is("Connected unexpected EOF")
}

// Nothing is handed over while something waits in the layer.
func TestNothingIsHandedOverWhatWaits(t *testing.T) {
	refused := func(s *shaken, when string) {
		t.Helper()
		_, err := s.Release()
		_, again := s.Duplicate()
		if !errors.Is(err, syscall.EBUSY) || !errors.Is(again, syscall.EBUSY) {
			t.Errorf("%s: Release %v, Duplicate %v", when, err, again)
		}
	}
	s := newShaken(t)
	refused(s, "before it is ready")
	s.under.full = true
	s.SendOwn([]byte("own"))
	s.Unread([]byte("kept"))
	s.Ready(nil)
	refused(s, "with its own bytes under way")
	s.under.h.Sent(nil)
	refused(s, "with something kept")
	s.Start()
	s.is("Connected <nil>", "Received kept")
	if fd, err := s.Duplicate(); fd != 8 || err != nil {
		t.Errorf("Duplicate is %d, %v", fd, err)
	}
	if fd, err := s.Release(); fd != 7 || err != nil {
		t.Errorf("Release is %d, %v", fd, err)
	}
}

// What is sent before the layer is ready goes behind its own, and is answered once.
func TestSendsWait(t *testing.T) {
	for _, full := range []bool{false, true} {
		s := newShaken(t)
		s.under.full = full
		if done := s.SendOwn([]byte("own")); done == full {
			t.Errorf("SendOwn is %v", done)
		}
		s.SendOwn([]byte(" more"))
		s.Send([][]byte{[]byte("early")})
		if n := s.Unsent(); n != 5 {
			t.Errorf("Unsent is %d", n)
		}
		s.Shutdown()
		s.Ready(nil)
		if full {
			s.under.h.Sent(nil) // of own
			s.under.h.Sent(nil) // of more
			s.is("Connected <nil>")
			s.under.h.Sent(nil)
		}
		s.is("Connected <nil>", "Sent <nil>")
		if want := []string{"Send own", "Send  more", "Send early", "Shutdown"}; !slices.Equal(s.under.calls, want) {
			t.Errorf("the stream below was told %q, want %q", s.under.calls, want)
		}
	}
}

// An owner that closes while its Send waits is told that, and then that it is closed, unless the poller
// is closed by then.
func TestClosedWhileASendWaits(t *testing.T) {
	for _, c := range []struct {
		when, answer string
		ready        func(s *shaken)
	}{
		{"before", "Sent " + net.ErrClosed.Error(), func(*shaken) {}},
		{"behind", "Sent <nil>", func(s *shaken) { s.Ready(nil) }},
	} {
		for _, act := range []func(s *shaken){nil, func(*shaken) { panics() }, func(s *shaken) { s.env.closed = true }} {
			s := newShaken(t)
			if act != nil {
				s.act[c.answer] = func() { act(s) }
			}
			s.Send([][]byte{[]byte("early")})
			c.ready(s)
			s.told = nil
			s.Close()
			s.outlive(s.under.h.Closed)
			if s.env.closed {
				s.is(c.answer)
			} else {
				s.is(c.answer, "Closed")
			}
		}
	}
}
