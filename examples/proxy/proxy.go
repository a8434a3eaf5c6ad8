package main

import (
	"fmt"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// A proxy forwards what a listener accepts.
type proxy struct {
	lp   *loop.Loop
	ln   *tcp.Listener
	to   string
	dial *tcp.Options

	accepted, open int
	refused        int // connections that were none, as their handshake failed
	unreachable    int // connections whose other end could not be dialed
	broken         int // that ended by an error of either end
	there, back    int64
}

// listen opens the proxy's listener, whose connections go through layer, unless that is nil.
func listen(lp *loop.Loop, layer poller.Layer, o options) (*proxy, error) {
	ln, err := tcp.Listen(lp, o.listen, &tcp.Options{IdleTimeout: o.idle, Layer: layer})
	if err != nil {
		return nil, err
	}
	p := &proxy{lp: lp, ln: ln, to: o.to, dial: &tcp.Options{IdleTimeout: o.idle, Timeout: o.dial}}
	ln.OnAccept = p.accept
	ln.OnError = func(error) { p.refused++ } // a handshake that failed, mostly
	return p, nil
}

// accept joins a connection to one that is still being dialed. What arrives meanwhile
// waits there. If the dial fails, Join resets the connection.
func (p *proxy) accept(in *tcp.Conn) {
	p.accepted++
	out, err := tcp.Dial(p.lp, p.to, p.dial, func(_ *tcp.Conn, err error) {
		if err != nil {
			p.unreachable++
		}
	})
	if err == nil {
		p.open++
		err = stream.Join(in, out, p.ended)
	}
	if err != nil { // the address makes no sense
		p.unreachable++
		in.Abort()
	}
}

func (p *proxy) ended(e stream.Joined) {
	p.open--
	p.there += e.AB
	p.back += e.BA
	if e.Err != nil {
		p.broken++
	}
}

// String is the totals, of connections that have ended.
func (p *proxy) String() string {
	text := fmt.Sprintf("%d connections, %d of them open, %d broken, %d unreachable; %d bytes there, %d back",
		p.accepted, p.open, p.broken, p.unreachable, p.there, p.back)
	if p.refused > 0 {
		text += fmt.Sprintf("; %d refused", p.refused)
	}
	return text
}
