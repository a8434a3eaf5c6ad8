package tlslayer

// A coroutine is a goroutine that runs only while somebody waits in resume.
//
// It is made of channels, and not of iter.Pull, because of threads. The runtime ends the
// process when a goroutine that is locked to its thread resumes a coroutine that was made
// elsewhere, or the other way round (runtime.coroswitch_m), and nobody can ask whether a
// goroutine is locked: a loop may be, and workers of an Executor may be. Channels know no
// threads. They take 3 µs more in a handshake of 400.
//
// Nor does it matter which goroutine ends it, and whether a step is out: abandon never waits.
// So it cannot leak where a loop closes, and the result of a step is never delivered.
type coroutine struct {
	turn chan struct{} // from resume to the coroutine
	back chan struct{} // and from there; closed when it is over
	gone chan struct{} // closed by abandon
	runs bool          // resume has started it
	left bool          // abandon was called
}

func (c *coroutine) init() {
	c.turn, c.back, c.gone = make(chan struct{}), make(chan struct{}), make(chan struct{})
}

// resume has run go on, until it yields or is over. It does nothing, and says so, for one
// that is abandoned.
func (c *coroutine) resume(run func()) bool {
	select {
	case <-c.gone: // before the first step, maybe: that must not begin
		return false
	default:
	}
	if !c.runs {
		c.runs = true
		go func() {
			defer close(c.back)
			run()
		}()
	} else {
		select {
		case c.turn <- struct{}{}:
		case <-c.gone:
			return false
		case <-c.back: // it is over, by a panic
			return true
		}
	}
	<-c.back
	return true
}

// yield is called by run. It is false when the coroutine is abandoned.
func (c *coroutine) yield() bool {
	select {
	case c.back <- struct{}{}:
	case <-c.gone:
		return false
	}
	select {
	case <-c.turn:
		return true
	case <-c.gone:
		return false
	}
}

// abandon has a coroutine end by itself: one that waits in yield, and one that will. It belongs to
// the loop.
func (c *coroutine) abandon() {
	if c.gone != nil && !c.left {
		c.left = true
		close(c.gone)
	}
}
