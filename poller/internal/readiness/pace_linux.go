//go:build !kqfake

package readiness

import "example.com/pike/poller/internal/sys"

// A pace decides by what has come lately how the next calls are made: whether a wait
// begins with a look, which does not block, and whether Go's scheduler is told.
type pace struct {
	unasked int // waits from here on that begin without a look
	told    int // calls from here on that the scheduler is told of
}

const (
	// unaskedMost is how many waits go without a look after a look that found nothing. Load
	// that begins meanwhile brings the looks back as soon as two events come at once.
	unaskedMost = 15

	// toldMost is how many receives after one of bulk are told.
	toldMost = 64
)

// looks reports whether the next wait is to begin with a look; must says that it has to.
// Under load looks find something, and the loop never leaves that cheap raw call. Where
// they find nothing, as between the messages of one connection, they are left out.
func (p *pace) looks(must bool) bool {
	if must || p.unasked == 0 {
		return true
	}
	p.unasked--
	return false
}

// idle is when a look has found nothing.
func (p *pace) idle() { p.unasked = unaskedMost }

// brought is when a wait has brought n events.
func (p *pace) brought(n int) {
	if n > 1 {
		p.unasked = 0
	}
}

// bulky reports whether bulk has come lately. Where that is sent on, which is no raw call
// for its length, the processor is handed on, so that more threads want to run than there
// are processors. The system may then put one aside in a raw call, and it holds up the
// garbage collector for milliseconds. So no call is raw then.
func (p *pace) bulky() bool { return p.told > 0 }

// tells is bulky before a receive, which counts.
func (p *pace) tells() bool {
	if p.told == 0 {
		return false
	}
	p.told--
	return true
}

// received is when a receive has brought n bytes.
func (p *pace) received(n int) {
	if n > sys.RawMost {
		p.told = toldMost
	}
}
