package udp

import (
	"fmt"
	"strings"

	"example.com/pike/internal/netop"
)

// Explain says where the socket is and what it does, for Loop.Explain:
// "udp 127.0.0.1:53: reads, 2 datagrams queued (80 bytes)".
func (c *Conn) Explain() string {
	if c.lp().Check("udp.Conn.Explain") != nil {
		return ""
	}
	if c.s == nil {
		return "udp: is being opened"
	}
	text := "udp " + c.s.Addr().String()
	if peer := c.s.Peer(); peer.IsValid() {
		text += " with " + peer.String()
	}
	parts := []string{"reads"}
	switch {
	case c.is(finished):
		parts[0] = "is closed"
	case c.is(draining):
		parts[0] = "sends what is queued, and closes"
	case c.is(paused):
		parts[0] = "reading is paused"
	case c.OnRead == nil && c.OnReadBatch == nil:
		parts[0] = "drops what arrives (no OnRead)"
	}
	if n, bytes := c.buffered(); n > 0 {
		parts = append(parts, fmt.Sprintf("%s queued (%s)", netop.Counted(n, "datagram"), netop.Counted(bytes, "byte")))
	}
	if n := len(c.kept); n > 0 {
		parts = append(parts, netop.Counted(n, "message")+" kept until reading goes on")
	}
	return text + ": " + strings.Join(parts, ", ")
}
