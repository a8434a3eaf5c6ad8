package stream_test

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// Buffers of the system's that are less than Linux has (it makes them 4608 and 2304
// bytes; BSDs take what they are told), and buffers whose sizes lie around those and
// around a page and a segment, shifted byte by byte: the
// system cuts its short writes at every place, also exactly between two buffers.
func TestShortWritesAtEveryBoundary(t *testing.T) {
	r := newRig(t)
	small := &tcp.Options{WriteBuffer: 2 << 10, ReadBuffer: 2 << 10}
	client, server := r.pairOf(small, small)
	var got pattern
	client.OnRead = func(_ *tcp.Conn, p []byte) { r.no(got.check(p)) }

	var p pattern
	for shift := range 120 {
		sizes := []int{shift, 1, 0, 2303, 2304, 2305, 0, 0, 4095, 4097, 1, 1, 7, 65535}
		if shift%3 == 1 {
			slices.Reverse(sizes)
		}
		var bufs [][]byte
		for _, n := range sizes[:len(sizes)-shift%7] {
			bufs = append(bufs, p.next(n))
		}
		done := false
		r.no(server.WriteBuffers(bufs, func(err error) { r.no(err); done = true }))
		clear(bufs) // the slice that holds them is the caller's at once
		if shift%5 == 0 {
			server.Write(p.next(shift))
		}
		r.until("the buffers are written", func() bool { return done })
	}
	r.until("all is read", func() bool { return got.at == p.at })
	r.equal("Buffered", server.Buffered(), 0)
}

// More buffers than one system call takes, of every size down to nothing.
func TestManySmallBuffers(t *testing.T) {
	r := newRig(t)
	client, server := r.pair()
	var got, p pattern
	client.OnRead = func(_ *tcp.Conn, b []byte) { r.no(got.check(b)) }
	var bufs [][]byte
	for i := range 5000 {
		bufs = append(bufs, p.next(i%4))
	}
	r.no(server.WriteBuffers(bufs, nil))
	r.equal("Buffered", server.Buffered(), p.at)
	r.until("all is read", func() bool { return got.at == p.at })
}

func TestDoneInTheOrderOfTheWrites(t *testing.T) {
	r := newRig(t)
	client, server := r.pairOf(&tcp.Options{WriteBuffer: 16 << 10}, nil)
	var order []int
	const writes = 500
	var p, got pattern
	client.OnRead = func(_ *tcp.Conn, b []byte) { r.no(got.check(b)) }
	for i := range writes {
		switch i % 3 {
		case 0: // in between, copies that may be appended to what is queued
			server.Write(p.next(100))
		case 1: // nothing to send, but its turn to wait for
			r.no(server.WriteBuffers([][]byte{nil}, func(err error) { r.no(err); order = append(order, i) }))
			continue
		}
		r.no(server.WriteBuffers([][]byte{p.next(1000), nil, p.next(24)}, func(err error) { r.no(err); order = append(order, i) }))
	}
	r.equal("done before the loop ran", len(order), 0)
	r.until("all are done", func() bool { return len(order) == writes })
	r.equal("in order", slices.IsSorted(order), true)
	r.until("all is read", func() bool { return got.at == p.at })
}

// Output that is lost is told of once each, in order, with the reason, after
// what was sent and before OnClose.
func TestDoneTellsWhatWasLost(t *testing.T) {
	ends := map[string]struct {
		end  func(r *rig, peer, c *tcp.Conn)
		want error
	}{
		"Abort": {func(r *rig, _, c *tcp.Conn) { r.no(c.Abort()) }, stream.ErrAborted},
		"drain timeout": {func(r *rig, _, c *tcp.Conn) {
			r.no(c.SetDrainTimeout(time.Millisecond))
			r.no(c.Close())
		}, os.ErrDeadlineExceeded},
		"peer reset":  {func(r *rig, peer, _ *tcp.Conn) { r.no(peer.Abort()) }, syscall.ECONNRESET},
		"loop closed": {func(r *rig, _, c *tcp.Conn) { r.no(r.lp.Close()) }, net.ErrClosed},
	}
	for name, e := range ends {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			client, server := r.pairOf(&tcp.Options{WriteBuffer: 16 << 10}, &tcp.Options{ReadBuffer: 16 << 10})
			r.no(client.PauseRead())
			const writes = 10_000
			sent, lost, closed := 0, 0, false
			for i := range writes {
				r.no(server.WriteBuffers([][]byte{make([]byte, 1024)}, func(err error) {
					r.equal("order", sent+lost, i)
					if err == nil {
						r.equal("sent after lost", lost, 0)
						sent++
						return
					}
					r.is(err, e.want)
					lost++
				}))
			}
			server.OnClose = func(_ *tcp.Conn, err error) {
				closed = true
				r.is(err, e.want)
				r.equal("told of before OnClose", sent+lost, writes)
			}
			r.turns(10)
			taken := (writes*1024 - server.Buffered()) / 1024
			e.end(r, client, server)
			if name != "loop closed" {
				r.until("it is closed", func() bool { return closed })
			}
			r.equal("OnClose", closed, true)
			if taken == 0 || sent < taken || lost == 0 {
				t.Errorf("%d writes were told of as sent, %d as lost; the system has taken %d", sent, lost, taken)
			}
		})
	}
}

