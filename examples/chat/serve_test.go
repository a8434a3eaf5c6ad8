package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/pike/poller/pollertest"
)

const (
	goodbye  = "* the server is shutting down"
	exitTime = 2 * time.Second * slowdown
)

// temporary is the name of a file that does not exist yet. (Not of T.TempDir: Wine 8 cannot remove folders, which
// would fail the test.)
func temporary(t testing.TB) string {
	dir, err := os.MkdirTemp("", "chat")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "transcript")
}

func TestServe(t *testing.T) {
	file := temporary(t)
	if err := os.WriteFile(file, []byte("of old\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, "-transcript", file)
	a, b := named(t, s.addr, "ann"), named(t, s.addr, "bob")
	want := "of old\n"
	for i := range 500 {
		a.send(fmt.Sprint("from ann ", i))
		b.send(fmt.Sprint("from bob ", i))
		b.next(fmt.Sprint("[#lobby] ann: from ann ", i))
		a.next(fmt.Sprint("[#lobby] bob: from bob ", i))
	}
	a.send("/msg bob and this")
	b.next("[ann -> bob] and this")
	s.signal(os.Interrupt)
	if got := a.next("* "); got != goodbye {
		t.Errorf("%q", got)
	}
	b.next(goodbye)
	a.ends()
	b.ends()
	if d := s.ends(0); d > exitTime {
		t.Error("it took", d)
	}
	got, err := os.ReadFile(file)
	if err != nil || !strings.HasPrefix(string(got), want) || bytes.Count(got, []byte{'\n'}) != 1002 {
		t.Fatalf("the transcript is %.100q..., %v", got, err)
	}
	for i := range 500 {
		for _, name := range []string{"ann", "bob"} {
			if l := fmt.Sprintf("\n[#lobby] %s: from %s %d\n", name, name, i); !strings.Contains(string(got), l) {
				t.Errorf("%q is not in the transcript", l)
			}
		}
	}
	if !strings.HasSuffix(string(got), "\n[ann -> bob] and this\n") {
		t.Error("the end of the transcript is missing")
	}
}

// TestTermination has clients that never close, and some that do not read and have more to read than the system holds
// for them, but not so much that they are dropped: as they come one by one, each has half a MiB less than the one before.
func TestTermination(t *testing.T) {
	s := startServer(t)
	a, b := named(t, s.addr, "ann"), named(t, s.addr, "bob")
	text := strings.Repeat("x", 4000)
	for i := 0; !strings.Contains(s.stderr.String(), "unread"); i++ {
		deaf := call(t, s.addr)
		deaf.SetReadBuffer(4096)
		for k := range 128 {
			a.send(fmt.Sprint(i, " ", k, " ", text))
		}
		b.next(fmt.Sprint("[#lobby] ann: ", i, " 127 "))
	}
	s.signal(syscall.SIGTERM)
	if d := s.ends(0); d > exitTime {
		t.Error("it took", d)
	}
	s.logged("clients that do not read were cut off")
	a.next(goodbye)
	b.next(goodbye)
}

func TestHalfClose(t *testing.T) {
	s := startServer(t)
	c := call(t, s.addr)
	c.send("hi", "/who")
	c.CloseWrite()
	c.next("* in #lobby: guest-1")
	c.ends()
}

func TestSlowReader(t *testing.T) {
	s := startServer(t)
	slow := named(t, s.addr, "slow")
	slow.SetReadBuffer(4096)
	a, b := named(t, s.addr, "ann"), named(t, s.addr, "bob")
	const n = 5000
	text := strings.Repeat("x", 4000)
	ahead := make(chan struct{}, 100) // lines: less than 1 MiB, or a busy machine makes bob slow as well
	go func() {
		for range n {
			ahead <- struct{}{}
			if _, err := io.WriteString(a, text+"\n"); err != nil {
				return
			}
		}
	}()
	for range n {
		b.next("[#lobby] ann: " + text)
		<-ahead
	}
	s.logged(`"reason": "more than 1 MiB unread"`)
	b.send("/who")
	b.next("* in #lobby: ann, bob")
	a.send("/who")
	a.next("* slow left #lobby")
}

func TestManyClients(t *testing.T) {
	s := startServer(t)
	const clients, each = 200, 5 / slowdown
	all := make([]*caller, clients)
	for i := range all {
		all[i] = named(t, s.addr, fmt.Sprint("client-", i))
	}
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() {
			for k := range each {
				c.send(fmt.Sprintf("message %d of %d", k, i))
			}
		})
		wg.Go(func() {
			next := make([]int, clients)
			for range (clients - 1) * each {
				l := c.next("[#lobby] ")
				var from, k, of int
				_, err := fmt.Sscanf(l, "[#lobby] client-%d: message %d of %d", &from, &k, &of)
				if err != nil || of != from || next[from] != k || from == i {
					t.Errorf("client %d got %q, want message %d", i, l, next[from])
					return
				}
				next[from]++
			}
		})
	}
	wg.Wait()
	all[0].send("/rooms")
	all[0].next("* rooms: #lobby (200)")
}

// TestKilledClients ends terminals in the middle of what they send.
func TestKilledClients(t *testing.T) {
	if pollertest.Wine() != "" {
		t.Skip("Wine keeps the connections of a killed process that had operations out, and the peer sees no end")
	}
	s := startServer(t)
	a := named(t, s.addr, "ann")
	for i := range 5 {
		name := fmt.Sprint("victim-", i)
		c := start(t, "-connect", s.addr, "-name", name)
		go func() {
			for {
				if _, err := io.WriteString(c.stdin, strings.Repeat("victim ", 500)+"\n"); err != nil {
					return
				}
			}
		}()
		a.next("[#lobby] " + name + ": victim")
		c.cmd.Process.Kill()
		a.next("* " + name + " left #lobby")
	}
	a.send("/who")
	a.next("* in #lobby: ann")
}

// TestDeafParent has nobody read what the server logs.
func TestDeafParent(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	log := newSink(w)
	line := bytes.Repeat([]byte{'x'}, 1000)
	for range 10_000 { // more than the pipe and the queue hold
		log.Write(line)
	}
	began := time.Now()
	log.stop()
	if d := time.Since(began); d > 10*sinkTime {
		t.Error("it waited", d)
	}
}

func TestQuiet(t *testing.T) {
	var loud, quiet text
	for out, q := range map[*text]bool{&loud: false, &quiet: true} {
		s := newSink(out)
		l := logger(s, q)
		l.Info("an event")
		l.Error("a failure")
		s.stop()
	}
	if s := loud.String(); !strings.Contains(s, "INFO an event\n") || !strings.Contains(s, "ERROR a failure\n") {
		t.Errorf("%q", s)
	}
	if s := quiet.String(); strings.Contains(s, "event") || !strings.Contains(s, "failure") {
		t.Errorf("%q", s)
	}
}

// TestSecondSignal does not wait for clients that do not close.
func TestSecondSignal(t *testing.T) {
	s := startServer(t)
	named(t, s.addr, "ann")
	s.signal(syscall.SIGTERM)
	s.signal(os.Interrupt)
	s.ends(0)
	s.logged("shut down")
}
