package conformance

import (
	"net/netip"

	"example.com/pike/loop"
	"example.com/pike/tcp"
	"example.com/pike/timer"
	"example.com/pike/udp"
)

var _ = add(line{id: "R3", name: "unref in prepare", run: func(e *env) {
	lp := e.loop()
	calls := 0
	var prepare *loop.Hook
	prepare = e.hooked(lp.NewPrepare(func() {
		calls++
		prepare.Unref()
	}))
	e.run(lp)
	e.equal("calls", calls, 1)
}})

// In pike a socket is open from the start, so that there is no handle that is
// only initialised; it is active until it is closed.
var _ = add(line{id: "R4", name: "unref of listening and receiving sockets", run: func(e *env) {
	lp := e.loop()
	ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	e.no(err)
	c, err := udp.Listen(lp, "127.0.0.1:0", nil)
	e.no(err)
	c.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { e.Error("a datagram from nowhere") }
	e.equal("active", ln.Active() && c.Active(), true)
	ln.Unref()
	e.equal("alive for one of them", lp.Alive(), true)
	c.Unref()
	e.equal("alive for none", lp.Alive(), false)
	e.run(lp)
	e.equal("turns", lp.Metrics().Turns, uint64(0))
}})

var _ = add(line{id: "R5", name: "close after unref", run: func(e *env) {
	lp := e.loop()
	ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	e.no(err)
	closes := 0
	ln.OnClose = func() { closes++ }
	ln.Unref()
	e.no(ln.Close())
	e.equal("alive", lp.Alive(), true)
	e.run(lp)
	e.equal("close callbacks", closes, 1)
}})

// CloseWrite has no callback of its own: OnWrite says that everything before it
// is with the system, and the peer's EOF that it took effect.
var _ = add(line{id: "R6", name: "pending connect after unref", run: func(e *env) {
	lp := e.loop()
	order := ""
	ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	e.no(err)
	ln.Unref()
	ln.OnAccept = func(c *tcp.Conn) {
		c.Unref()
		c.OnEOF = func(*tcp.Conn) {}
	}
	c, err := tcp.Dial(lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		e.no(err)
		order += "connect "
		c.OnWrite = func(*tcp.Conn) { order += "write " }
		_, err = c.WriteString("last words")
		e.no(err)
		e.no(c.CloseWrite())
	})
	e.no(err)
	c.Unref()
	e.equal("alive", lp.Alive(), true)
	e.run(lp)
	e.equal("order", order, "connect write ")
	e.equal("closing", c.Closing(), false)
	e.equal("writable", c.Writable(), false)
}})

var _ = add(line{id: "R8", name: "pending send after unref", run: func(e *env) {
	lp := e.loop()
	c, err := udp.Listen(lp, "127.0.0.1:0", nil)
	e.no(err)
	sends := 0
	e.no(c.WriteBuffer([]byte("datagram"), c.LocalAddr(), func(err error) {
		e.no(err)
		sends++
	}))
	c.Unref()
	e.run(lp)
	e.equal("sends", sends, 1)
}})

var _ = add(line{id: "R9", name: "has ref", run: func(e *env) {
	lp := e.loop()
	tm, err := timer.New(lp, func() {})
	e.no(err)
	ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	e.no(err)
	for _, h := range []loop.Handle{tm, ln} {
		e.equal("ref, new", h.HasRef(), true)
		h.Ref()
		h.Unref()
		e.equal("ref after Ref and Unref: there is no count", h.HasRef(), false)
		h.Unref()
		h.Unref()
		h.Ref()
		e.equal("ref after Unref twice and Ref", h.HasRef(), true)
	}
	e.equal("alive", lp.Alive(), true)
	ln.Unref()
	e.equal("alive without the listener", lp.Alive(), false)
}})
