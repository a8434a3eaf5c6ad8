package stream

import (
	"fmt"
	"strings"
	"time"

	"example.com/pike/internal/netop"
	"example.com/pike/poller"
)

// Explain says where the connection is and what it does, for Loop.Explain and for logs:
// "tcp 127.0.0.1:7000 with 127.0.0.1:40112: open, reads, 512 bytes queued".
func (c *Conn) Explain() string {
	if c.lp().Check("stream.Conn.Explain") != nil {
		return ""
	}
	return c.conf.network + " " + c.ends() + ": " + strings.Join(c.explain(), ", ")
}

// pipes is the network of package pipe.
const pipes = "pipe"

// ends are the addresses.
func (c *Conn) ends() string {
	if c.life == connecting {
		if c.rare == nil || c.rare.dialing == nil {
			return "dial"
		}
		return "dial of " + c.rare.dialing.to.Name
	}
	if c.s == nil || c.streams == 0 {
		return "without a socket"
	}
	if c.conf.network == pipes && !c.s.Addr().IsValid() { // it has one name at most
		return named(c.s.Peer())
	}
	text := named(c.s.Addr())
	if peer := c.s.Peer(); peer.IsValid() {
		text += " with " + peer.String()
	}
	return text
}

// named is an address, or what a unix-domain socket without one is.
func named(a poller.Addr) string {
	if text := a.String(); a.IsValid() && text != "" {
		return text
	}
	return "without a name"
}

// explain is what the connection does and what it waits for.
func (c *Conn) explain() (parts []string) {
	switch c.life {
	case connecting:
		parts = append(parts, c.rare.explainDial(c))
	case shaking:
		parts = append(parts, "waits for its layer to get ready")
	case open:
		parts = append(parts, "open", c.explainReading())
	case draining:
		parts = append(parts, "was closed, and waits for the peer to take what is queued")
	case lingering:
		parts = append(parts, "was closed, all is sent, and it waits for the peer to acknowledge that or to end")
	case finished:
		parts = append(parts, "is closed")
	}
	if c.is(joined) {
		parts = append(parts, "is joined with another")
	}
	if n := c.Buffered(); n > 0 {
		parts = append(parts, netop.Counted(n, "byte")+" queued")
	}
	if n := c.filed(); n > 0 {
		parts = append(parts, netop.Counted(n, "byte")+" of files to be sent")
	}
	if n := len(c.unread()); n > 0 {
		parts = append(parts, netop.Counted(n, "byte")+" unread")
	}
	if in := c.input(); in != nil && in.need > 0 && c.life == open {
		parts = append(parts, "OnRead waits for "+netop.Counted(in.need, "byte"))
	}
	switch {
	case c.life != open:
	case c.writes == finDue:
		parts = append(parts, "ends its side when that is sent")
	case c.writes == finSent && c.conf.network == pipes:
		parts = append(parts, "nothing more can be written")
	case c.writes == finSent:
		parts = append(parts, "has ended its side")
	case c.writes == sendFailed:
		parts = append(parts, "cannot send any more")
	}
	if k := c.clock(); k != nil && k.look.Armed() {
		parts = append(parts, "its timeouts are looked at "+in(k.look.Due().Sub(c.now())))
	}
	return parts
}

// explainReading is whether the connection reads, and why not.
func (c *Conn) explainReading() string {
	switch {
	case c.is(readEnded) && c.conf.network == pipes: // or nothing ever could
		return "nothing more can be read"
	case c.is(readEnded):
		return "the peer has ended its side"
	case c.stops&stopByUser != 0:
		return "reading is paused"
	case c.stops&stopByQueue != 0:
		return "does not read before its own queue is shorter"
	case c.stops&stopByLoop != 0:
		return "does not read before the loop's queue is shorter"
	case c.OnRead == nil:
		return "does not read (no OnRead)"
	}
	return "reads"
}

func (m *rare) explainDial(c *Conn) string {
	if m == nil || m.dialing == nil {
		return "was given up"
	}
	d := m.dialing
	text := fmt.Sprintf("%s under way, %d to be tried", netop.Counted(len(d.attempts), "attempt"), len(d.addrs))
	switch {
	case d.job != nil:
		text = "waits for the resolver"
	case d.shaking:
		text = "is connected, and waits for its layer to get ready"
	}
	if d.timeout.Armed() {
		text += ", times out " + in(d.timeout.Due().Sub(c.now()))
	}
	return text
}

// in says when something is due.
func in(d time.Duration) string {
	if d <= 0 {
		return "now"
	}
	return "in " + d.Round(time.Millisecond).String()
}

// Explain says where the listener is and whether it accepts, for Loop.Explain:
// "tcp 127.0.0.1:7000: accepts, 12 connections of at most 100".
func (ln *Listener) Explain() string {
	if ln.lp().Check("stream.Listener.Explain") != nil {
		return ""
	}
	parts := []string{"accepts"}
	switch {
	case ln.Closing():
		parts[0] = "is closed"
	case ln.stops&pausedByUser != 0:
		parts[0] = "is paused"
	case ln.stops&failing != 0:
		parts[0] = "the system has no more descriptors, and it tries again " + in(ln.retry.Due().Sub(ln.lp().Poller().Now()))
	case ln.stops&full != 0:
		parts[0] = "waits for a connection to end"
	case ln.stops&throttled != 0:
		parts[0] = "waits for its rate"
	case ln.stops&crowded != 0:
		parts[0] = "waits for a layer to get ready"
	case ln.OnAccept == nil:
		parts[0] = "closes what comes (no OnAccept)"
	}
	if ln.share != nil {
		parts = append(parts, ln.share.explain())
	} else {
		text := netop.Counted(ln.stats.Open, "connection")
		if ln.limits.conns > 0 {
			text += fmt.Sprintf(" of at most %d", ln.limits.conns)
		}
		parts = append(parts, text)
	}
	if n := ln.stats.Layering; n > 0 {
		parts = append(parts, fmt.Sprintf("the layers of %d are not ready", n))
	}
	return ln.conf.network + " " + ln.addr.String() + ": " + strings.Join(parts, ", ")
}
