package loop

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"

	"example.com/pike/poller"
)

// An Explainer is a handle that can say more of itself than its kind.
type Explainer interface {
	Handle

	// Explain is some words about what the handle is and what it waits for: "fires in 3s, then every 5s". It
	// belongs to the loop's goroutine, and changes nothing.
	Explain() string
}

// explainedMost bounds what Explain lists of each kind. A person reads no more.
const explainedMost = 500

// Explain writes what keeps the loop running, for people to read, a line for each: handles with their
// addresses and states, operations in flight, jobs and posted functions by the names of their functions.
// Behind that come the handles that do not keep it running. Of each kind it lists 500 at most, and counts
// the others. How old a handle is nobody remembers.
//
//	7 handles, 1 job and 1 other operation keep the loop running; 2 timeouts are armed, the next expires in 1.5s
//	  stream.Conn      tcp 127.0.0.1:7000 with 127.0.0.1:40112: open, reads, 512 bytes queued
//	  stream.Listener  tcp 127.0.0.1:7000: accepts, 1 connection
//	  timer.Timer      fires in 1.5s, then every 5s
//	  job              main.lookUp: runs, since 3s
//
// Explain belongs to the loop's goroutine; from elsewhere it is lp.Post(func() { lp.Explain(os.Stderr) }).
// A loop that is stuck in a callback cannot answer: Options.Slow is for that. The error is w's,
// ErrOffLoop, or net.ErrClosed after Close.
func (l *Loop) Explain(w io.Writer) error {
	if err := l.checkCaller("loop.Loop.Explain"); err != nil {
		return err
	}
	switch {
	case l.closed:
		return &misuse{"loop: explain", net.ErrClosed}
	case w == nil:
		return invalid("loop: explain")
	}
	b := bufio.NewWriter(w)
	l.explain(b)
	return b.Flush()
}

func (l *Loop) explain(w io.Writer) {
	if l.closed {
		fmt.Fprintln(w, "the loop is closed")
		return
	}
	var keeping, others []Handle
	for _, h := range l.handles.all() {
		if b := h.base(); b.Closing() || b.Active() && b.HasRef() {
			keeping = append(keeping, h)
		} else {
			others = append(others, h)
		}
	}
	jobs := 0
	for j := l.jobs.list; j != nil; j = j.next {
		jobs++
	}
	posts := l.mail.waiting()
	operations := l.requests - jobs
	if l.shutdown != nil {
		operations--
	}
	fmt.Fprintln(w, l.headline(len(keeping), jobs, operations, len(posts)))
	explainHandles(w, keeping)
	l.explainJobs(w)
	explainPosts(w, posts)
	if len(others) > 0 {
		fmt.Fprintln(w, "these do not keep it running:")
		explainHandles(w, others)
	}
}

// headline is the first line.
func (l *Loop) headline(handles, jobs, operations, posts int) string {
	var why []string
	for _, c := range [...]struct {
		n    int
		what string
	}{{handles, "handle"}, {jobs, "job"}, {operations, "other operation"}, {posts, "posted function"}} {
		if c.n > 0 {
			why = append(why, counted(c.n, c.what))
		}
	}
	var parts []string
	switch n := len(why); n {
	case 0:
		parts = append(parts, "nothing keeps the loop running")
		if l.member != nil {
			parts = append(parts, "its group runs as long as anything is on any of its loops")
		}
	case 1:
		keeps := " keep"
		if handles+jobs+operations+posts == 1 {
			keeps = " keeps"
		}
		parts = append(parts, why[0]+keeps+" the loop running")
	default:
		parts = append(parts, strings.Join(why[:n-1], ", ")+" and "+why[n-1]+" keep the loop running")
	}
	if n := l.timers.len(); n > 0 {
		are := "s are armed, the next"
		if n == 1 {
			are = " is armed, which"
		}
		parts = append(parts, fmt.Sprintf("%d timeout%s expires %s", n, are, l.until(l.timers.next())))
	}
	if s := l.shutdown; s != nil {
		text := "Shutdown is under way, for " + l.poller.Now().Sub(s.began).Round(time.Millisecond).String()
		if s.phase == shutdownWaits {
			text += ", and waits for " + counted(int(s.left), "handle") + " to end"
		}
		parts = append(parts, text)
	}
	if l.stop.Load() {
		parts = append(parts, "Stop was called")
	}
	return strings.Join(parts, "; ")
}

