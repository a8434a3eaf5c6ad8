package stream_test

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// A gauge is what Watermarks have told, and the Watermarks.
type gauge struct {
	stream.Watermarks
	highs, lows int
}

func newGauge(r *rig, low, high int) *gauge {
	g := &gauge{}
	g.Low, g.High = low, high
	g.OnHigh = func(c *tcp.Conn) {
		g.highs++
		if n := c.Buffered(); n < high {
			r.Errorf("OnHigh with %d bytes queued", n)
		}
	}
	g.OnLow = func(c *tcp.Conn) {
		g.lows++
		if n := c.Buffered(); n > low {
			r.Errorf("OnLow with %d bytes queued", n)
		}
	}
	return g
}

func (g *gauge) told(r *rig, highs, lows int) {
	r.Helper()
	if g.highs != highs || g.lows != lows {
		r.Fatalf("OnHigh %d times and OnLow %d times, want %d and %d", g.highs, g.lows, highs, lows)
	}
}

// small keeps the system from taking much.
var small = &tcp.Options{ReadBuffer: 8 << 10, WriteBuffer: 8 << 10}

// stalled is a pair of which the dialed end does not read, and the other's system
// takes nothing any more: what is written to that is queued.
func (r *rig) stalled() (reader, writer *tcp.Conn) {
	r.Helper()
	reader, writer = r.pairOf(small, small)
	r.no(reader.PauseRead())
	r.fill(writer)
	return reader, writer
}

// fill writes until the system takes no more, and a little is queued.
func (r *rig) fill(c *tcp.Conn) {
	r.Helper()
	for quiet := 0; quiet < 3; quiet++ {
		was := c.Buffered()
		c.Write(make([]byte, 1<<10))
		r.rest(5 * time.Millisecond)
		if c.Buffered() != was+1<<10 {
			quiet = 0
		}
	}
}

func TestWatermarks(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		reader, writer := r.stalled()
		queued := writer.Buffered()
		g := newGauge(r, 10<<10, 100<<10)
		r.no(writer.SetWatermarks(&g.Watermarks))
		for writer.Buffered()+1000 < 100<<10 {
			writer.Write(make([]byte, 1000))
		}
		r.turns(3)
		g.told(r, 0, 0)
		writer.Write(make([]byte, 1000))
		g.told(r, 0, 0) // not from inside Write
		r.turns(3)
		g.told(r, 1, 0)
		writer.Write(make([]byte, 1000+queued)) // no second time
		r.turns(3)
		g.told(r, 1, 0)

		reader.OnRead = func(c *tcp.Conn, p []byte) {}
		r.no(reader.ResumeRead())
		r.until("it is low", func() bool { return g.lows == 1 })
		r.until("all is sent", func() bool { return writer.Buffered() == 0 })
		g.told(r, 1, 1)

		r.no(reader.PauseRead()) // and once more
		writer.Write(make([]byte, 3*mebibyte))
		r.turns(3)
		r.until("it is high", func() bool { return g.highs == 2 })
		r.no(reader.ResumeRead())
		r.until("it is low", func() bool { return g.lows == 2 })
	})
}

// What the system takes at once was never much.
func TestWatermarksWithAFastReader(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		client, server := r.pair()
		g := newGauge(r, 0, 20_000)
		r.no(server.SetWatermarks(&g.Watermarks))
		got := 0
		client.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
		for i := 1; i <= 20; i++ {
			for range 10 {
				server.Write(make([]byte, 2500))
			}
			r.until("it has arrived", func() bool { return got == i*25_000 })
		}
		g.told(r, 0, 0)
	})
}

