package sys

import "example.com/pike/poller"

// SizeOf is that of the datagrams in m, but for a shorter last one.
func SizeOf(m *poller.Message) int {
	if m.Segment > 0 && m.Segment < len(m.Data) {
		return m.Segment
	}
	return len(m.Data)
}

// NextOf is the datagram behind the first cut bytes of m, for backends that send
// each by itself, and whether it is the last.
func NextOf(m *poller.Message, cut int) (p []byte, last bool) {
	p = m.Data[cut:]
	if n := SizeOf(m); len(p) > n {
		return p[:n], false
	}
	return p, true
}
