package sys

import "example.com/pike/poller"

// SizeOf is the size of the datagrams in m. The last may be shorter.
func SizeOf(m *poller.Message) int {
	if m.Segment > 0 && m.Segment < len(m.Data) {
		return m.Segment
	}
	return len(m.Data)
}

// NextOf is the datagram behind the first cut bytes of m, and whether it is the last: for
// backends that send each by itself.
func NextOf(m *poller.Message, cut int) (p []byte, last bool) {
	p = m.Data[cut:]
	if n := SizeOf(m); len(p) > n {
		return p[:n], false
	}
	return p, true
}
