package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestServeFromWindows has the server built for Windows, run by Wine, serve clients of this system: pairs of them, each
// in a room of its own, who say in turn what the other compares byte by byte. PIKE_WINE is the command to run it with,
// and PIKE_WINE_MESSAGES how many messages there are in all.
func TestServeFromWindows(t *testing.T) {
	wine := os.Getenv("PIKE_WINE")
	if wine == "" {
		t.Skip("PIKE_WINE does not name a Wine to run the server with; .ci/windows does that")
	}
	const pairs = 100
	messages := 100_000
	if n, err := strconv.Atoi(os.Getenv("PIKE_WINE_MESSAGES")); err == nil {
		messages = n
	}
	s := startFromWindows(t, wine)
	deadline := time.Now().Add(4 * time.Minute)
	failed := make(chan error, pairs)
	began := time.Now()
	for i := range pairs {
		go func() { failed <- talk(s.addr, i, messages/pairs, deadline) }()
	}
	for range pairs {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d messages between %d clients in %v", messages, 2*pairs, time.Since(began))
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil { // Wine makes Ctrl-C of it
		t.Fatal(err)
	}
	s.ends(0)
}

func startFromWindows(t *testing.T, wine string) *child {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "chat.exe")
	build := exec.Command("go", "build", "-o", exe, ".")
	build.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c := launch(t, exec.Command(wine, exe, "-listen", "127.0.0.1:0", "-quiet"))
	c.listens()
	return c
}

// A speaker is one of a pair.
type speaker struct {
	net.Conn
	lines *bufio.Reader
	name  string
	room  string
	buf   bytes.Buffer
	chars []byte
}

// Lines are shorter than the server's most, and messages of so many bytes.
const (
	chunk             = 3900
	shortest, longest = 64, 70_000
)

// talk has a pair say messages in turn.
func talk(addr string, pair, messages int, deadline time.Time) error {
	var both [2]*speaker
	for i := range both {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		defer conn.Close()
		conn.SetDeadline(deadline)
		s := &speaker{Conn: conn, lines: bufio.NewReaderSize(conn, 64<<10)}
		s.name, s.room = fmt.Sprintf("c%d-%d", pair, i), fmt.Sprintf("#r%d", pair)
		if _, err := fmt.Fprintf(s, "/nick %s\n/join %s\n/who\n", s.name, s.room); err != nil {
			return err
		}
		if _, err := s.find("* in " + s.room + ": "); err != nil { // the answer to /who: both stages are over
			return err
		}
		both[i] = s
	}
	rng := rand.New(rand.NewPCG(uint64(pair), 7))
	for n := range messages {
		from, to := both[n%2], both[1-n%2]
		said := make(chan error, 1)
		// As many of 64 to 128 bytes as of 32 KiB to 64.
		size := int(math.Exp(math.Log(shortest) + rng.Float64()*math.Log(float64(longest)/shortest)))
		message := from.message(rng, size)
		go func() { said <- from.say(message) }()
		if err := to.hear(from, message); err != nil {
			return fmt.Errorf("pair %d, message %d of %d bytes: %w", pair, n, size, err)
		}
		if err := <-said; err != nil {
			return err
		}
	}
	return nil
}

// message makes a text that no other is like.
func (s *speaker) message(rng *rand.Rand, size int) []byte {
	if cap(s.chars) < size {
		s.chars = make([]byte, longest)
	}
	p := s.chars[:size]
	for i := 0; i < size; {
		for v := rng.Uint64(); v > 0 && i < size; v, i = v>>6, i+1 {
			p[i] = '0' + byte(v&63) // no space, no control, and no slash, which begins a command
		}
	}
	return p
}

// say sends a message as lines.
func (s *speaker) say(message []byte) error {
	s.buf.Reset()
	for part := range slices.Chunk(message, chunk) {
		s.buf.Write(part)
		s.buf.WriteByte('\n')
	}
	_, err := s.Write(s.buf.Bytes())
	return err
}

// hear reads a message and compares it.
func (s *speaker) hear(from *speaker, message []byte) error {
	prefix := "[" + s.room + "] " + from.name + ": "
	for part := range slices.Chunk(message, chunk) {
		line, err := s.find(prefix)
		if err != nil {
			return err
		}
		if got := strings.TrimSuffix(line[len(prefix):], "\n"); got != string(part) {
			return fmt.Errorf("got %d bytes, %.40q..., want %d, %.40q...", len(got), got, len(part), part)
		}
	}
	return nil
}

// find reads up to the line that begins with a prefix. Those about who comes and goes are passed over, and nothing else.
func (s *speaker) find(prefix string) (string, error) {
	for {
		line, err := s.lines.ReadString('\n')
		switch {
		case err != nil:
			return "", err
		case strings.HasPrefix(line, prefix):
			return line, nil
		case !strings.HasPrefix(line, "* "):
			return "", fmt.Errorf("got %.60q instead of %q: %w", line, prefix, io.ErrUnexpectedEOF)
		}
	}
}
