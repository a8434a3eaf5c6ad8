package udp_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"example.com/pike/udp"
)

// child says which test of this binary is to play its part in another process.
const child = "PIKE_UDP_CHILD"

func needChild(t *testing.T) {
	t.Helper()
	if os.Getenv(child) != t.Name() {
		t.Skip("this is the other process of another test")
	}
}

// runChild runs a test of this binary under another program, whose absence, or
// lack of permission, is a reason to skip.
func runChild(t *testing.T, test, try string, program ...string) {
	t.Helper()
	for _, name := range []string{program[0], "sh"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	with := func(last ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, program[0], append(program[1:len(program):len(program)], last...)...)
		cmd.Env = append(os.Environ(), child+"="+test)
		return cmd
	}
	if out, err := with("sh", "-c", try).CombinedOutput(); err != nil {
		t.Skipf("%s is not allowed here: %v\n%s", program[0], err, out)
	}
	self, err := os.Executable()
	no(t, err)
	out, err := with("sh", "-c", try+` && exec "$0" "$@"`, self, "-test.run=^"+test+"$", "-test.v").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+test)) {
		t.Fatalf("%v\n%s", err, out)
	}
}

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

// TestFullSocket has a send buffer of the system fill up. Loopback takes what
// is sent at once, so that takes a network of our own whose loopback is slow.
func TestFullSocket(t *testing.T) {
	runChild(t, "TestFullSocketChild",
		"ip link set lo up && tc qdisc add dev lo root tbf rate 40mbit burst 16kb latency 1s", "unshare", "-rn")
}

func TestFullSocketChild(t *testing.T) {
	needChild(t)
	for _, ends := range []string{"OnWrite", "Close", "Abort"} {
		t.Run(ends, func(t *testing.T) { fullSocket(t, ends) })
	}
}

func fullSocket(t *testing.T, ends string) {
	const n, size = 200, 1000
	lp := newLoop(t)
	server := listen(t, lp, anyV4, nil)
	client := listen(t, lp, anyV4, &udp.Options{WriteBuffer: 1}) // the least there is
	var got, sent, dropped, writes int
	closed := false
	finish := func() { // what is behind the bottleneck still comes, and nothing else
		if closed && got == sent {
			soon(t, lp, func() { server.Close() })
		}
	}
	server.OnRead = func(_ *udp.Conn, p []byte, _ netip.AddrPort) {
		equal(t, "datagram", string(p[:4]), fmt.Sprintf("%04d", got))
		equal(t, "size", len(p), size)
		got++
		finish()
	}
	client.OnWrite = func(c *udp.Conn) {
		writes++
		c.Close()
	}
	client.OnClose = func(*udp.Conn) {
		equal(t, "ended", sent+dropped, n)
		closed = true
		finish()
	}
	for i := range n {
		p := append([]byte(fmt.Sprintf("%04d", i)), make([]byte, size-4)...)
		no(t, client.WriteBuffer(p, server.LocalAddr(), func(err error) {
			equal(t, "the datagram that ended", i, sent+dropped)
			if err == nil {
				sent++
			} else {
				dropped++
			}
		}))
	}
	_, err := lp.RunNoWait()
	no(t, err)
	left, bytes := client.Buffered()
	if left == 0 || bytes != left*size {
		t.Errorf("%d datagrams, %d bytes are queued behind a full socket", left, bytes)
	}
	switch ends {
	case "Close":
		no(t, client.Close())
	case "Abort":
		no(t, client.Abort())
	}
	run(t, lp)
	equal(t, "received", got, sent)
	if turns := lp.Metrics().Turns; turns > 5*n {
		t.Errorf("%d turns for %d datagrams", turns, n)
	}
	switch ends {
	case "OnWrite":
		equal(t, "calls of OnWrite", writes, 1)
		equal(t, "sent", sent, n)
	case "Close":
		equal(t, "sent", sent, n)
	case "Abort":
		if sent == 0 || dropped == 0 {
			t.Errorf("%d sent, %d dropped", sent, dropped)
		}
	}
}
