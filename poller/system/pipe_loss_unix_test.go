//go:build unix

package system_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"example.com/pike/poller"
)

// A heard writes down what a pipe tells.
type heard struct {
	all   []string
	panic bool // the next upcall does
}

func (h *heard) tell(s string) {
	h.all = append(h.all, s)
	if h.panic {
		h.panic = false
		panic(s)
	}
}

func (h *heard) Connected(err error) { h.tell(fmt.Sprint("Connected ", err)) }

func (h *heard) Received(p []byte, err error) {
	switch {
	case err == io.EOF:
		h.tell("EOF")
	case errors.Is(err, syscall.EPIPE):
		h.tell("loss")
	default:
		h.tell(fmt.Sprint(string(p), err))
	}
}

func (h *heard) Sent(err error) {
	if errors.Is(err, syscall.EPIPE) {
		h.tell("Sent loss")
		return
	}
	h.tell(fmt.Sprint("Sent ", err))
}

func (h *heard) Closed() { h.tell("Closed") }

// polled polls until h has heard want, and a little longer.
func (h *heard) polled(t *testing.T, p poller.Poller, want ...string) {
	t.Helper()
	start := p.Now()
	for len(h.all) < len(want) && p.Now().Sub(start) < 20*time.Second {
		pollRecovered(p, p.Now().Add(20*time.Second))
	}
	for range 3 {
		pollRecovered(p, 0)
	}
	if fmt.Sprint(h.all) != fmt.Sprint(want) {
		t.Fatalf("heard %q, want %q", h.all, want)
	}
}

func pollRecovered(p poller.Poller, deadline poller.Time) {
	defer func() { recover() }()
	p.Poll(deadline)
}

// A side is a pipe of which a stream has one end.
type side struct{ ours, theirs *os.File }

// openPipe makes a stream of pipes, and has it alone with them.
func openPipe(t *testing.T, p poller.Poller, reads, writes bool) (s poller.Stream, h *heard, in, out side) {
	t.Helper()
	h = new(heard)
	ours := [2]uintptr{poller.NoPipe, poller.NoPipe}
	var err error
	if reads {
		if in.ours, in.theirs, err = os.Pipe(); err != nil {
			t.Fatal(err)
		}
		ours[0] = fdOf(in.ours)
	}
	if writes {
		if out.theirs, out.ours, err = os.Pipe(); err != nil {
			t.Fatal(err)
		}
		ours[1] = fdOf(out.ours)
	}
	s, _, err = p.(poller.PipeOpener).OpenPipe("name", ours[0], ours[1], h)
	if err != nil {
		t.Fatal(err)
	}
	in.ours.Close() // a nil file answers an error
	out.ours.Close()
	t.Cleanup(func() { in.theirs.Close(); out.theirs.Close() })
	return s, h, in, out
}

// TestPipeLoss holds what poller.PipeOpener says of a pipe that nobody reads any more.
func TestPipeLoss(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		t.Run("nothing to read", func(t *testing.T) {
			s, h, _, out := openPipe(t, p, false, true)
			h.polled(t, p)
			out.theirs.Close()
			h.polled(t, p, "loss")
			s.Start() // means nothing
			s.Close()
			h.polled(t, p, "loss", "Closed")
		})
		t.Run("found out by sending", func(t *testing.T) {
			s, h, _, out := openPipe(t, p, false, true)
			out.theirs.Close()
			if s.Send([][]byte{[]byte("x")}) {
				t.Fatal("a Send was done")
			}
			h.polled(t, p, "Sent loss") // and not once more
			s.Close()
			h.polled(t, p, "Sent loss", "Closed")
		})
		t.Run("the end comes first", func(t *testing.T) {
			s, h, in, out := openPipe(t, p, true, true)
			s.Start()
			out.theirs.Close()
			h.polled(t, p)
			in.theirs.WriteString("data")
			h.polled(t, p, "data<nil>")
			in.theirs.Close()
			h.polled(t, p, "data<nil>", "EOF", "loss")
			s.Close()
			h.polled(t, p, "data<nil>", "EOF", "loss", "Closed")
		})
		t.Run("after the end", func(t *testing.T) {
			s, h, in, out := openPipe(t, p, true, true)
			s.Start()
			in.theirs.Close()
			h.polled(t, p, "EOF")
			out.theirs.Close()
			h.polled(t, p, "EOF", "loss")
			s.Close()
			h.polled(t, p, "EOF", "loss", "Closed")
		})
		t.Run("a handler panics at the end", func(t *testing.T) {
			s, h, in, out := openPipe(t, p, true, true)
			s.Start()
			h.panic = true
			out.theirs.Close()
			in.theirs.Close()
			h.polled(t, p, "EOF", "loss")
			s.Close()
			h.polled(t, p, "EOF", "loss", "Closed")
		})
		t.Run("our own end comes before it", func(t *testing.T) { // then there is nothing to lose
			s, h, in, out := openPipe(t, p, true, true)
			s.Start()
			s.Shutdown()
			h.polled(t, p)
			if _, err := out.theirs.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the peer reads %v", err)
			}
			out.theirs.Close()
			in.theirs.Close()
			h.polled(t, p, "EOF")
			s.Close()
			h.polled(t, p, "EOF", "Closed")
		})
	})
}

func TestPipeHalves(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		t.Run("a half that there is not", func(t *testing.T) {
			s, h, _, _ := openPipe(t, p, true, false)
			if s.TrySend([]byte("x")) != 0 || s.Send([][]byte{[]byte("x")}) {
				t.Error("something was sent")
			}
			h.polled(t, p, "Sent write: bad file descriptor")
			s.Close()
			h.polled(t, p, "Sent write: bad file descriptor", "Closed")
		})
		t.Run("closed poller", func(t *testing.T) {
			s, h, _, _ := openPipe(t, p, true, true)
			s.Send([][]byte{make([]byte, 1<<20)})
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			s.Start()
			s.Stop()
			s.Shutdown()
			s.Close()
			h.polled(t, p)
		})
	})
}
