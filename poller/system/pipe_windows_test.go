package system_test

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"sync/atomic"
	"testing"

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
		except["Path_in_use"] = "Wine 8 does not look at FILE_FLAG_FIRST_PIPE_INSTANCE"
	}
	pollertest.RunPaths(t, func(t testing.TB) poller.Poller { return opened(t)(system.Open("")) }, pipeName, except)
}
