//go:build unix

package quit_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/examples/internal/quit"
	"example.com/pike/loop"
	"example.com/pike/timer"
)

const patience = 30 * time.Second

// told waits, by turns of the loop, until out has text n times.
func told(t *testing.T, lp *loop.Loop, out *bytes.Buffer, text string, n int) {
	t.Helper()
	late := time.Now().Add(patience)
	for strings.Count(out.String(), text) < n {
		if time.Now().After(late) {
			t.Fatalf("%q was not told %d times:\n%s", text, n, out)
		}
		if _, err := lp.RunOnce(); err != nil {
			t.Fatal(err)
		}
	}
}

// Each signal is answered, and waiting for them does not keep the loop running.
func TestExplain(t *testing.T) {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer lp.Close()
	var out bytes.Buffer
	if err := quit.Explain(lp, &out); err != nil {
		t.Fatal(err)
	}
	if lp.Alive() {
		t.Error("the watcher keeps the loop running")
	}
	tick, err := timer.Every(lp, time.Millisecond, func() {})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 3; n++ {
		if err := syscall.Kill(os.Getpid(), syscall.SIGQUIT); err != nil {
			t.Fatal(err)
		}
		told(t, lp, &out, "  timer.Timer      fires ", n)
	}
	tick.Close()
	if err := lp.Run(); err != nil {
		t.Fatal(err)
	}
}

const child = "PIKE_QUIT_CHILD"

// A program that is stuck is ended by the second signal, with the stacks of its goroutines.
func TestStuckProgramEnds(t *testing.T) {
	if os.Getenv(child) != "" {
		stuck(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestStuckProgramEnds$")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 ||
		!bytes.Contains(out, []byte("SIGQUIT: quit")) || !bytes.Contains(out, []byte("quit_test.stuck")) {
		t.Errorf("the child ended with %v:\n%s", err, out)
	}
}

func stuck(t *testing.T) {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := quit.Explain(lp, os.Stdout); err != nil {
		t.Fatal(err)
	}
	lp.Post(func() {
		for late := time.Now().Add(patience); time.Now().Before(late); time.Sleep(10 * time.Millisecond) {
			syscall.Kill(os.Getpid(), syscall.SIGQUIT)
		}
	})
	lp.Run()
}
