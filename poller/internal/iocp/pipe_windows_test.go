package iocp

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// An idle connection over a pipe is as small as one over a socket, nearly.
func TestPipeIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(pipe{}); n > 176 {
		t.Errorf("a pipe takes %d bytes, want at most 176", n)
	}
}

// An end is a handler, and an acceptor, that notes what it is told.
type end struct {
	s         poller.Stream
	connected bool
	got       []byte
	err       error
	closed    bool
	accepted  *end
}

func (e *end) Accepted(s poller.Stream) poller.StreamHandler {
	e.accepted = &end{s: s}
	return e.accepted
}
func (e *end) Failed(err error)    { e.err = err }
func (e *end) Connected(err error) { e.connected, e.err = true, err }
func (e *end) Received(p []byte, err error) {
	e.got = append(e.got, p...)
	e.err = err
}
func (e *end) Sent(err error) { e.err = err }
func (e *end) Closed()        { e.closed = true }

// pipeListen listens at a name of its own.
func pipeListen(t *testing.T, o *poller.Options) (p *iocp, v *end, l *pipeListener) {
	t.Helper()
	opened, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	v = new(end)
	ln, err := opened.Listen(poller.Addr{Path: fmt.Sprintf(`\\.\pipe\pike-iocp-%d-%s`, os.Getpid(), t.Name())}, o, v)
	if err != nil {
		t.Fatal(err)
	}
	return opened.(*iocp), v, ln.(*pipeListener)
}

func pipeDial(t *testing.T, p *iocp, l *pipeListener) *end {
	t.Helper()
	c := new(end)
	var err error
	if c.s, err = p.Dial(l.Addr(), nil, c); err != nil {
		t.Fatal(err)
	}
	return c
}

// pipePair is both ends of a connection over a pipe.
func pipePair(t *testing.T) (p *iocp, client, server *end) {
	t.Helper()
	p, v, l := pipeListen(t, nil)
	l.Start()
	client = pipeDial(t, p, l)
	pollUntil(t, p, "they are connected", func() bool { return client.connected && v.accepted != nil && v.accepted.connected })
	return p, client, v.accepted
}

func pollUntil(t *testing.T, p *iocp, what string, done func() bool) {
	t.Helper()
	for late := p.Now().Add(20 * time.Second); !done(); {
		if p.Now() > late {
			t.Fatalf("waited in vain until %s", what)
		}
		if err := p.Poll(p.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPipeReadThatWaits has reads of bytes that are not over at once: they complete, wait for Start, and are
// cancelled by Close.
func TestPipeReadThatWaits(t *testing.T) {
	p, client, server := pipePair(t)
	s := server.s.(*pipe)
	send := func(text string) {
		t.Helper()
		if !client.s.Send([][]byte{[]byte(text)}) {
			t.Fatal("a few bytes are not sent at once")
		}
	}
	// spurious has the read of no bytes complete, and nothing be there, as when somebody writes no bytes on Windows.
	spurious := func() {
		t.Helper()
		send("x")
		for late := p.Now().Add(20 * time.Second); !s.recv.over(); {
			if p.Now() > late {
				t.Fatal("the read of no bytes is not over")
			}
		}
		var stolen [1]byte
		var n uint32
		if e := sys.ReadFile(s.h, stolen[:], &n, new(op).system()); e != 0 || n != 1 {
			t.Fatalf("%d bytes, %v", n, e)
		}
		pollUntil(t, p, "a read is in flight", func() bool { return s.in != nil && s.in.out })
	}
	s.Start()
	spurious()
	send("one")
	pollUntil(t, p, "it is received", func() bool { return bytes.Equal(server.got, []byte("one")) })

	spurious()
	s.Stop()
	send("two")
	pollUntil(t, p, "the read is over", func() bool { return !s.in.out })
	if n, ev := s.Untold(); n != 0 || ev != 0 {
		t.Errorf("of a stream that is stopped: %d bytes, events %#x", n, ev)
	}
	if err := p.Poll(p.Now()); err != nil || !bytes.Equal(server.got, []byte("one")) {
		t.Errorf("stopped, it received %q, %v", server.got, err)
	}
	s.Start()
	if n, ev := s.Untold(); n != 3 || ev != poller.Readable {
		t.Errorf("of what waits: %d bytes, events %#x", n, ev)
	}
	pollUntil(t, p, "it is received too", func() bool { return bytes.Equal(server.got, []byte("onetwo")) })

	spurious()
	s.Close()
	pollUntil(t, p, "it is closed", func() bool { return server.closed })
	if p.inflight != 8+1 { // the listener's instances, and what waits at the client's end
		t.Errorf("%d operations are in flight", p.inflight)
	}
}

// TestBusyPipeIsGivenUp has a dial that has waited for longest be told that the pipe is busy.
func TestBusyPipeIsGivenUp(t *testing.T) {
	p, _, l := pipeListen(t, &poller.Options{Backlog: 1})
	first, late := pipeDial(t, p, l), pipeDial(t, p, l)
	pollUntil(t, p, "the first is connected", func() bool { return first.connected })
	if first.err != nil || late.connected || len(p.busy.list) != 1 {
		t.Fatalf("%v; the other is told %v", first.err, late.connected)
	}
	p.busy.list[0].since -= poller.Time(busyMost)
	pollUntil(t, p, "the other is told", func() bool { return late.connected })
	if !errors.Is(late.err, syscall.EAGAIN) || len(p.busy.list) != 0 || p.busy.next != 0 {
		t.Errorf("%v, and %d dials are waiting", late.err, len(p.busy.list))
	}
}

// TestPipeListenerFails has the system refuse a new instance: the listener says so and stops, what was
// accepted has come to no harm, and Start tries again.
func TestPipeListenerFails(t *testing.T) {
	p, v, l := pipeListen(t, &poller.Options{Backlog: 1})
	l.Start()
	name := l.name
	l.name, _ = sys.PipeNameOf(`\\.\pipe\`)
	first := pipeDial(t, p, l)
	pollUntil(t, p, "the listener fails", func() bool { return v.err != nil })
	if !first.connected || v.accepted == nil || l.started {
		t.Errorf("connected %v, accepted %v, and it goes on %v", first.connected, v.accepted != nil, l.started)
	}
	l.name, v.err = name, nil
	second := pipeDial(t, p, l)
	v.accepted = nil
	l.Start()
	pollUntil(t, p, "the next is accepted", func() bool { return second.connected && v.accepted != nil })
	if v.err != nil || second.err != nil {
		t.Errorf("%v and %v", v.err, second.err)
	}
}
