package loop

import (
	"reflect"
	"sync/atomic"
)

// jobs are those of Work whose end the loop has not been told yet.
type jobs struct {
	waiting atomic.Int64 // no Executor has begun them
	running atomic.Int64 // also those that were abandoned, which list has no more
	list    *Job         // the latest first
}

func (s *jobs) begin(j *Job, job any) {
	s.waiting.Add(1)
	j.began, j.code = j.lp.now, reflect.ValueOf(job).Pointer()
	if j.next = s.list; j.next != nil {
		j.next.prev = j
	}
	s.list = j
}

func (s *jobs) end(j *Job) {
	if j.prev != nil {
		j.prev.next = j.next
	} else {
		s.list = j.next
	}
	if j.next != nil {
		j.next.prev = j.prev
	}
	j.prev, j.next = nil, nil
}