func TestWriteBuffersRefused(t *testing.T) {
	r := newRig(t)
	_, c := r.pair()
	never := func(error) { r.Fatal("done was called for a WriteBuffers that returned an error") }
	r.is(c.WriteBuffers(nil, never), os.ErrInvalid)
	r.is(c.WriteBuffers([][]byte{}, never), os.ErrInvalid)
	r.no(c.CloseWrite())
	r.is(c.WriteBuffers([][]byte{{1}}, never), syscall.EPIPE)
	_, err := c.Write([]byte{1})
	r.is(err, syscall.EPIPE)
	r.is(c.CloseWrite(), syscall.EPIPE)
	r.no(c.Close())
	r.is(c.WriteBuffers([][]byte{{1}}, never), net.ErrClosed)
	r.run()
}

func TestBuffered(t *testing.T) {
	r := newRig(t)
	client, server := r.pairOf(&tcp.Options{WriteBuffer: 32 << 10}, &tcp.Options{ReadBuffer: 32 << 10})
	r.no(client.PauseRead())
	r.equal("at first", server.Buffered(), 0)
	server.Write(make([]byte, 100))
	r.equal("one small write", server.Buffered(), 100)
	r.no(server.WriteBuffers([][]byte{make([]byte, mebibyte), make([]byte, 11)}, nil))
	r.equal("both", server.Buffered(), 100+mebibyte+11)
	r.turns(2)
	before := server.Buffered()
	r.equal("the system took a part", before > 0 && before < 100+mebibyte+11, true)
	server.Write(make([]byte, 1))
	r.equal("one more byte", server.Buffered(), before+1)

	// It only ever falls, in more than one step, down to nothing.
	steps := 0
	client.OnRead = func(*tcp.Conn, []byte) {
		now := server.Buffered()
		if now > before+1 {
			t.Fatalf("Buffered grew from %d to %d", before, now)
		}
		if now < before {
			steps++
		}
		before = now
	}
	r.no(client.ResumeRead())
	r.until("nothing is buffered", func() bool { return server.Buffered() == 0 })
	if steps < 5 {
		t.Errorf("Buffered fell in %d steps", steps)
	}
}

func TestOnWrite(t *testing.T) {
	r := newRig(t)
	client, server := r.pair()
	calls := 0
	server.OnWrite = func(c *tcp.Conn) {
		calls++
		r.equal("Buffered in OnWrite", c.Buffered(), 0)
	}
	write := func(what string, sizes ...int) {
		t.Helper()
		calls = 0
		for _, n := range sizes {
			server.Write(make([]byte, n))
		}
		r.equal(what+": OnWrite from inside Write", calls, 0)
		r.turns(3)
		r.until("all is out", func() bool { return server.Buffered() == 0 })
		r.turns(3)
		r.equal(what, calls, 1)
	}
	write("one small Write", 10)
	write("several", 10, 20, 3000)
	write("one that goes to the system at once", 100_000)
	write("more than the system takes", 10*mebibyte)
	calls = 0
	server.Write(nil)
	client.WriteString("something to read")
	r.turns(5)
	r.equal("nothing written", calls, 0)
	r.no(server.WriteBuffers([][]byte{nil}, nil))
	r.turns(3)
	r.equal("nothing in the buffers", calls, 0)
	r.no(server.WriteBuffers([][]byte{{1}}, nil))
	r.turns(3)
	r.equal("WriteBuffers", calls, 1)
}

// OnWrite is where a producer goes on: one that always writes more neither
// recurses nor keeps the loop from anything else.
func TestOnWriteThatWritesMore(t *testing.T) {
	r := newRig(t)
	client, server := r.pair()
	const total = 32 * mebibyte
	var p, got pattern
	chunk := p.next(50_000)
	sent := 0
	server.OnWrite = func(c *tcp.Conn) {
		if sent == total {
			r.no(c.Close())
			return
		}
		n := min(len(chunk), total-sent)
		sent += n
		c.Write(chunk[:n])
	}
	client.OnRead = func(_ *tcp.Conn, b []byte) { got.at += len(b) }
	ticks := 0
	var tick func()
	tick = func() {
		ticks++
		if !server.Closing() {
			r.after(0, tick)
		}
	}
	r.after(0, tick)
	server.Write(chunk[:0])
	server.OnWrite(server)
	r.run()
	r.equal("bytes", got.at, total)
	if ticks < 50 {
		t.Errorf("a timer had %d turns while 32 MiB were written", ticks)
	}
}

