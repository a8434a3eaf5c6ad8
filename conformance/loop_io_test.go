package conformance

import (
	"errors"
	"net/netip"
	"syscall"
	"time"

	"example.com/pike/loop"
	"example.com/pike/udp"
)

// libuv's test counts the events of its file system calls; pike has none, and
// takes datagrams.
var _ = add(line{id: "L23", name: "metrics info", run: func(e *env) {
	lp := e.loop()
	turns := uint64(0)
	prepare := e.hooked(lp.NewPrepare(func() {
		e.equal("turns", lp.Metrics().Turns, turns)
		turns++
	}))
	prepare.Unref()
	c, err := udp.Listen(lp, "127.0.0.1:0", nil)
	e.no(err)
	steps, events := 0, uint64(0)
	c.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
		steps++
		seen := lp.Metrics().Events
		if seen <= events {
			e.Errorf("%d events after step %d, which is none more", seen, steps)
		}
		events = seen
		if steps == 3 {
			e.no(c.Close())
			return
		}
		_, err := c.WriteTo(p, from)
		e.no(err)
	}
	_, err = c.WriteTo([]byte("step"), c.LocalAddr())
	e.no(err)
	e.run(lp)
	e.equal("steps", steps, 3)
	if turns < 3 {
		e.Fatalf("%d turns for 3 steps", turns)
	}
}})

// The outer loop is one of pike too: to it the inner one is a descriptor and a
// timeout, as it would be to any other.
var _ = add(line{id: "L25", name: "embed", needs: realSystem, run: func(e *env) {
	outer, inner := e.loop(), e.loop()
	fd, ok := inner.Fd()
	if !ok {
		e.Skip("this poller has no descriptor to wait for")
	}
	calls := 0
	var async *loop.Async
	async, err := inner.NewAsync(func() {
		calls++
		e.no(async.Close())
	})
	e.no(err)
	e.equal("timeout", inner.Timeout(), time.Duration(-1))
	sent := make(chan error, 1)
	go func() {
		time.Sleep(2 * short)
		sent <- async.Send()
	}()
	_, err = outer.Watch(fd, loop.Readable, func(w *loop.Watch, _ loop.Events) {
		if !e.noWait(inner) {
			e.no(w.Close())
		}
	})
	e.no(err)
	e.run(outer)
	e.no(<-sent)
	e.equal("calls", calls, 1)
	e.equal("alive", inner.Alive(), false)
}})

var _ = add(line{id: "L26", name: "watcher cross stop", run: func(e *env) {
	const sockets = 2500
	lp := e.loop()
	var all []*udp.Conn
	sends, closes, addr := 0, 0, "127.0.0.1:0"
	data := make([]byte, 1024)
	for range sockets {
		c, err := udp.Listen(lp, addr, &udp.Options{ReuseAddr: true})
		if errors.Is(err, syscall.EMFILE) {
			e.Skipf("only %d of %d descriptors may be open here", len(all), sockets)
		}
		e.no(err)
		addr = c.LocalAddr().String()
		all = append(all, c)
		c.OnClose = func(*udp.Conn) { closes++ }
		c.OnRead = func(c *udp.Conn, _ []byte, _ netip.AddrPort) {
			if c.Closing() {
				e.Error("a datagram after Close")
			}
			for _, c := range all {
				e.no(c.Close())
			}
		}
		e.no(c.WriteBuffer(data, c.LocalAddr(), func(error) { sends++ }))
	}
	e.run(lp)
	e.equal("sends", sends, sockets)
	e.equal("close callbacks", closes, sockets)
}})
