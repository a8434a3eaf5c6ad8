package pollertest

import "fmt"

// life is what every recorder watches over: the rules that are the same for all
// kinds of sockets.
type life struct {
	*rig
	name    string
	started bool
	closing bool // Close was called
	closed  bool // Closed was
	turn    int  // the Poll that busy and burst are of
	busy    int  // upcalls
	burst   int  // bytes received
}

// What one Poll may do for one socket (rule 6). The contract names no numbers. These are
// well above the budgets of the backends.
const (
	upcallsMost = 2048
	burstMost   = 8 << 20
)

// endBy makes the call that ends the socket.
func (l *life) endBy(name string, f func()) {
	l.closing, l.started = true, false
	l.call(name, f)
}

func (l *life) over() bool { return l.closed }

func (l *life) broken(rule int, format string, args ...any) {
	l.Helper()
	l.Errorf("rule %d: %s: %s", rule, l.name, fmt.Sprintf(format, args...))
}

// upcall is called first in every upcall.
func (l *life) upcall(what string) {
	l.Helper()
	switch {
	case l.gone:
		l.Errorf("%s: %s although the poller is closed", l.name, what)
	case l.calling != "":
		l.broken(1, "%s inside the call of %s", what, l.calling)
	case !l.polling:
		l.broken(1, "%s outside Poll", what)
	case l.waiting():
		l.Errorf("%s: %s before the poller says that it no longer waits", l.name, what)
	}
	if l.closed {
		l.broken(4, "%s after Closed", what)
	}
	if l.turn != l.polls {
		l.turn, l.busy, l.burst = l.polls, 0, 0
	}
	if l.busy++; l.busy > upcallsMost {
		l.Fatalf("rule 6: %s: %d upcalls in one Poll", l.name, l.busy)
	}
}

// receiving is called first in every upcall that delivers something.
func (l *life) receiving(what string, bytes int) {
	l.Helper()
	l.upcall(what)
	l.delivers(bytes)
	if !l.started && !l.closing {
		l.broken(5, "%s while stopped", what)
	}
}

func (l *life) delivers(bytes int) {
	l.Helper()
	if l.closing {
		l.broken(4, "something is delivered after Close")
	}
	if l.burst += bytes; l.burst > burstMost {
		l.Fatalf("rule 6: %s: %d bytes in one Poll", l.name, l.burst)
	}
}

// ending is what Closed is for every kind of socket.
func (l *life) ending() {
	l.Helper()
	l.upcall("Closed")
	if !l.closing {
		l.broken(4, "Closed without Close")
	}
	l.closed = true
}

func (l *life) String() string {
	state := "stopped"
	switch {
	case l.closing:
		state = "closing"
	case l.started:
		state = "started"
	}
	return l.name + ": " + state
}
