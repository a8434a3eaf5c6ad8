package loop

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"example.com/pike/poller"
)

// simulatedLoops is how many loops a Group in a simulator has by default. It is the same on every machine,
// or a seed would mean something else on each.
const simulatedLoops = 4

// GroupOptions are what a Group is made with. The zero value works.
type GroupOptions struct {
	// Loops is how many there are. 0 is runtime.GOMAXPROCS(0), one for each processor that Go uses, and in a
	// simulator 4.
	Loops int

	// Loop is what each of them is made with. Its functions (OnPanic, OnSlow, OnKind), its Executor and its
	// Resolver are called by all loops, at the same time. With a Poller of the caller's a group has one loop,
	// unless the Poller can open more of its kind (poller.Spawner), as a simulated one can. Without OnPanic a
	// panic ends the group.
	Loop Options

	// Grace is how long connections may go on when the group ends because a loop has failed, or has returned.
	// 0 cuts them off at once, a negative Grace is no bound. Shutdown has one of its own.
	Grace time.Duration
}

// A Group is loops that run together, each on a goroutine of its own, so that a program uses all processors.
// A handle belongs to one of them, and to the goroutine of that one; what several loops share needs a lock,
// or belongs to the loop that Loop(key) names.
//
//	g, err := loop.NewGroup(loop.GroupOptions{})
//	...
//	err = g.Run(ctx, func(i int, lp *loop.Loop) error { ... }) // opens what each is to begin with
//
// tcp.ListenGroup and unix.ListenGroup accept connections for all of them. Its methods may be called by any goroutine.
type Group struct {
	members []*member
	grace   time.Duration
	spawner poller.Spawner // nil: the go statement

	// busy counts what keeps the group running: the loops that have something on them, and the mailboxes that
	// are not empty. A mailbox counts from when something is put into it until the loop has run that and is
	// about to wait, so that there is no moment in which a function on its way counts nowhere.
	busy atomic.Int64

	mu        sync.Mutex
	state     groupState
	settingUp bool
	err       *GroupError // the first
	ended     bool        // the loops were told to end
	dones     []func(GroupReport)
}

type groupState uint8

const (
	groupMade groupState = iota
	groupRuns
	groupClosed
)

// A member is a loop of a Group.
type member struct {
	g  *Group
	i  int
	lp *Loop

	counted bool  // in Group.busy: the loop has something on it
	taken   int64 // how often its mailbox was emptied since it last was about to wait

	serving  bool // Group.Run has begun to run it
	over     bool // closed
	reported bool
	report   ShutdownReport
}

// A GroupError is why a Group has ended: what the first of its loops to fail has failed with.
type GroupError struct {
	Loop int   // the number of the loop
	Err  error // of setup or of the poller, or a *PanicError
}

// Error names the loop by its number.
func (e *GroupError) Error() string {
	if p, ok := e.Err.(*PanicError); ok {
		return fmt.Sprintf("loop %d: a callback has panicked: %v", e.Loop, p.Value)
	}
	return fmt.Sprintf("loop %d: %v", e.Loop, e.Err)
}

// Unwrap is what the loop has failed with.
func (e *GroupError) Unwrap() error { return e.Err }

// errExited is a callback that has called runtime.Goexit, as testing.T.FailNow does.
var errExited = errors.New("the loop's goroutine ended by runtime.Goexit")

// NewGroup makes the loops of a Group. They belong to the caller until Run. The errors are those of New, and
// os.ErrInvalid for a negative number of loops, or a Poller that cannot have so many.
func NewGroup(o GroupOptions) (*Group, error) {
	g := &Group{grace: o.Grace}
	g.spawner, _ = o.Loop.Poller.(poller.Spawner)
	n := o.Loops
	switch {
	case n > 0:
	case n < 0:
		return nil, invalid("loop: group")
	case g.spawner != nil:
		n = simulatedLoops
	case o.Loop.Poller != nil:
		n = 1
	default:
		n = runtime.GOMAXPROCS(0)
	}
	if n > 1 && o.Loop.Poller != nil && g.spawner == nil {
		return nil, invalid("loop: group")
	}
	for i := range n {
		if err := g.add(i, o.Loop); err != nil {
			g.Close()
			return nil, err
		}
	}
	return g, nil
}

// add makes loop i.
func (g *Group) add(i int, o Options) (err error) {
	if i > 0 && g.spawner != nil {
		if o.Poller, err = g.spawner.OpenThread(); err != nil {
			return err
		}
	}
	m := &member{g: g, i: i, counted: true}
	if o.OnPanic == nil {
		o.OnPanic = func(_ Handle, value any, stack []byte) { g.fail(i, &PanicError{value, stack}) }
	}
	if m.lp, err = New(o); err != nil {
		return err
	}
	g.busy.Add(1)
	m.lp.member, m.lp.mail.member = m, m
	m.lp.Maker().EachTurn(m, true)
	g.members = append(g.members, m)
	return nil
}

// Len is how many loops there are.
func (g *Group) Len() int { return len(g.members) }

// At is loop i, from 0 to Len()-1.
func (g *Group) At(i int) *Loop { return g.members[i].lp }

// Group is the group that the loop is one of, and its number there; nil if it is of none. Any goroutine may call it.
func (l *Loop) Group() (g *Group, i int) {
	if l.member == nil {
		return nil, 0
	}
	return l.member.g, l.member.i
}

// Loop is the loop that owns a key: for state that is divided among the loops, so that each part has one owner and
// needs no lock. It is the same loop each time, and in every process whose group has as many loops. Where
// there is one loop more, one key of that many moves, and to the new loop.
//
// The hash is the jump consistent hash (Lamping and Veach, arXiv:1406.2294) of FNV-1a with 64 bits of the key,
// finished as in MurmurHash3.
func (g *Group) Loop(key string) *Loop { return g.members[jump(hashed(key), len(g.members))].lp }

// hashed is FNV-1a, whose upper bits depend on too few of the last bytes, with the finalizer of MurmurHash3.
func hashed(key string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// jump is the jump consistent hash.
func jump(key uint64, n int) int {
	last, next := int64(-1), int64(0)
	for next < int64(n) {
		last = next
		key = key*2862933555777941757 + 1
		next = int64(float64(last+1) * (float64(1<<31) / float64(key>>33+1)))
	}
	return int(last)
}

// BeforeRun is nil as long as the loops belong to who has made the group: before Run, and in its setup. It is
// ErrRunning while they run, and net.ErrClosed after that.
func (g *Group) BeforeRun() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.state == groupMade, g.settingUp:
		return nil
	case g.state == groupRuns:
		return ErrRunning
	}
	return net.ErrClosed
}

// Each posts fn to each loop: it is called once on each, on its goroutine, with the loop. Before Run it waits
// for that, and it keeps the group running, as Loop.Post does. The error is os.ErrInvalid for a nil fn, and
// net.ErrClosed when no loop will call it, because the group has ended. A loop that ends meanwhile may not call
// it.
func (g *Group) Each(fn func(lp *Loop)) error {
	if fn == nil {
		return invalid("loop: each")
	}
	posted := false
	for _, m := range g.members {
		posted = m.lp.Post(func() { fn(m.lp) }) == nil || posted
	}
	if !posted {
		return &misuse{"loop: each", net.ErrClosed}
	}
	return nil
}

// Metrics are those of all loops together, as Metrics.Add has it: counts are sums, and histograms are one. Any
// goroutine may call it; see Loop.Metrics.
func (g *Group) Metrics() (m Metrics) {
	for _, o := range g.members {
		of := o.lp.Metrics()
		m = m.Add(&of)
	}
	return m
}
