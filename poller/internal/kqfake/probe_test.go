//go:build freebsd || linux

package kqfake

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const childEnv = "KQFAKE_CHILD"

// TestMain is also the child that a probe waits for.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		time.Sleep(200 * time.Millisecond)
		os.Exit(7)
	}
	os.Exit(m.Run())
}

// An answer is what kevent says in one situation.
type answer struct{ name, text string }

var answers []answer

func out(name, f string, a ...any) { answers = append(answers, answer{name, fmt.Sprintf(f, a...)}) }

var probes = []struct {
	name string
	run  func()
}{
	{"listener", probeListener},
	{"tcp", func() { probeRead("tcp", tcpPair) }},
	{"unixpair", func() { probeRead("unix", unixPair) }},
	{"edge", probeEdge},
	{"reset", probeReset},
	{"write", probeWrite},
	{"connect", probeConnect},
	{"user", probeUser},
	{"timer", probeTimer},
	{"signal", probeSignal},
	{"receipt", probeReceipt},
	{"changelist", probeChangelist},
	{"flags", probeFlags},
	{"timeouts", probeTimeouts},
	{"close", probeClose},
	{"many", probeMany},
	{"pipe", probePipe},
	{"udp", probeUDP},
	{"file", probeFile},
	{"proc", probeProc},
}

func unixPair() (int, int) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	die(err)
	die(unix.SetNonblock(p[1], true))
	return p[0], p[1]
}

// kernel reads what a kernel answered.
func kernel(t *testing.T, file string) []answer {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var all []answer
	for line := range strings.Lines(string(b)) {
		name, text, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "PROBE ")), " ")
		all = append(all, answer{name, strings.TrimSpace(text)})
	}
	return all
}

// TestProbe asks every situation, and holds the model to what FreeBSD 12.1 answered
// but for the differences that are known. On FreeBSD it asks the kernel.
func TestProbe(t *testing.T) {
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Reset(syscall.SIGPIPE)
	answers = nil
	for _, p := range probes {
		done := make(chan bool)
		go func() {
			defer close(done)
			defer func() {
				if e := recover(); e != nil {
					t.Errorf("%s: panic: %v", p.name, e)
				}
			}()
			p.run()
		}()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Fatalf("%s hangs", p.name)
		}
	}
	want := kernel(t, "freebsd-12.1.txt")
	if len(answers) != len(want) {
		t.Errorf("%d answers, want %d", len(answers), len(want))
	}
	for i := range min(len(answers), len(want)) {
		got, want := answers[i], want[i]
		why, known := differences[want.name]
		switch {
		case got == want && known && !strings.HasPrefix(why, "sometimes: "):
			t.Errorf("%s is as the kernel has it: take it off the list of differences", want.name)
		case got != want && !known:
			t.Errorf("%s: %q, the kernel says %q", got.name, got.text, want.text)
		}
	}
	for name := range differences {
		if !strings.Contains(fmt.Sprint(want), "{"+name+" ") {
			t.Errorf("no probe is called %s", name)
		}
	}
}
