package loop

import "example.com/pike/poller"

type Expirer interface{ Expired(*Timeout) }
type Timeout struct {
	due   poller.Time
	seq   uint64
	owner Expirer
	on    bool
}

func (t *Timeout) Init(o Expirer)   { t.owner = o }
func (t *Timeout) Armed() bool      { return t.on }
func (t *Timeout) Due() poller.Time { return t.due }

type timeouts struct {
	all []*Timeout
	seq uint64
}

func (q *timeouts) init(poller.Time) {}
func (q *timeouts) set(t *Timeout, d poller.Time) {
	q.seq++
	t.due, t.seq = d, q.seq
	if !t.on {
		q.all = append(q.all, t)
		t.on = true
	}
}
func (q *timeouts) stop(t *Timeout) bool {
	if !t.on {
		return false
	}
	t.on = false
	for i, o := range q.all {
		if o == t {
			q.all = append(q.all[:i], q.all[i+1:]...)
			break
		}
	}
	return true
}
func (q *timeouts) next() poller.Time {
	n := poller.Never
	for _, t := range q.all {
		n = min(n, t.due)
	}
	return n
}
func (q *timeouts) pop(now poller.Time, before uint64) *Timeout {
	var b *Timeout
	for _, t := range q.all {
		if t.due <= now && t.seq < before && (b == nil || t.due < b.due || t.due == b.due && t.seq < b.seq) {
			b = t
		}
	}
	if b != nil {
		q.stop(b)
	}
	return b
}
