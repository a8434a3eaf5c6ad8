package server

import (
	"bytes"
	"context"
	"io"

	"example.com/pike/loop"
)

const (
	unwrittenMost = 4 << 20 // bytes that may wait to be written; then clients wait too
	keptMost      = 1 << 20 // bytes of memory that are kept for the next batch
)

// A transcript appends lines to a file off the loop. There is at most one job at a time, which keeps the order. What
// comes meanwhile is the next batch.
type transcript struct {
	lp     *loop.Loop
	w      io.Writer // nil for no transcript
	idle   func()    // called when a batch is over
	queued []byte
	batch  []byte // being written
	busy   bool
	failed bool // the last batch
	torn   bool // what was written last does not end in \n
	lost   int  // lines
}

func (t *transcript) init(lp *loop.Loop, w io.Writer, idle func()) { t.lp, t.w, t.idle = lp, w, idle }

func (t *transcript) unwritten() int { return len(t.queued) + len(t.batch) }

func (t *transcript) full() bool { return t.unwritten() > unwrittenMost }

// add appends a line that ends in \n.
func (t *transcript) add(text []byte) {
	if t.w == nil {
		return
	}
	t.queued = append(t.queued, text...)
	if !t.busy {
		t.write()
	}
}

func (t *transcript) write() {
	if t.torn {
		t.queued = append([]byte{'\n'}, t.queued...)
	}
	t.batch, t.queued, t.busy = t.queued, t.batch[:0], true
	batch := t.batch
	_, err := loop.Work(context.Background(), t.lp, func(context.Context) (int, error) {
		n, err := t.w.Write(batch)
		if err == nil && n < len(batch) {
			err = io.ErrShortWrite
		}
		return n, err
	}, t.wrote)
	if err != nil { // the executor refused
		t.lp.Post(func() { t.wrote(0, err) })
	}
}

// wrote is the end of a batch. A batch that failed is not tried again, because the disk may stay full for ever, and
// then memory would fill up.
func (t *transcript) wrote(n int, err error) {
	rest := t.batch[n:]
	if n > 0 {
		t.torn = t.batch[n-1] != '\n'
	} else if t.torn {
		rest = rest[1:] // the first \n ends the torn line, and no line of this batch
	}
	if err != nil {
		t.lost += bytes.Count(rest, []byte{'\n'})
		if !t.failed {
			t.lp.Logger().Error("the transcript loses messages", "error", err)
		}
	} else if t.failed {
		t.lp.Logger().Warn("the transcript is written again", "lost", t.lost)
	}
	t.failed, t.busy = err != nil, false
	if t.batch = t.batch[:0]; cap(t.batch) > keptMost {
		t.batch = nil
	}
	if len(t.queued) > 0 {
		t.write()
	}
	t.idle()
}

// end says what is missing.
func (t *transcript) end() {
	if t.lost > 0 {
		t.lp.Logger().Error("the transcript is not complete", "lost", t.lost)
	}
}

// recorded goes on with what had to wait for the transcript.
func (s *Server) recorded() {
	if len(s.pace.backlog) > 0 {
		s.pace.wake()
	}
	s.settle()
}
