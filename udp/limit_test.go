package udp_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/udp"
)

func TestQueueLimitRefuses(t *testing.T) {
	worlds(t, func(t *testing.T, lp *loop.Loop) {
		server := listen(t, lp, anyV4, nil)
		client := listen(t, lp, anyV4, &udp.Options{QueueLimit: &udp.QueueLimit{Bytes: 1000}})
		to := server.LocalAddr()
		got := 0
		server.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { got++ }
		ended := 0
		for range 10 {
			no(t, client.WriteBuffer(make([]byte, 100), to, func(err error) { no(t, err); ended++ }))
		}
		n, err := client.WriteTo([]byte("x"), to)
		equal(t, "written", n, 0)
		opIs(t, err, "write", to, udp.ErrQueueLimit)
		is(t, client.WriteBuffer([]byte("x"), to, func(error) { t.Error("done of what was refused") }), udp.ErrQueueLimit)
		is(t, client.WriteMessage(udp.Message{Data: []byte("x"), Peer: to}), udp.ErrQueueLimit)
		n, err = client.WriteBatch([]udp.Message{{Peer: to}, {Data: []byte("x"), Peer: to}})
		equal(t, "written of a batch", n, 1) // an empty one is no byte more
		is(t, err, udp.ErrQueueLimit)
		runUntil(t, lp, "all arrives", func() bool { return got == 11 && ended == 10 })
		writeTo(t, client, "there is room again", to)
		runUntil(t, lp, "it arrives", func() bool { return got == 12 })
		no(t, client.SetQueueLimit(nil))
		for range 20 {
			writeTo(t, client, string(make([]byte, 100)), to)
		}
		runUntil(t, lp, "all arrives", func() bool { return got == 32 })
	})
}

// Each datagram is sent or told as dropped, and those that stay are the ones that the
// policy says, in order.
func TestQueueLimitDrops(t *testing.T) {
	for policy, kept := range map[udp.Overflow]string{udp.DropNewest: "[0 1 2 3 4]", udp.DropOldest: "[15 16 17 18 19]"} {
		t.Run(kept, func(t *testing.T) {
			worlds(t, func(t *testing.T, lp *loop.Loop) {
				server := listen(t, lp, anyV4, nil)
				client := listen(t, lp, anyV4, &udp.Options{QueueLimit: &udp.QueueLimit{Datagrams: 5, Policy: policy}})
				to := server.LocalAddr()
				var got []byte
				server.OnRead = func(_ *udp.Conn, p []byte, _ netip.AddrPort) { got = append(got, p...) }
				sent, dropped, inside := 0, 0, true
				client.OnError = func(_ *udp.Conn, err error) {
					opIs(t, err, "write", to, udp.ErrQueueLimit)
					dropped++
				}
				done := func(err error) {
					switch {
					case inside:
						t.Error("told inside a write")
					case err == nil:
						sent++
					default:
						opIs(t, err, "write", to, udp.ErrQueueLimit)
						dropped++
					}
				}
				for i := range 20 {
					if i%2 == 0 {
						no(t, client.WriteBuffer([]byte{byte(i)}, to, done))
					} else {
						n, err := client.WriteTo([]byte{byte(i)}, to)
						no(t, err)
						equal(t, "written", n, 1)
					}
					if n, _ := client.Buffered(); n > 5 {
						t.Errorf("%d datagrams are queued, 5 may be", n)
					}
				}
				inside = false
				runUntil(t, lp, "all arrives", func() bool { return len(got) == 5 })
				settle(t, lp)
				equal(t, "kept", fmt.Sprint(got), kept)
				equal(t, "dropped", dropped, 15)
				no(t, client.Close())
				settle(t, lp)
			})
		})
	}
}

