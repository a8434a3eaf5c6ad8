// Package pollertest is the contract of package poller as a suite of tests that
// every backend must pass, as nettest is for net.Conn.
//
// A test is named after the rule it holds, C1 to C15, or after the method or the
// interface it is about. The tests of Adopt hold rule 13, and those of Foreteller rule 14.
// All hold rule 16, when stream/layer/layertest runs them over a layer. Rule 10 leaves nothing to hold.
//
// The tests know nothing but [poller.Poller] and its optional interfaces, so that the
// suite runs on systems and on a simulated network alike. Sockets of one poller talk to
// each other over 127.0.0.1 and ::1. Time is the poller's. No test expects that a Send is
// done at once, that data arrives in certain pieces, or an order between two sockets. Every
// wait is bounded in time and in Polls.
//
// Every upcall goes to a recorder, which checks in all tests what must always
// hold: an upcall comes inside Poll and not inside a call, nothing comes after Closed,
// Sent answers a Send, and data is what was sent. See conn, server, packet.
package pollertest

import (
	"maps"
	"net/netip"
	"slices"
	"testing"

	"example.com/pike/poller"
)

// A clause is one line of the contract and the test that holds it.
type clause struct {
	name string
	test func(r *rig)
	both bool // in both families, not only on 127.0.0.1

	fresh func() string        // for named pipes: see RunNamed
	also  func() poller.Poller // the other one: see RunMoves
	swap  bool                 // the ends of a pair are the other way round
}

// chapters are the clauses by subject, in the order in which they run. What later clauses
// build on comes first.
var chapters = slices.Concat(streamChapters, [][]clause{
	packetClauses, packetErrorClauses, segmentClauses, controlClauses, connectClauses, refusalClauses, multicastClauses,
})

// streamChapters are those that say something of streams.
var streamChapters = [][]clause{
	clockClauses, wakeClauses,
	familyClauses, dialClauses, addressClauses,
	upcallClauses, sendClauses, bufferClauses, trySendClauses,
	receiveClauses, lentClauses, halfCloseClauses, closedClauses, stopClauses, hangUpClauses,
	budgetClauses, staleClauses, churnClauses, connectedClauses, handlerClauses, lostClauses,
	optionClauses, inheritClauses, hookClauses, adoptClauses, capabilityClauses, endClauses, fileClauses, passingClauses,
	socketFileClauses,
}

// Run runs the suite as sub-tests of t. Each opens a poller of its own, which it
// closes.
func Run(t *testing.T, open func(t testing.TB) poller.Poller) {
	t.Helper()
	RunExcept(t, open, nil)
}

// RunExcept is Run without the tests whose names are in except. They are skipped for the
// reason given there. It is for a system, such as an emulator, that breaks a rule which the
// backend keeps elsewhere. A name that no test has is an error.
func RunExcept(t *testing.T, open func(t testing.TB) poller.Poller, except map[string]string) {
	t.Helper()
	runClauses(t, slices.Concat(chapters...), open, except)
}

// RunStreams is RunExcept of the tests that say something of streams: for who makes only those,
// as layers do.
func RunStreams(t *testing.T, open func(t testing.TB) poller.Poller, except map[string]string) {
	t.Helper()
	all := slices.Concat(streamChapters...)
	mine := maps.Clone(except)
	for name := range except { // of a test of something else
		if !slices.ContainsFunc(all, func(c clause) bool { return c.name == name }) && isClause(name) {
			delete(mine, name)
		}
	}
	runClauses(t, all, open, mine)
}

func isClause(name string) bool {
	return slices.ContainsFunc(slices.Concat(chapters...), func(c clause) bool { return c.name == name })
}

func runClauses(t *testing.T, clauses []clause, open func(t testing.TB) poller.Poller, except map[string]string) {
	t.Helper()
	unknown := maps.Clone(except)
	for _, c := range clauses {
		delete(unknown, c.name)
		t.Run(c.name, func(t *testing.T) {
			if reason, ok := except[c.name]; ok {
				t.Skip(reason)
			}
			if !c.both {
				c.run(t, open, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
				return
			}
			t.Run("ipv4", func(t *testing.T) { c.run(t, open, netip.AddrFrom4([4]byte{127, 0, 0, 1})) })
			t.Run("ipv6", func(t *testing.T) { c.run(t, open, netip.IPv6Loopback()) })
		})
	}
	for name := range unknown {
		t.Errorf("there is no test %s to leave out", name)
	}
}

func (c *clause) run(t *testing.T, open func(t testing.TB) poller.Poller, host netip.Addr) {
	r := &rig{TB: t, p: open(t), host: host, fresh: c.fresh, swap: c.swap}
	t.Cleanup(func() {
		if !r.gone {
			r.p.Close()
		}
	})
	if host.Is6() {
		r.needIPv6()
	}
	if s, ok := r.p.(poller.Sleeper); ok {
		s.MarkWaits(&r.asleep)
	}
	if c.also != nil {
		also := c.also()
		r.also = also
		t.Cleanup(func() { also.Close() })
	}
	c.test(r)
	r.finish()
}
