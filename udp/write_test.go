package udp_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"weak"

	"example.com/pike/loop"
	"example.com/pike/timer"
	"example.com/pike/udp"
)

const tooBig = 65536

// A tally holds what arrives at a server against what was said to be sent.
type tally struct {
	t              *testing.T
	server, client *udp.Conn
	want, got      []string
	ended, total   int
}

func newTally(t *testing.T, total int) *tally {
	lp := newLoop(t)
	y := &tally{t: t, server: listen(t, lp, anyV4, nil), client: listen(t, lp, anyV4, nil), total: total}
	y.server.OnRead = func(_ *udp.Conn, p []byte, _ netip.AddrPort) {
		y.got = append(y.got, string(p[:4]))
		y.finish()
	}
	return y
}

func (y *tally) finish() {
	if y.ended == y.total && len(y.got) >= len(y.want) && !y.client.Closing() {
		y.client.Close()
		y.server.Close()
	}
}

// data is datagram i of a tally.
func (y *tally) data(i, size int) []byte {
	return append([]byte(fmt.Sprintf("%04d", i)), make([]byte, size-4)...)
}

// send is WriteBuffer of datagram i, whose end must be want and in order.
func (y *tally) send(i, size int, want error) {
	t := y.t
	err := y.client.WriteBuffer(y.data(i, size), y.server.LocalAddr(), func(err error) {
		equal(t, "the datagram that ended", i, y.ended)
		y.ended++
		if want == nil {
			no(t, err)
			y.want = append(y.want, fmt.Sprintf("%04d", i))
		} else {
			opIs(t, err, "write", y.server.LocalAddr(), want)
		}
		y.finish()
	})
	no(t, err)
}

func (y *tally) check() {
	y.t.Helper()
	run(y.t, y.client.Loop())
	equal(y.t, "ended", y.ended, y.total)
	equal(y.t, "arrived", strings.Join(y.got, " "), strings.Join(y.want, " "))
}

// The numbers are those at which other libraries lost datagrams, and the edges
// of the batches of sendmmsg.
func TestBatchesArriveAsReported(t *testing.T) {
	for _, n := range []int{1, 21, 45, 63, 64, 65, 128, 129} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			y := newTally(t, n)
			for i := range n {
				y.send(i, 100, nil)
			}
			y.check()
			equal(t, "arrived", len(y.got), n)
		})
		for _, bad := range [][]int{{0}, {n / 2}, {n - 1}, {0, n - 1}, {n / 3, n/3 + 1, n / 2}} {
			t.Run(fmt.Sprint(n, " too big ", bad), func(t *testing.T) {
				y := newTally(t, n)
				for i := range n {
					if slices.Contains(bad, i) {
						y.send(i, tooBig, syscall.EMSGSIZE)
					} else {
						y.send(i, 100, nil)
					}
				}
				y.check()
			})
		}
	}
}

// A datagram for an address that the socket cannot have fails by itself too.
func TestBatchWithUnsendableAddress(t *testing.T) {
	y := newTally(t, 5)
	for i := range 5 {
		if i == 2 {
			err := y.client.WriteBuffer([]byte("x"), netip.MustParseAddrPort("[::1]:7"), func(err error) {
				equal(t, "ended before", y.ended, 2)
				y.ended++
				opIs(t, err, "write", netip.MustParseAddrPort("[::1]:7"), syscall.EAFNOSUPPORT)
			})
			no(t, err)
			continue
		}
		y.send(i, 100, nil)
	}
	y.check()
	equal(t, "arrived", len(y.got), 4)
}

func TestWriteToCopies(t *testing.T) {
	const n = 300 // 1 KiB each: the copies need more than one piece of memory
	y := newTally(t, n+1)
	p := make([]byte, 1<<10)
	for i := range n {
		copy(p, y.data(i, 4))
		size, err := y.client.WriteTo(p, y.server.LocalAddr())
		no(t, err)
		equal(t, "written", size, len(p))
		y.want = append(y.want, fmt.Sprintf("%04d", i))
		if i%50 == 49 {
			for end := time.Now().Add(patience); len(y.got) <= i && time.Now().Before(end); {
				_, err := y.client.Loop().RunNoWait() // the system's buffer is no larger
				no(t, err)
			}
		}
	}
	clear(p)
	y.ended = n // WriteTo does not tell
	y.send(n, 4, nil)
	y.check()
}

func TestWriteOrderOfAllForms(t *testing.T) {
	lp := newLoop(t)
	server := listen(t, lp, anyV4, nil)
	client := dial(t, lp, server.LocalAddr())
	var got []string
	server.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
		equal(t, "sender", from, client.LocalAddr())
		if got = append(got, string(p)); len(got) == 4 {
			client.Close()
			c.Close()
		}
	}
	done := 0
	end := func(err error) { no(t, err); done++ }
	n, err := client.Write([]byte("a"))
	no(t, err)
	equal(t, "written", n, 1)
	no(t, client.WriteBuffer([]byte("b"), netip.AddrPort{}, end))
	writeTo(t, client, "c", server.LocalAddr())
	no(t, client.WriteBuffer([]byte("d"), server.LocalAddr(), end))
	equal(t, "done before the loop ran", done, 0)
	run(t, lp)
	equal(t, "received", strings.Join(got, " "), "a b c d")
	equal(t, "done", done, 2)
}