// While the system takes datagrams by and by each is told once, whatever is dropped
// among them, and those that arrive are in order.
func TestDropsInManyWorlds(t *testing.T) {
	for seed := range uint64(100) {
		w := sim.New(seed, sim.Config{Faults: sim.Faults{sim.ShortSend: 700_000, sim.LateSent: 300_000}})
		lp := newLoop(t, loop.Options{Poller: w.Host("host")})
		server := listen(t, lp, anyV4, &udp.Options{ReadBuffer: 1 << 20})
		limit := &udp.QueueLimit{Bytes: 100 * 50, Policy: udp.DropOldest}
		client := listen(t, lp, anyV4, &udp.Options{QueueLimit: limit})
		const n = 2000
		told := make([]int, n)
		sent, dropped, last, got := 0, 0, -1, 0
		server.OnRead = func(_ *udp.Conn, p []byte, _ netip.AddrPort) {
			i := int(p[0])<<8 | int(p[1])
			if i <= last {
				t.Errorf("seed %d: datagram %d arrived behind %d", seed, i, last)
			}
			last = i
			got++
		}
		for i := range n {
			p := make([]byte, 100)
			p[0], p[1] = byte(i>>8), byte(i)
			no(t, client.WriteBuffer(p, server.LocalAddr(), func(err error) {
				if told[i]++; err == nil {
					sent++
				} else {
					is(t, err, udp.ErrQueueLimit)
					dropped++
				}
			}))
			datagrams, bytes := client.Buffered()
			if bytes > limit.Bytes || bytes != 100*datagrams {
				t.Fatalf("seed %d: %d datagrams, %d bytes are queued, %d may be", seed, datagrams, bytes, limit.Bytes)
			}
			if i%40 == 0 {
				_, err := lp.RunNoWait()
				no(t, err)
			}
		}
		runUntil(t, lp, "all is told", func() bool { return sent+dropped == n && got == sent })
		equal(t, "the last that arrived", last, n-1)
		for i, times := range told {
			if times != 1 {
				t.Fatalf("seed %d: datagram %d was told %d times", seed, i, times)
			}
		}
		if left, bytes := client.Buffered(); left != 0 || bytes != 0 {
			t.Errorf("seed %d: %d datagrams, %d bytes are queued, and all is over", seed, left, bytes)
		}
	}
}

func TestQueueLimitThatMakesNoSense(t *testing.T) {
	lp := newLoop(t)
	c := listen(t, lp, anyV4, nil)
	for _, l := range []udp.QueueLimit{{}, {Bytes: -1}, {Bytes: 1, Datagrams: -1}, {Bytes: 1, Policy: udp.DropOldest + 1}} {
		_, err := udp.Listen(lp, anyV4, &udp.Options{QueueLimit: &l})
		is(t, err, os.ErrInvalid)
		_, err = udp.Dial(lp, c.LocalAddr().String(), &udp.Options{QueueLimit: &l})
		is(t, err, os.ErrInvalid)
		if err := c.SetQueueLimit(&l); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

// What is queued takes no more than four times its memory, and is given back when the
// system has taken it.
func TestQueueMemory(t *testing.T) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	lp := newLoop(t)
	for _, c := range []struct{ sockets, datagrams, size int }{
		{1, 5000, 1000}, {1, 20_000, 100}, {100, 5, 1000}, {20, 100, 500}, {1, 100, 60_000},
	} {
		var all []*udp.Conn
		for range c.sockets {
			all = append(all, listen(t, lp, anyV4, nil))
		}
		_, err := lp.RunNoWait()
		no(t, err)
		p := make([]byte, c.size)
		before := heap()
		for range c.datagrams {
			for _, s := range all {
				s.WriteTo(p, nobody)
			}
		}
		queued := int64(c.sockets * c.datagrams * c.size)
		if used := heap() - before; used > 4*queued {
			t.Errorf("%+v: %d KiB queued take %d KiB", c, queued>>10, used>>10)
		}
		runUntil(t, lp, "all is sent", func() bool { n, _ := all[0].Buffered(); return n == 0 })
		if kept := heap() - before; kept > int64(c.sockets*20<<10+2<<20) {
			t.Errorf("%+v: %d KiB stay", c, kept>>10)
		}
		for _, s := range all {
			no(t, s.Close())
		}
		settle(t, lp)
	}
}
