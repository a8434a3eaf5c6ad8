package loop

import "sync"

// A waiter is an Executor whose Submit can wait, as that of an *ants.Pool does when the pool
// is full and was not made to refuse. Waiting is how many callers wait in it.
type waiter interface {
	Executor
	Waiting() int
}

// A submitter hands jobs to a waiter, one after another, on a goroutine that lives while
// there are any: what waits must not be the loop.
type submitter struct {
	to waiter

	mu    sync.Mutex
	queue []submission
	busy  bool
}

type submission struct {
	job     func()
	refused func(error)
}

// newSubmitter returns nil for an Executor that may be called on the loop.
func newSubmitter(e Executor) *submitter {
	if w, ok := e.(waiter); ok {
		return &submitter{to: w}
	}
	return nil
}

func (s *submitter) submit(job func(), refused func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, submission{job, refused})
	if !s.busy {
		s.busy = true
		go s.run()
	}
}

func (s *submitter) run() {
	for {
		next, ok := s.take()
		if !ok {
			return
		}
		if err := s.to.Submit(next.job); err != nil {
			next.refused(err)
		}
	}
}

func (s *submitter) take() (next submission, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.queue, s.busy = nil, false
		return next, false
	}
	next = s.queue[0]
	s.queue[0] = submission{}
	s.queue = s.queue[1:]
	return next, true
}
