package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/pike/poller"
)

// Config is what a world is like. The zero Config is a world without faults.
type Config struct {
	Faults Faults
	Rules  []Rule

	// Link is what the way between two hosts is like until World.Link says
	// otherwise, and Loopback that of a host to itself. The zero Link is 300 to 500
	// microseconds of latency at 125 MB/s, and for Loopback 10 to 30 microseconds.
	Link, Loopback Link

	// SendBuffer and RecvBuffer are the system's buffers of a stream, in bytes; 0
	// is 64 KiB. Options of a socket take precedence.
	SendBuffer, RecvBuffer int

	// Files is how many sockets a process may have open, unless Host.Files says
	// otherwise; 0 is 1 << 20.
	Files int

	// Workers is how many jobs of a process run at once; 0 is 4.
	Workers int

	// Limit bounds the virtual time of the world, Steps its events; 0 is one hour
	// and ten million. A world that reaches either has failed.
	Limit time.Duration
	Steps uint64

	// Params are numbers that a test uses, read by World.Param, and which Explore
	// may make smaller to find a smaller failure.
	Params []Param

	// OpaqueData has World.Hash cover how many bytes are sent, and where to, but not
	// which bytes. It is for programs whose bytes are random and whose behaviour is not, such
	// as those with TLS or QUIC, which draw keys from crypto/rand. How many bytes they send
	// must not be random: signatures by ECDSA differ in size, those by Ed25519 and RSA do not.
	OpaqueData bool

	// Trace is where to tell what happens, a line each.
	Trace io.Writer

	// Decode has the trace tell what bytes mean: what a program gives to a Send, and what it receives at once. The port is
	// the one that was dialed, or that a datagram goes to. An empty text is not told.
	Decode func(port uint16, p []byte) string

	// ShrinkFor bounds the time that Explore and Failure.Shrink take to make a world smaller; 0 is 30 seconds.
	ShrinkFor time.Duration

	spare   *spare   // what is left out of the world
	diagram *diagram // to draw, beside Trace
}

// A Param is a number of a test that may shrink from Value down to Min.
type Param struct {
	Name       string
	Value, Min int
}

// localhost is every machine's name for itself (RFC 6761, 6.3).
const localhost = "localhost"

// The defaults of Config.
const (
	defaultBuffer  = 64 << 10
	defaultFiles   = 1 << 20
	defaultWorkers = 4
	defaultLimit   = time.Hour
	defaultSteps   = 10_000_000
)

// A World is a number of hosts, the network between them, and the clock that
// they all read. It belongs to one goroutine.
type World struct {
	seed       uint64
	cfg        Config
	now        poller.Time
	limit      poller.Time
	steps      uint64
	dice       dice
	queue      queue
	still      int // events in queue that change nothing for anybody; see atRest
	trace      trace
	rates      Faults
	rules      []rule
	ruled      [NumFaults][]*rule
	by         *rule // that has made the current fault strike
	blow       blow
	hits       Hits
	foes       []*foe
	actDice    rand.PCG    // for what it draws
	actSpan    poller.Time // how long the act lasts that begins now
	calm       bool        // by Calm
	invariants []invariant
	sometimes  map[string]bool
	nth        [NumFaults]int // strikes of each by chance, with those that are left out
	err        error          // why the world has ended

	machines []*machine
	hosts    []*Host
	byAddr   map[netip.Addr]*machine
	byName   map[string]*Host // the first process of each machine
	ids      uint32           // sockets so far
	buf      []byte           // what streams receive into
	messages []poller.Message
	spare    [][]byte // buffers of streams, by no one used
	packets  []*datagram

	running int    // programs that Run waits for
	exit    string // where a program has ended its goroutine
	chosen  *Host  // whose turn it is, when a coroutine found out
	rooted  bool   // the root is under way
	awaits  bool   // in Run, for programs to return
	rand    *rand.Rand
	rands   map[string]*rand.Rand // of RandOf
	inbox   inbox                 // what may come from other goroutines
	jobs    jobs

	contexts []*watchedContext
	names    map[string][]netip.Addr

	files       int // opened so far
	fileNumbers int // given to descriptors so far
	handles     int // open descriptors of files, and files on their way
}

// An inbox is what any goroutine may do to a world.
type inbox struct {
	full atomic.Bool
	mu   sync.Mutex
	wake []*Host
	jobs []*job
}

// New makes a world in which everything that is left open is decided by seed.
func New(seed uint64, cfg Config) *World {
	cfg.setDefaults()
	w := &World{seed: seed, cfg: cfg, limit: poller.Time(cfg.Limit), rates: cfg.masked(cfg.Faults)}
	w.dice.seed(seed)
	w.trace.hash, w.trace.out = fnvOffset, cfg.Trace
	if d := cfg.diagram; d != nil {
		d.w, w.trace.diagram = w, d
	}
	w.byAddr = map[netip.Addr]*machine{}
	w.byName = map[string]*Host{}
	w.names = map[string][]netip.Addr{}
	w.Name(localhost, "127.0.0.1", "::1")
	w.arm(cfg.Rules)
	return w
}

func (c *Config) setDefaults() {
	set := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	set(&c.SendBuffer, defaultBuffer)
	set(&c.RecvBuffer, defaultBuffer)
	set(&c.Files, defaultFiles)
	set(&c.Workers, defaultWorkers)
	if c.Limit == 0 {
		c.Limit = defaultLimit
	}
	if c.Steps == 0 {
		c.Steps = defaultSteps
	}
	if c.Link == (Link{}) {
		c.Link = defaultLink
	}
	if c.Loopback == (Link{}) {
		c.Loopback = defaultLoopback
	}
}

