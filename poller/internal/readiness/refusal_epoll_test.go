//go:build linux && !kqfake

package readiness

import "testing"

// refusing has the queue refuse what f arms: its number is none.
func refusing(_ *testing.T, q *queue, f, poll func()) {
	ep := q.ep
	q.ep = -1
	f()
	q.ep = ep
	poll()
}
