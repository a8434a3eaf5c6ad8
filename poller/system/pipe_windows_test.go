package system_test

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/pollertest"
	"example.com/pike/poller/system"
)

var pipes atomic.Int64

// pipeName is the name of a pipe that there is not.
func pipeName() string { return fmt.Sprintf(`\\.\pipe\pike-%d-%d`, os.Getpid(), pipes.Add(1)) }

// pipesBreak are the tests of the suite that named pipes cannot pass, by name.
var pipesBreak = map[string]string{
	"C2_trysend_takes_what_it_says":                  noPartialWrite,
	"C15_what_trysend_left_comes_first":              noPartialWrite,
	"Dial_from_a_local_address":                      "a client of a pipe has no address",
	"Acker_tells_what_has_arrived":                   "what the system has taken is with the peer's system, as both are one",
	"C3_half_close_by_the_dialed_end":                noHalfClose,
	"C3_half_close_by_the_accepted_end":              noHalfClose,
	"C3_late_reply_of_a_mebibyte":                    noHalfClose,
	"C2_send_after_shutdown_fails":                   noHalfClose,
	"C3_shutdown_twice_and_of_both_ends":             noHalfClose,
	"C3_shutdown_in_the_upcall_of_the_end":           noHalfClose,
	"C5_sending_and_the_peer_shuts_down":             noHalfClose,
	"SetHandler_inside_an_upcall":                    noHalfClose,
	"C12_reset_after_the_end":                        noHalfClose,
	"C12_reset_after_the_end_and_our_own":            noHalfClose,
	"C12_reset_after_the_end_and_a_send_that_waited": noHalfClose,
	"C12_reset_of_a_crowd_after_its_end":             noHalfClose,
	"C12_reset_behind_an_end_that_is_not_received":   noHalfClose,
	"C12_watched_end":                                noHalfClose,
	"Foreteller_tells_of_data_and_of_the_end":        "the end of a pipe is its Close, which is done in a Poll",
	"C3_reset_is_an_error_not_an_end":                clientEnds,
}

const (
	clientEnds     = "the client of a pipe has no reset: its server sees an end"
	noHalfClose    = "the sides of a pipe end together"
	noPartialWrite = "a pipe has no write that takes what there is room for"
)

// TestContractOfPipes holds named pipes to the contract, as far as they have what it is about.
func TestContractOfPipes(t *testing.T) {
	except := maps.Clone(pipesBreak)
	if strings.HasPrefix(pollertest.Wine(), "8.") {
		except["Name_in_use"] = "Wine 8 does not look at FILE_FLAG_FIRST_PIPE_INSTANCE"
	}
	pollertest.RunNamed(t, func(t testing.TB) poller.Poller { return opened(t)(system.Open("")) }, pipeName, except)
}

// TestPipeEchoAllocatesNothing holds it for a round trip over a named pipe, and for a Send that waits.
func TestPipeEchoAllocatesNothing(t *testing.T) {
	p := opened(t)(system.Open(""))
	t.Cleanup(func() { p.Close() })
	a, b := pair(t, p, poller.Addr{Path: pipeName()})
	message, echo, got := [][]byte{make([]byte, 64)}, make([][]byte, 1), 0
	b.received = func(p []byte, _ error) {
		echo[0] = p
		if !b.Send(echo) {
			t.Error("64 bytes are too much for the system")
		}
	}
	a.received = func(p []byte, _ error) { got += len(p) }
	a.Start()
	b.Start()
	noAllocs(t, "an echo over a named pipe", func() {
		got = 0
		a.Send(message)
		for got < 64 {
			p.Poll(poller.Never)
		}
	})
	parts, sent := [][]byte{make([]byte, 100), make([]byte, 2000), make([]byte, 200_000), make([]byte, 3)}, 0
	a.sent = func(error) { sent++ }
	b.received = func(p []byte, _ error) { got += len(p) }
	noAllocs(t, "a Send over a named pipe that is not done at once", func() {
		got, sent = 0, 0
		if a.Send(parts) {
			sent++
		}
		for got < 202_103 || sent == 0 {
			p.Poll(poller.Never)
		}
	})
}

// TestPipePanicsLoseNothing has each handler panic once: everything is told all the same, in the Polls that
// follow.
func TestPipePanicsLoseNothing(t *testing.T) {
	p := opened(t)(system.Open(""))
	t.Cleanup(func() { p.Close() })
	panics := map[string]bool{}
	once := func(where string) {
		if !panics[where] {
			panics[where] = true
			panic(where)
		}
	}
	// until, where a Poll may panic.
	through := func(what string, done func() bool) {
		t.Helper()
		for deadline := p.Now().Add(10 * time.Second); !done(); {
			func() {
				defer func() { recover() }()
				if p.Now() >= deadline || p.Poll(deadline) != nil {
					t.Fatalf("waited in vain until %s, after panics in %v", what, panics)
				}
			}()
		}
	}
	const conns = 3
	l := listen(t, p, poller.Addr{Path: pipeName()})
	var servers, clients []*stream
	closed, got, sent := 0, [conns]int{}, 0
	l.accepted = func(s poller.Stream) poller.StreamHandler {
		i := len(servers)
		b := &stream{Stream: s}
		b.connected = func(error) { once("Connected of the accepted"); b.Start() }
		b.received = func(p []byte, err error) { got[i] += len(p); once("Received") }
		b.closed = func() { closed++; once("Closed") }
		servers = append(servers, b)
		return b
	}
	connected := 0
	for range conns {
		a := dial(t, p, l.Addr())
		a.connected = func(error) { connected++; once("Connected of the dialed") }
		a.sent = func(error) { sent++; once("Sent") }
		a.closed = func() { closed++ }
		clients = append(clients, a)
	}
	through("all are connected", func() bool { return connected == conns && len(servers) == conns })
	for _, b := range servers {
		b.Start() // of the one that has panicked
	}
	for _, a := range clients {
		if a.Send([][]byte{make([]byte, 1<<20)}) {
			t.Error("a pipe takes a mebibyte that nobody reads")
		}
	}
	through("all is sent and received", func() bool { return sent == conns && got == [conns]int{1 << 20, 1 << 20, 1 << 20} })
	for _, s := range append(servers, clients...) {
		s.Close()
	}
	through("all are closed", func() bool { return closed == 2*conns })
	if len(panics) != 5 {
		t.Errorf("panics in %v only", panics)
	}
}