// until says when something is due.
func (l *Loop) until(due poller.Time) string {
	if d := due.Sub(l.poller.Now()); d > 0 {
		return "in " + rounded(d).String()
	}
	return "now"
}

func rounded(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Microsecond)
	}
	return d.Round(time.Millisecond)
}

// counted is n and what is counted: "1 byte", "2 bytes".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// explainHandles lists handles by their kinds.
func explainHandles(w io.Writer, hs []Handle) {
	slices.SortStableFunc(hs, func(a, b Handle) int { return strings.Compare(kindOf(a), kindOf(b)) })
	kind, n := "", 0
	rest := func() {
		if n > explainedMost {
			fmt.Fprintf(w, "  %-16s and %d more\n", kind, n-explainedMost)
		}
	}
	for _, h := range hs {
		if k := kindOf(h); k != kind {
			rest()
			kind, n = k, 0
		}
		if n++; n <= explainedMost {
			explainLine(w, kind, sayings(h))
		}
	}
	rest()
}

func explainLine(w io.Writer, kind, text string) {
	fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %-16s %s", kind, text), " "))
}

// sayings is what a handle says of itself, and what the loop knows of it.
func sayings(h Handle) string {
	var parts []string
	if e, ok := h.(Explainer); ok {
		parts = append(parts, e.Explain())
	}
	switch b := h.base(); {
	case b.flags&finishing != 0:
		parts = append(parts, "its close callback is due")
	case b.Closing() && strings.Contains(strings.Join(parts, ""), "closed"): // it has said so
	case b.Closing():
		parts = append(parts, "was closed")
	case !b.Active():
		parts = append(parts, "is not active")
	case !b.HasRef():
		parts = append(parts, "has no reference (Unref)")
	}
	return strings.Join(parts, "; ")
}

func (l *Loop) explainJobs(w io.Writer) {
	n := 0
	for j := l.jobs.list; j != nil; j = j.next {
		if n++; n > explainedMost {
			continue
		}
		state := "waits for the executor"
		switch j.state.Load() {
		case jobBegun:
			state = "runs"
		case jobEnded:
			state = "has ended, and its function is to be called"
		case jobDropped:
			state = "was cancelled, and its function is to be called"
		}
		explainLine(w, "job", fmt.Sprintf("%s: %s, since %v", nameOf(j.code), state, rounded(l.poller.Now().Sub(j.began))))
	}
	if n > explainedMost {
		explainLine(w, "job", fmt.Sprintf("and %d more", n-explainedMost))
	}
}

func explainPosts(w io.Writer, posts []func()) {
	for i, fn := range posts {
		if i == explainedMost {
			explainLine(w, "post", fmt.Sprintf("and %d more", len(posts)-i))
			return
		}
		explainLine(w, "post", nameOf(reflect.ValueOf(fn).Pointer()))
	}
}

// nameOf is the name of a function.
func nameOf(code uintptr) string {
	if f := runtime.FuncForPC(code); f != nil {
		return f.Name()
	}
	return "a function"
}

// waiting is a copy of what was posted and has not run.
func (m *mailbox) waiting() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Concat(m.out[m.next:], m.in)
}

// explainFrom is explain for a poller whose world stands still, on whatever goroutine: the loop's own is
// in Poll and cannot go on. Methods of handles find out that they are called from elsewhere, and so this
// says that they are not.
func (l *Loop) explainFrom(w io.Writer) {
	state := l.sleep.Swap(awake)
	owner := l.owner.become()
	l.explain(w)
	owner()
	l.sleep.Store(state)
	if l.mail.any() { // whoever has posted meanwhile has woken nobody
		l.mail.wake(l.poller)
	}
}

// Explain says which phase the hook is of.
func (h *Hook) Explain() string {
	if h.Loop().checkCaller("loop.Hook.Explain") != nil {
		return ""
	}
	switch h.list {
	case &h.Loop().idle:
		return "idle: the loop does not wait"
	case &h.Loop().prepare:
		return "prepare"
	}
	return "check"
}

// Explain says whether a call of Send is still to be delivered.
func (a *Async) Explain() string {
	if a.Loop().checkCaller("loop.Async.Explain") != nil {
		return ""
	}
	if a.pending.Load() {
		return "was sent"
	}
	return "waits for Send"
}