// Watermarks bound what a source that heeds them has queued, on all connections
// of a listener, which share them.
func TestWatermarksBoundASource(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		const piece, high, total = 32 << 10, 128 << 10, mebibyte
		most, lows := 0, 0
		type source struct {
			sent   int
			paused bool
		}
		pump := func(c *tcp.Conn) {
			s := c.Context.(*source)
			for !s.paused && s.sent < total {
				c.Write(make([]byte, piece))
				s.sent += piece
				most = max(most, c.Buffered())
				if c.Buffered() >= high {
					return // OnHigh or OnWrite will come
				}
			}
			if s.sent == total {
				c.CloseWrite()
			}
		}
		marks := &stream.Watermarks{
			High:   high,
			OnHigh: func(c *tcp.Conn) { c.Context.(*source).paused = true },
			OnLow:  func(c *tcp.Conn) { lows++; c.Context.(*source).paused = false; pump(c) },
		}
		ln := r.listen(&tcp.Options{Watermarks: marks, WriteBuffer: 16 << 10}, func(c *tcp.Conn) {
			c.Context = new(source)
			c.OnWrite = pump // where the system has taken it all there is no OnHigh
			pump(c)
		})
		read, ended := 0, 0
		for range 4 {
			c := r.dial(ln, &tcp.Options{ReadBuffer: 16 << 10})
			c.OnRead = func(c *tcp.Conn, p []byte) { read += len(p) }
			c.OnEOF = func(*tcp.Conn) { ended++ }
		}
		r.until("all is read", func() bool { return ended == 4 })
		r.equal("bytes", read, 4*total)
		if most > high+piece || lows == 0 {
			t.Errorf("%d bytes were queued, and OnLow was called %d times", most, lows)
		}
	})
}

// Watermarks that change while much is queued go on from what was told.
func TestWatermarksChangedWhileHigh(t *testing.T) {
	for _, c := range []struct {
		what        string
		low, high   int // of the new ones
		highs, lows int // what they tell at once
		later       int // what OnLow they tell when all is read
	}{
		{"still between", 10 << 10, 400 << 10, 0, 0, 1},
		{"still high", 10 << 10, 50 << 10, 0, 0, 1},
		{"low by now", 300 << 10, 400 << 10, 0, 1, 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			everywhere(t, func(t *testing.T, r *rig) {
				reader, writer := r.stalled()
				old := newGauge(r, 1<<10, 100<<10)
				r.no(writer.SetWatermarks(&old.Watermarks))
				writer.Write(make([]byte, 200<<10))
				r.until("it is high", func() bool { return old.highs == 1 })
				g := newGauge(r, c.low, c.high)
				r.no(writer.SetWatermarks(&g.Watermarks))
				g.told(r, 0, 0)
				r.turns(3)
				g.told(r, c.highs, c.lows)
				r.no(reader.ResumeRead())
				r.until("all is sent", func() bool { return writer.Buffered() == 0 })
				r.turns(3)
				g.told(r, c.highs, c.lows+c.later)
				old.told(r, 1, 0)
			})
		})
	}
	t.Run("set while much is queued", func(t *testing.T) {
		r := newRig(t)
		_, writer := r.stalled()
		writer.Write(make([]byte, 200<<10))
		r.turns(3)
		g := newGauge(r, 0, 100<<10)
		r.no(writer.SetWatermarks(&g.Watermarks))
		r.turns(3)
		g.told(r, 1, 0)
		r.no(writer.SetWatermarks(nil))
		r.turns(3)
		g.told(r, 1, 0)
		r.no(writer.SetWatermarks(&g.Watermarks)) // with nothing remembered
		r.turns(3)
		g.told(r, 2, 0)
	})
}

// What is written before a dialed connection is made is queued as well.
func TestWatermarksWhileDialing(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		ln := r.listen(nil, func(*tcp.Conn) {})
		g := newGauge(r, 0, 1000)
		made := false
		c, err := tcp.Dial(r.lp, ln.LocalAddr().String(), &tcp.Options{Watermarks: &g.Watermarks}, func(_ *tcp.Conn, err error) {
			r.no(err)
			made = true
			g.told(r, 1, 0)
		})
		r.no(err)
		c.Write(make([]byte, 1000))
		r.until("it is connected", func() bool { return made })
		r.until("it is low", func() bool { return g.lows == 1 })
	})
}

