package udp_test

import (
	"bufio"
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"example.com/pike/udp"
)

const echoRounds, echoBatch = 10, 32

// TestCalls counts system calls: each batch of 32 is one sendmmsg, and two
// recvmmsg, of which the second finds that there is no more.
func TestCalls(t *testing.T) {
	counts := filepath.Join(t.TempDir(), "counts")
	runChild(t, "TestCallsChild", "true", "strace", "-f", "-qq", "-c", "-o", counts,
		"-e", "trace=sendmmsg,recvmmsg,sendmsg,recvmsg,sendto,recvfrom")
	calls, data := readCounts(t, counts)
	t.Logf("%d datagrams there and back: %v", echoRounds*echoBatch, calls)
	if n := calls["sendmmsg"]; n < 2*echoRounds || n > 2*echoRounds+5 {
		t.Errorf("%d calls of sendmmsg for %d batches\n%s", n, 2*echoRounds, data)
	}
	if n := calls["recvmmsg"]; n < 2*echoRounds || n > 4*echoRounds+5 {
		t.Errorf("%d calls of recvmmsg for %d batches\n%s", n, 2*echoRounds, data)
	}
}

// readCounts reads the table that strace -c has written: the number of calls is
// the fourth column, the name the last.
func readCounts(t *testing.T, file string) (calls map[string]int, data []byte) {
	t.Helper()
	data, err := os.ReadFile(file)
	no(t, err)
	calls = map[string]int{}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 5 {
			continue
		}
		if n, err := strconv.Atoi(f[3]); err == nil {
			calls[f[len(f)-1]] += n
		}
	}
	return calls, data
}

func TestCallsChild(t *testing.T) {
	needChild(t)
	lp := newLoop(t)
	server, client := listen(t, lp, anyV4, nil), listen(t, lp, anyV4, nil)
	server.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) { writeTo(t, c, string(p), from) }
	got := 0
	batch := func() {
		for range echoBatch {
			writeTo(t, client, "x", server.LocalAddr())
		}
	}
	client.OnRead = func(*udp.Conn, []byte, netip.AddrPort) {
		switch got++; {
		case got == echoRounds*echoBatch:
			client.Close()
			server.Close()
		case got%echoBatch == 0:
			batch()
		}
	}
	batch()
	run(t, lp)
}
