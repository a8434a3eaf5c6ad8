package stream

import "example.com/pike/poller"

// indivisible reports whether the sides of the connection end together.
func (c *Conn) indivisible() bool {
	if c.life == connecting {
		return false // nobody knows yet
	}
	_, ok := poller.Bottom(c.s).(poller.Indivisible)
	return ok
}