func TestWatermarksThatMakeNoSense(t *testing.T) {
	r := newRig(t)
	a, _ := r.pair()
	for _, w := range []stream.Watermarks{{}, {Low: 1}, {Low: 2, High: 2}, {Low: -1, High: 1}, {High: -1}} {
		r.is(a.SetWatermarks(&w), os.ErrInvalid)
		o := &tcp.Options{Watermarks: &w}
		_, err := tcp.Listen(r.lp, loopback, o)
		r.is(err, os.ErrInvalid)
		_, err = tcp.Dial(r.lp, loopback, o, func(*tcp.Conn, error) { t.Error("called back") })
		r.is(err, os.ErrInvalid)
	}
	r.no(a.SetWatermarks(&stream.Watermarks{High: 1})) // no functions: allowed
	a.WriteString("more than that")
	r.turns(3)
	r.no(a.Close())
	r.is(a.SetWatermarks(nil), net.ErrClosed)
}

// Whatever the network does, OnHigh and OnLow take turns, beginning with OnHigh,
// each within its bound, and a source that heeds them gets everything through
// that the network lets through.
func TestWatermarksUnderFaults(t *testing.T) {
	const low, high, piece = 8 << 10, 64 << 10, 10_000
	cfg := sim.Config{Faults: sim.Heavy().Without(sim.Crash)}
	sim.Explore(t, 150, cfg, func(w *sim.World) error {
		srv, cli := w.Host("srv"), w.Host("cli")
		closed, total := false, 200_000+w.Rand().IntN(1_000_000)
		w.Daemon(srv, func(h *sim.Host) error { return serveSource(w, h, low, high, piece, total, &closed) })
		read := 0
		w.Go(cli, func(h *sim.Host) error {
			lp, err := loop.New(loop.Options{Poller: h})
			if err != nil {
				return err
			}
			_, err = tcp.Dial(lp, fmt.Sprint("srv:", dialPort), &tcp.Options{Timeout: time.Minute}, func(c *tcp.Conn, err error) {
				if err != nil {
					return
				}
				c.OnRead = func(c *tcp.Conn, p []byte) {
					read += len(p)
					if w.Rand().IntN(20) == 0 {
						c.PauseRead()
						timer.After(lp, 100*ms, func() { c.ResumeRead() })
					}
				}
				c.OnEOF = func(c *tcp.Conn) {
					if c.Close(); read != total {
						w.Errorf("%d bytes of %d, and then the end", read, total)
					}
				}
			})
			if err != nil {
				return err
			}
			return lp.Run()
		})
		return w.Run()
	})
}

func serveSource(w *sim.World, h *sim.Host, low, high, piece, total int, closed *bool) error {
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	sent, above := 0, false
	pump := func(c *tcp.Conn) {
		for c.Writable() && !above && sent < total && c.Buffered() < high {
			n := min(piece, total-sent)
			c.Write(make([]byte, n))
			sent += n
		}
		if sent == total {
			c.CloseWrite()
		}
	}
	turn := func(name string, want bool, c *tcp.Conn) {
		if n := c.Buffered(); above != want || *closed || want && n > low || !want && (n < high || n > high+piece) {
			w.Errorf("%s with %d bytes queued, above: %v, closed: %v", name, n, above, *closed)
		}
		above = !want
	}
	ln, err := tcp.Listen(lp, fmt.Sprint(":", dialPort), &tcp.Options{Watermarks: &stream.Watermarks{
		Low: low, High: high,
		OnHigh: func(c *tcp.Conn) { turn("OnHigh", false, c) },
		OnLow:  func(c *tcp.Conn) { turn("OnLow", true, c); pump(c) },
	}})
	if err != nil {
		return err
	}
	ln.OnAccept = func(c *tcp.Conn) {
		sent, above, *closed = 0, false, false
		c.OnWrite = pump
		c.OnClose = func(*tcp.Conn, error) { *closed = true }
		pump(c)
	}
	return lp.Run()
}