// Host returns the host of a name, and adds it if there is none. Names are compared
// without regard to case. A new host without addresses gets one of 10.0.0.0/8 and one of
// fd00::/8. Its name resolves to its addresses in every program of the world. It panics if
// the host is there and has other addresses than those asked for.
func (w *World) Host(name string, addrs ...string) *Host {
	if h := w.Lookup(name); h != nil {
		if len(addrs) > 0 && !slices.Equal(h.m.addrs, parsed(addrs)) {
			panic(fmt.Sprintf("sim: the host %s is there already, with the addresses %v", name, h.m.addrs))
		}
		return h
	}
	m := &machine{w: w, name: name, id: uint16(len(w.machines)), ports: map[portKey]*port{}}
	switch {
	case len(w.machines) == 1<<16-1:
		panic("sim: too many hosts")
	case folded(name) == "" || folded(name) == localhost:
		panic(fmt.Sprintf("sim: no host can be called %q", name))
	}
	m.addrs = parsed(addrs)
	if len(addrs) == 0 {
		v4 := netip.AddrFrom4([4]byte{10, 0, byte(m.id / 250), byte(m.id%250 + 1)})
		v6 := netip.AddrFrom16([16]byte{0: 0xfd, 14: byte((m.id + 1) >> 8), 15: byte(m.id + 1)})
		m.addrs = append(m.addrs, v4, v6)
	}
	for _, a := range m.addrs {
		if w.byAddr[a] != nil {
			panic(fmt.Sprintf("sim: both %s and %s have %v", w.byAddr[a].name, name, a))
		}
		w.byAddr[a] = m
	}
	m.next = uint16(w.dice.below(diePort, ephemeralCount))
	w.machines = append(w.machines, m)
	w.names[folded(name)] = m.addrs
	m.first = w.process(m, name)
	w.byName[folded(name)] = m.first
	return m.first
}

func parsed(addrs []string) (ips []netip.Addr) {
	for _, a := range addrs {
		ips = append(ips, netip.MustParseAddr(a).Unmap())
	}
	return ips
}

// Lookup is the host of a name, or nil if there is none. It finds what Host has
// added, not what Host.Process has.
func (w *World) Lookup(name string) *Host { return w.byName[folded(name)] }

func (w *World) process(m *machine, name string) *Host {
	h := &Host{w: w, m: m, name: name, id: uint16(len(w.hosts)), timer: poller.Never}
	h.chief = h
	if m.off {
		h.gone = ErrKilled
	}
	w.hosts = append(w.hosts, h)
	m.hosts = append(m.hosts, h)
	return h
}

// Name makes a name stand for addresses, in place of those it had; with none
// it is not found any more.
func (w *World) Name(name string, addrs ...string) {
	var ips []netip.Addr
	for _, a := range addrs {
		ips = append(ips, netip.MustParseAddr(a))
	}
	if len(ips) == 0 {
		delete(w.names, folded(name))
		return
	}
	w.names[folded(name)] = ips
}

// folded is a name as it is looked up (RFC 4343; a dot at the end says that it is
// whole).
func folded(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// Now is the time that has passed in the world.
func (w *World) Now() poller.Time { return w.now }

// Seed is what the world was made from.
func (w *World) Seed() uint64 { return w.seed }

// Steps is how many events there have been.
func (w *World) Steps() uint64 { return w.steps }

// Rand is a generator for programs and tests to draw from, made from the seed.
// It is the same one each time.
func (w *World) Rand() *rand.Rand {
	w.enter()
	if w.rand == nil {
		w.rand = rand.New(&w.dice[dieUser])
	}
	return w.rand
}

// Hash stands for everything that has happened: the same seed, Config and
// programs have the same hash on every machine.
func (w *World) Hash() uint64 { return w.trace.hash }

// Hits is how often each fault has struck.
func (w *World) Hits() Hits { return w.hits }

// RuleHits is how often each of Config.Rules has struck.
func (w *World) RuleHits() []uint64 {
	hits := make([]uint64, len(w.rules))
	for i := range w.rules {
		hits[i] = w.rules[i].hits
	}
	return hits
}

// Param is the value of one of Config.Params, perhaps made smaller.
func (w *World) Param(name string) int {
	for _, p := range w.cfg.Params {
		if p.Name == name {
			return p.Value
		}
	}
	panic(fmt.Sprintf("sim: Config.Params has no %q", name))
}

// Errorf ends the world as a failure. Programs may call it from callbacks. With it
// assertion packages take a World in place of a *testing.T.
func (w *World) Errorf(format string, args ...any) {
	if !w.enter() {
		return
	}
	// The packages that want this method begin and end their texts with a newline.
	w.fail(&said{strings.TrimSpace(fmt.Sprintf(format, args...)), format})
}

// Err is why the world has ended, nil as long as it is sound.
func (w *World) Err() error { return w.err }

func (w *World) fail(err error) {
	if w.err == nil && err != nil {
		w.err = err
		w.tellFailure(err)
	}
}

// At calls f after d, between the events of programs: the place for a test to
// cut links, crash hosts or send signals.
func (w *World) At(d time.Duration, f func()) {
	if f == nil {
		panic("sim: At without a function")
	}
	w.enter()
	w.queue.push(w.now.Add(d), evCall, call(f), 0)
}

// A call is a function as an event.
type call func()

func (c call) happen(kind, int64) { c() }
