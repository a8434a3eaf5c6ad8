package poller

// Next is next.
func (m *Message) Next(cut int) (p []byte, last bool) { return m.next(cut) }