// What callbacks write is one send when they end, whoever's connection it is.
func TestTenWritesAreOneSend(t *testing.T) {
	p := newCounter(t)
	r := newRig(t, loop.Options{Poller: p})
	client, server := r.pair()
	other, otherPeer := r.pair()
	ten := func(c *tcp.Conn) {
		for i := range 10 {
			fmt.Fprintf(c, "reply %d;", i)
		}
	}
	var got []string
	note := func(_ *tcp.Conn, b []byte) { got = append(got, string(b)) }
	check := func(what string, asked, answers int) {
		t.Helper()
		r.until(what+": the peers have it", func() bool { return len(got) >= answers })
		r.turns(3)
		r.equal(what+": sends", p.sends+p.tries, asked+answers)
		for _, s := range got {
			r.equal(what+": pieces in one chunk", strings.Count(s, ";"), 10)
		}
		got = nil
		p.reset()
	}
	client.OnRead, otherPeer.OnRead = note, note

	server.OnRead = func(c *tcp.Conn, _ []byte) { ten(c) }
	client.WriteString("go")
	check("in OnRead", 1, 1)

	server.OnRead = func(c *tcp.Conn, _ []byte) { ten(other); ten(c) }
	client.WriteString("go")
	check("to another connection", 1, 2)

	r.after(0, func() { ten(server); ten(other) })
	check("in a timer", 0, 2)
	r.no(r.lp.Post(func() { ten(server); ten(other) }))
	check("in a posted function", 0, 2)
	ten(server)
	check("before the loop runs", 0, 1)

	server.OnEOF = func(c *tcp.Conn) { ten(c) }
	r.no(client.CloseWrite())
	check("in OnEOF", 0, 1)

	ln := r.listen(nil, func(c *tcp.Conn) { ten(c) })
	_, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		r.no(err)
		c.OnRead = note
	})
	r.no(err)
	check("in OnAccept", 0, 1)

	ln.OnAccept = func(c *tcp.Conn) { c.OnRead = note }
	d, err := tcp.Dial(r.lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) { fmt.Fprint(c, "6;7;8;9;10;") })
	r.no(err)
	fmt.Fprint(d, "1;2;3;4;5;") // before there is a connection
	check("in the function given to Dial", 0, 1)
}

// A large Write goes to the system at once as far as that takes it; the rest is
// copied, and the caller's memory is the caller's again.
func TestLargeWriteGoesAtOnce(t *testing.T) {
	p := newCounter(t)
	r := newRig(t, loop.Options{Poller: p})
	client, server := r.pair()
	var got pattern
	client.OnRead = func(_ *tcp.Conn, b []byte) { r.no(got.check(b)) }
	var pat pattern

	b := pat.next(20_000)
	server.Write(b)
	clear(b)
	r.equal("left for later", server.Buffered(), 0)
	r.until("it is read", func() bool { return got.at == pat.at })
	r.equal("tries", p.tries, 1)
	r.equal("sends", p.sends, 0)

	b = pat.next(20 * mebibyte)
	server.Write(b)
	clear(b)
	rest := server.Buffered()
	r.equal("a part is left", rest > 0 && rest < 20*mebibyte, true)
	b = pat.next(20_000)
	server.Write(b) // in its turn
	clear(b)
	r.equal("queued behind it", server.Buffered(), rest+20_000)
	r.equal("tries", p.tries, 2)
	r.until("all is read", func() bool { return got.at == pat.at })
}

// A queue that never runs empty lets go of what has been sent.
func TestEndlessOutputKeepsNothing(t *testing.T) {
	r := newRig(t)
	client, server := r.pair()
	client.OnRead = func(*tcp.Conn, []byte) {}
	left := 40_000
	b := [][]byte{{1}}
	var again func(error)
	again = func(err error) {
		if left--; err == nil && left > 0 {
			r.no(server.WriteBuffers(b, again))
		}
	}
	live := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for range 3 { // so that one is always queued behind those in flight
		r.no(server.WriteBuffers(b, again))
	}
	r.until("it is under way", func() bool { return left < 39_000 })
	before := live()
	r.until("it is nearly over", func() bool { return left < 1000 })
	grown := live() - before
	r.until("it is over", func() bool { return left <= 0 })
	if grown > mebibyte/2 {
		t.Errorf("%d bytes more are live after 38,000 writes", grown)
	}
}
