//go:build !windows

package unix_test

import (
	"testing"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/unix"
)

// Bytes that take files along are counted as others, and a connection that is passed is one here and one there.
func TestPassingIsCounted(t *testing.T) {
	var taken *unix.Conn
	got := ""
	p := newPair(t, nil, func(b *unix.Conn) {
		if err := unix.OnPassed(b, func(_ *unix.Conn, files []*unix.Passed) {
			c, err := files[0].Conn()
			if err != nil {
				t.Fatal(err)
			}
			taken = c
		}); err != nil {
			t.Fatal(err)
		}
		b.OnRead = func(_ *unix.Conn, p []byte) { got += string(p) }
	})
	other := newPair(t, nil, nil)
	f := file(t, "")
	defer f.Close()
	p.a.OnRead, other.a.OnRead = stream.Discard, stream.Discard
	conns := func() (n int) {
		p.lp.Walk(func(h loop.Handle) {
			if _, ok := h.(*unix.Conn); ok {
				n++
			}
		})
		return n
	}
	nc, err := other.b.NetConn()
	p.no(err)
	passed, err := stream.AdoptConn(p.lp, nc)
	p.no(err)
	_, err = p.lp.RunNoWait() // what is shown is of the last turn
	p.no(err)
	p.no(unix.WriteConn(p.a, []byte("a connection"), passed))
	p.until("it has come", func() bool {
		m := p.lp.Metrics().Conns
		if n := conns(); m.Dialing+m.Handshaking+m.Open+m.Closing != n {
			t.Fatalf("there are %d connections, counted %+v", n, m)
		}
		return taken != nil && got == "a connection" && passed.Closing()
	})
	p.until("it has gone here", func() bool { return p.lp.Metrics().Conns == loop.Conns{Open: 3} })
	p.no(taken.Close())
	p.until("it has gone there", func() bool { return p.lp.Metrics().Conns == loop.Conns{Open: 2} })
	m := p.lp.Metrics().Stream
	if want := (loop.Traffic{BytesIn: 12, BytesOut: 12, MessagesIn: 1, MessagesOut: 1}); m != want {
		t.Errorf("counted %+v, want %+v", m, want)
	}
}
