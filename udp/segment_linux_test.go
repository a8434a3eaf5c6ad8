package udp_test

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"example.com/pike/udp"
)

// runLength tells the other process how many datagrams to send.
const runLength = "PIKE_UDP_RUN"

// straced runs a test in another process, in a network of its own if loopback is
// to be set up otherwise, and counts its system calls.
func straced(t *testing.T, test, loopback string) map[string]int {
	t.Helper()
	counts := filepath.Join(t.TempDir(), "counts")
	program := []string{"strace", "-f", "-qq", "-c", "-o", counts,
		"-e", "trace=sendmmsg,recvmmsg,sendmsg,recvmsg,sendto,recvfrom"}
	try := "true"
	if loopback != "" {
		program, try = append(program, "unshare", "-rn"), loopback
	}
	runChild(t, test, try, program...)
	calls, _ := readCounts(t, counts)
	return calls
}

// TestCallsOfRuns counts the system calls that 1 KiB datagrams to one peer take:
// one to send, however many there are, and to receive one for each Poll that finds
// something and may find more.
func TestCallsOfRuns(t *testing.T) {
	for _, n := range []int{64, 65, 129} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Setenv(runLength, strconv.Itoa(n))
			calls := straced(t, "TestCallsOfRunsChild", "")
			t.Log(calls)
			equal(t, "calls of sendmmsg", calls["sendmmsg"], 1)
			equal(t, "other calls to send", calls["sendmsg"], 0)
			if got := calls["recvmmsg"]; got < 1 || got > 6 {
				t.Errorf("%d calls of recvmmsg", got)
			}
		})
	}
}

func TestCallsOfRunsChild(t *testing.T) {
	needChild(t)
	n, err := strconv.Atoi(os.Getenv(runLength))
	no(t, err)
	lp := newLoop(t)
	server, client := listen(t, lp, anyV4, nil), listen(t, lp, anyV4, nil)
	got, messages := 0, 0
	server.OnReadBatch = func(c *udp.Conn, ms []udp.Message) {
		for _, m := range ms {
			got += m.Count()
			messages++
		}
		if got == n {
			c.Close()
			client.Close()
		}
	}
	for i := range n {
		_, err := client.WriteTo(numbered(uint32(i), 1024), server.LocalAddr())
		no(t, err)
	}
	run(t, lp)
	if messages > 3 {
		t.Errorf("%d datagrams came in %d messages", n, messages)
	}
}

const refusedBatches = 20

// TestRefusedRuns sends datagrams larger than what the way takes in one piece,
// where the system cuts each of them but not a run: that is tried once and
// remembered, and smaller ones still leave as runs.
func TestRefusedRuns(t *testing.T) {
	calls := straced(t, "TestRefusedRunsChild", "ip link set lo mtu 1500 up")
	t.Log(calls)
	// The first batch is refused, tried by its first datagram (sendto), and sent.
	equal(t, "calls of sendmmsg", calls["sendmmsg"], 2*refusedBatches+1)
}

func TestRefusedRunsChild(t *testing.T) {
	needChild(t)
	lp := newLoop(t)
	h, s := newHearer(t, lp, nil, true), listen(t, lp, anyV4, nil)
	sent := 0
	for i := range 2 * refusedBatches {
		size := 2000
		if i%2 == 1 {
			size = 1000
		}
		for range 20 {
			_, err := s.WriteTo(numbered(uint32(sent), size), h.c.LocalAddr())
			no(t, err)
			sent++
		}
		runUntil(t, lp, "a batch arrives", func() bool { return h.got == sent })
	}
	equal(t, "runs received", h.runs, refusedBatches)
}

// TestRunsThatAreAlwaysRefused sends on a socket without checksums, which the
// system cuts nothing for: that costs two calls, once.
func TestRunsThatAreAlwaysRefused(t *testing.T) {
	calls := straced(t, "TestRunsThatAreAlwaysRefusedChild", "")
	t.Log(calls)
	equal(t, "calls of sendmmsg", calls["sendmmsg"], refusedBatches+1)
}

func TestRunsThatAreAlwaysRefusedChild(t *testing.T) {
	needChild(t)
	lp := newLoop(t)
	h, s := newHearer(t, lp, nil, true), listen(t, lp, anyV4, nil)
	raw, err := s.SyscallConn()
	no(t, err)
	var set error
	no(t, raw.Control(func(fd uintptr) { set = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_NO_CHECK, 1) }))
	no(t, set)
	for i := range refusedBatches {
		for j := range 20 {
			_, err := s.WriteTo(numbered(uint32(20*i+j), 400-i), h.c.LocalAddr())
			no(t, err)
		}
		runUntil(t, lp, "a batch arrives", func() bool { return h.got == 20*(i+1) })
	}
	equal(t, "runs received", h.runs, 0)
}
