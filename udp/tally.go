package udp

// What the loop's Metrics say of datagrams is counted here.

// received counts what has arrived.
func (c *Conn) received(ms []Message) {
	n := &c.lp().Counters().Packets
	for i := range ms {
		n.BytesIn += uint64(len(ms[i].Data))
		n.MessagesIn += uint64(ms[i].Count())
	}
}

// sent counts what the system has taken.
func (c *Conn) sent(m *Message) {
	n := &c.lp().Counters().Packets
	n.BytesOut += uint64(len(m.Data))
	n.MessagesOut += uint64(m.Count())
}

// countQueued has the loop count what is queued, after that has changed. What is written is counted
// when it is flushed: nobody sees the count before that.
func (c *Conn) countQueued() {
	_, bytes := c.buffered()
	c.lp().Counters().Packets.Queued += bytes - c.counted
	c.counted = bytes
}
