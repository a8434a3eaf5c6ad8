package pollertest

import (
	"maps"
	"regexp"
	"slices"
	"syscall"
	"testing"

	"example.com/pike/poller"
)

// RunNamed is RunStreams over named pipes. Each listener has a name that fresh returns, and nobody is at
// another. What has IP addresses for a subject is left out, and so
// are options of a socket. Datagrams that a test needs besides go over 127.0.0.1.
func RunNamed(t *testing.T, open func(t testing.TB) poller.Poller, fresh func() string, except map[string]string) {
	t.Helper()
	var of [][]clause
	for _, chapter := range streamChapters {
		switch &chapter[0] {
		case &familyClauses[0], &addressClauses[0], &optionClauses[0], &inheritClauses[0], &hookClauses[0], &adoptClauses[0],
			&socketFileClauses[0]:
			continue
		}
		of = append(of, chapter)
	}
	all := slices.Concat(append(of, namedClauses)...)
	for i := range all {
		all[i].both = false
		all[i].fresh = fresh
		all[i].swap = toldOfReset.MatchString(all[i].name)
	}
	runClauses(t, all, open, maps.Clone(except))
}

// toldOfReset are the tests in which the first end of a pair resets. That is the accepted one here, as
// the client of a named pipe has no call for it.
var toldOfReset = regexp.MustCompile(`^C(3_reset_after|12_reset_(while|before|behind)|12_stopped_in|5_.*resets$)`)

var namedClauses = []clause{
	{name: "Name_of_both_ends", test: nameOfBothEnds},
	{name: "Name_in_use", test: listenInUse},
	{name: "Name_again_at_once", test: listenAgain},
}

// at is where a is for named pipes.
func (r *rig) at(a poller.Addr) poller.Addr {
	if r.fresh == nil || !a.AddrPort.IsValid() {
		return a
	}
	return poller.Addr{Path: r.fresh()}
}

// inFamily is what an error is called by named pipes, for which nobody is no refusal.
func (r *rig) inFamily(fault syscall.Errno) syscall.Errno {
	if r.fresh != nil && fault == faultRefused {
		return syscall.ENOENT
	}
	return fault
}

func nameOfBothEnds(r *rig) {
	v := r.listen(nil)
	a, b := r.pairOf(v, nil)
	r.same("the dialed end's Peer", a.s.Peer(), v.addr())
	r.same("the dialed end's Addr", a.s.Addr(), poller.Addr{})
	r.same("the accepted end's Addr", b.s.Addr(), v.addr())
	r.same("the accepted end's Peer", b.s.Peer(), poller.Addr{})
	a.close()
	b.close()
	v.close()
	r.until("all is closed", func() bool { return a.closed && b.closed && v.closed })
	r.same("Addr after Closed", b.s.Addr(), poller.Addr{})
	r.same("Addr of a closed listener", v.addr(), poller.Addr{})
}