func TestOnWriteOncePerDrain(t *testing.T) {
	lp := newLoop(t)
	server := listen(t, lp, anyV4, nil)
	client := listen(t, lp, anyV4, nil)
	calls := 0
	client.OnWrite = func(c *udp.Conn) {
		n, _ := c.Buffered()
		equal(t, "queued in OnWrite", n, 0)
		if calls++; calls == 3 {
			c.Close()
			server.Close()
			return
		}
		for range 10 {
			writeTo(t, c, "x", server.LocalAddr())
		}
	}
	writeTo(t, client, "x", server.LocalAddr())
	run(t, lp)
	equal(t, "calls", calls, 3)
}

// What OnWrite queues before it closes the socket is sent first.
func TestCloseInOnWriteSends(t *testing.T) {
	y := newTally(t, 0)
	y.want = []string{"0000", "0001"}
	y.client.OnWrite = func(c *udp.Conn) {
		_, err := c.WriteTo(y.data(1, 4), y.server.LocalAddr())
		no(t, err)
		no(t, c.Close())
	}
	y.server.OnRead = func(c *udp.Conn, p []byte, _ netip.AddrPort) {
		if y.got = append(y.got, string(p)); len(y.got) == 2 {
			c.Close()
		}
	}
	_, err := y.client.WriteTo(y.data(0, 4), y.server.LocalAddr())
	no(t, err)
	y.check()
}

// Once done was called nothing of pike refers to the memory.
func TestWriteBufferLetsGo(t *testing.T) {
	lp := newLoop(t)
	c := listen(t, lp, anyV4, nil)
	var kept []weak.Pointer[byte]
	done := 0
	for range 3 {
		p := make([]byte, 32<<10)
		kept = append(kept, weak.Make(&p[0]))
		no(t, c.WriteBuffer(p, nobody, func(err error) { no(t, err); done++ }))
	}
	_, err := lp.RunNoWait()
	no(t, err)
	equal(t, "done", done, 3)
	runtime.GC()
	for _, p := range kept {
		if p.Value() != nil {
			t.Error("memory is still referred to after done")
		}
	}
	runtime.KeepAlive(c)
}

// A done function, or OnWrite, that writes again and again leaves the loop time
// for everything else.
func TestWritingForEverStarvesNobody(t *testing.T) {
	to := netip.MustParseAddrPort("127.0.0.1:9")
	for name, begin := range map[string]func(c *udp.Conn){
		"done": func(c *udp.Conn) {
			var again func(error)
			again = func(error) {
				if !c.Closing() {
					c.WriteBuffer([]byte("x"), to, again)
				}
			}
			again(nil)
		},
		"OnWrite": func(c *udp.Conn) {
			c.OnWrite = func(c *udp.Conn) { c.WriteTo([]byte("x"), to) }
			c.WriteTo([]byte("x"), to)
		},
	} {
		t.Run(name, func(t *testing.T) {
			lp := newLoop(t)
			c := listen(t, lp, anyV4, nil)
			begin(c)
			_, err := timer.After(lp, 5*time.Millisecond, func() { c.Abort() })
			no(t, err)
			run(t, lp)
		})
	}
}

// What is queued keeps the loop running, though the socket does not.
func TestUnrefSends(t *testing.T) {
	y := newTally(t, 1)
	y.server.Unref()
	y.client.Unref()
	y.send(0, 100, nil)
	equal(t, "alive", y.client.Loop().Alive(), true)
	run(t, y.client.Loop())
	equal(t, "done", y.ended, 1)
	equal(t, "alive after sending", y.client.Loop().Alive(), false)
}

// Writes to another socket than the one that calls back are sent in that turn.
func TestForwarding(t *testing.T) {
	lp := newLoop(t)
	front, back := listen(t, lp, anyV4, nil), listen(t, lp, anyV4, nil)
	sink, source := listen(t, lp, anyV4, nil), listen(t, lp, anyV4, nil)
	front.OnReadBatch = func(_ *udp.Conn, ms []udp.Message) {
		for _, m := range ms { // some may be runs
			m.Peer = sink.LocalAddr()
			no(t, back.WriteMessage(m))
		}
	}
	var got []string
	sink.OnRead = func(_ *udp.Conn, p []byte, from netip.AddrPort) {
		equal(t, "sender", from, back.LocalAddr())
		if got = append(got, string(p)); len(got) == 10 {
			lp.Walk(func(h loop.Handle) { h.Close() })
		}
	}
	for i := range 10 {
		writeTo(t, source, fmt.Sprint(i), front.LocalAddr())
	}
	run(t, lp)
	equal(t, "forwarded", strings.Join(got, " "), numbers(10))
}
