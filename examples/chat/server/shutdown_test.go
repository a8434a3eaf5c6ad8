package server

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/tcp"
)

// end runs the loop to its end.
func (h *hall) end() {
	h.t.Helper()
	for alive := true; alive; {
		var err error
		if alive, err = h.lp.RunOnce(); err != nil || h.late {
			h.t.Fatalf("the loop does not end: %v", err)
		}
	}
	if !h.ended {
		h.t.Error("OnClose was not called")
	}
}

func TestShutdown(t *testing.T) {
	h := newHall(t, Options{})
	all := h.meet("ann", "bob", "cid")
	for _, p := range all {
		p.conn.OnEOF = nil // it closes when the server does
	}
	h.clock.still = true // it ends before the courtesy does
	h.srv.Shutdown()
	h.srv.Shutdown()
	for _, p := range all {
		p.expect(goodbye)
	}
	h.end()
	for _, p := range all {
		if len(p.lines) > 0 || !errors.Is(p.err, io.EOF) {
			t.Errorf("%s: %v, %q", p.name, p.err, p.lines)
		}
	}
}

// TestShutdownOfOpen has clients that read all they are sent, and do not close.
func TestShutdownOfOpen(t *testing.T) {
	if !tellsAcknowledged {
		t.Skip("this system does not tell who has read everything: all who do not close are cut off")
	}
	h := newHall(t, Options{})
	all := h.meet("ann", "bob")
	h.clock.still = true
	h.srv.Shutdown()
	for _, p := range all {
		p.expect(goodbye)
		h.until("the end of the stream", func() bool { return p.eof })
	}
	h.pass(courtesy)
	h.clock.still = false // whether all is acknowledged is looked at now and then
	h.until("the end", func() bool { return h.ended })
	if h.logged("clients that do not read were cut off", "") != 0 {
		t.Error("they were cut off")
	}
}

// TestShutdownOfMute has clients that never close, and one that does not read.
func TestShutdownOfMute(t *testing.T) {
	h := newHall(t, Options{})
	all := h.meet("ann", "bob")
	h.clog(all[0], all[1])
	h.clock.still = true
	h.srv.Shutdown()
	all[0].next(goodbye)
	h.until("the end of the stream", func() bool { return all[0].eof })
	h.pass(courtesy)
	h.pass(patience - time.Millisecond)
	if h.ended {
		t.Error("it has ended early")
	}
	h.pass(time.Millisecond)
	h.until("the end", func() bool { return h.ended })
	if h.logged("clients that do not read were cut off", "") != 1 {
		t.Error("it is not in the log")
	}
}

// clog has a client read nothing until the server has something queued for it, but not enough to drop it.
func (h *hall) clog(a, b *peer) {
	h.t.Helper()
	slow := h.connect(&tcp.Options{ReadBuffer: 4096})
	slow.send("")
	slow.next("* guest-3 joined #lobby")
	slow.conn.PauseRead()
	c := h.srv.lobby.members[len(h.srv.lobby.members)-1]
	h.until("a full buffer", func() bool {
		if c.conn.Buffered() == 0 && a.conn.Buffered() == 0 {
			a.send(strings.Repeat("x", 4000))
		}
		return c.conn.Buffered() > 0
	})
	b.lines, a.lines = nil, nil
}

func TestShutdownOfNobody(t *testing.T) {
	h := newHall(t, Options{})
	h.srv.Shutdown()
	h.end()
	if _, err := net.Dial("tcp", h.srv.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

// TestLoopClose ends the loop under the server.
func TestLoopClose(t *testing.T) {
	h := newHall(t, Options{Transcript: new(page)})
	all := h.meet("ann", "bob")
	all[0].send("hello")
	all[1].next("[#lobby] ann: hello")
	if err := h.lp.Close(); err != nil {
		t.Error(err)
	}
}

// TestLoopShutdown has the loop shut down instead: the server says goodbye all the same, and the report counts it.
func TestLoopShutdown(t *testing.T) {
	page := new(page)
	h := newHall(t, Options{Transcript: page})
	all := h.meet("ann", "bob", "cid")
	all[0].send("last words")
	all[1].next("[#lobby] ann: last words")
	for _, p := range all {
		p.conn.OnEOF = nil // it closes when the server does
	}
	var reports []loop.ShutdownReport
	err := h.lp.Shutdown(t.Context(), time.Minute, func(r loop.ShutdownReport) { reports = append(reports, r) })
	if err != nil {
		t.Fatal(err)
	}
	h.end()
	for _, p := range all {
		p.next(goodbye)
		if !errors.Is(p.err, io.EOF) {
			t.Errorf("%s: %v", p.name, p.err)
		}
	}
	if len(reports) != 1 || reports[0].Err != nil || reports[0].Cut != 0 || reports[0].Finished != 6 {
		t.Errorf("the reports are %+v", reports)
	}
	if page.text.String() != "[#lobby] ann: last words\n" {
		t.Errorf("the transcript is %q", page.text.String())
	}
}

// TestLoopShutdownOfNobody has no connection that could be told.
func TestLoopShutdownOfNobody(t *testing.T) {
	h := newHall(t, Options{Transcript: new(page)})
	if err := h.lp.Shutdown(t.Context(), time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	h.end()
}
