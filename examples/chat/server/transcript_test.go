package server

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// A page is a file that can be slow, or fail.
type page struct {
	mu    sync.Mutex
	text  bytes.Buffer
	calls int
	err   error
	short int           // bytes that are written nevertheless
	hold  chan struct{} // a Write waits for it, if set
}

func (p *page) Write(b []byte) (int, error) {
	if p.hold != nil {
		<-p.hold
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if p.err != nil {
		p.text.Write(b[:p.short])
		return p.short, p.err
	}
	return p.text.Write(b)
}

func (p *page) fail(err error, short int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err, p.short = err, short
}

func TestTranscript(t *testing.T) {
	page := &page{hold: make(chan struct{})}
	h := newHall(t, Options{Transcript: page})
	all := h.meet("ann", "bob")
	a, b := all[0], all[1]
	var want strings.Builder
	for i := range 1000 {
		a.send(fmt.Sprint("message ", i))
		fmt.Fprintf(&want, "[#lobby] ann: message %d\n", i)
		b.expect(fmt.Sprint("[#lobby] ann: message ", i)) // while the disk sleeps
	}
	a.send("/msg bob secret", "/nick eve", "/bogus", "last")
	want.WriteString("[ann -> bob] secret\n[#lobby] eve: last\n")
	b.next("[#lobby] eve: last")
	h.srv.Shutdown()
	b.next(goodbye)
	a.conn.Close()
	b.conn.Close()
	h.until("the close", func() bool { return h.srv.conns == 0 })
	if h.ended || h.srv.Unwritten() == 0 {
		t.Error("the server does not wait for the disk")
	}
	close(page.hold)
	h.end()
	if got := page.text.String(); got != want.String() {
		t.Errorf("the transcript is\n%.1000s", got)
	}
	if page.calls != 2 {
		t.Errorf("%d writes: one, and one for what came meanwhile", page.calls)
	}
}

func TestTranscriptFails(t *testing.T) {
	page := new(page)
	h := newHall(t, Options{Transcript: page})
	all := h.meet("ann", "bob")
	a, b := all[0], all[1]
	say := func(text string) {
		t.Helper()
		a.send(text)
		b.expect("[#lobby] ann: " + text)
		h.until("the write", func() bool { return h.srv.Unwritten() == 0 })
	}
	say("one")
	page.fail(errors.New("disk full"), len("[#lobby] ann: two"))
	say("two")
	page.fail(errors.New("disk full"), 0)
	say("three")
	say("four")
	page.fail(nil, 0)
	say("five")
	say("six")
	h.srv.Shutdown()
	a.conn.Close()
	b.conn.Close()
	h.end()
	if got, want := page.text.String(), "[#lobby] ann: one\n[#lobby] ann: two\n[#lobby] ann: five\n[#lobby] ann: six\n"; got != want {
		t.Errorf("the transcript is %q, want %q", got, want)
	}
	for _, m := range []string{"the transcript loses messages", "the transcript is written again", "the transcript is not complete"} {
		if h.logged(m, "") != 1 {
			t.Errorf("%q is logged %d times", m, h.logged(m, ""))
		}
	}
	if last := h.logs.All()[h.logs.Len()-1].ContextMap(); last["lost"] != int64(3) {
		t.Error(last)
	}
}

// TestTranscriptLags has a disk that is slower than the clients: they wait, memory does not grow, nothing is lost.
func TestTranscriptLags(t *testing.T) {
	page := &page{hold: make(chan struct{})}
	h := newHall(t, Options{Transcript: page})
	a := h.named("ann")
	const n = 5000
	text := strings.Repeat("x", 4000)
	for range n {
		a.send(text)
	}
	h.until("a full transcript", h.srv.record.full)
	for range 100 {
		h.lp.RunNoWait()
	}
	if got := h.srv.Unwritten(); got > unwrittenMost+eachPerTurn+lineMost+100 {
		t.Errorf("%d bytes wait", got)
	}
	b := h.connect(nil) // the loop is alive
	b.next("* welcome")
	a.send("/who")
	h.until("all messages", func() bool {
		select {
		case page.hold <- struct{}{}:
		case <-time.After(time.Millisecond):
		}
		return countPrefix(a.lines, "* in #lobby: ") == 1
	})
	close(page.hold)
	h.srv.Shutdown()
	a.conn.Close()
	b.conn.Close()
	h.end()
	if want := strings.Repeat("[#lobby] ann: "+text+"\n", n); page.text.String() != want {
		t.Errorf("the transcript has %d bytes, want %d", page.text.Len(), len(want))
	}
}

func TestTranscriptFile(t *testing.T) {
	dir, err := os.MkdirTemp("", "chat") // not T.TempDir, which fails a test where Wine 8 cannot remove folders
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := dir + "/log"
	for range 2 {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		h := newHall(t, Options{Transcript: f})
		a := h.named("ann")
		a.send("hello")
		a.sync()
		h.srv.Shutdown()
		a.conn.Close()
		h.end()
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if got, _ := os.ReadFile(name); string(got) != "[#lobby] ann: hello\n[#lobby] ann: hello\n" {
		t.Errorf("the transcript is %q", got)
	}
}
