package signal_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	ossignal "os/signal"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"example.com/pike/loop"
	"example.com/pike/signal"
	"example.com/pike/timer"
)

// The events of a console (HandlerRoutine, Microsoft's documentation). os/signal
// makes os.Interrupt of the first two and SIGTERM of the others.
const (
	ctrlC     = 0
	ctrlBreak = 1
	ctrlClose = 2
)

// raise does in this process what the console does for an event: a thread that runs
// CtrlRoutine. GenerateConsoleCtrlEvent needs a console, and reaches all who have it.
func raise(t *testing.T, event uintptr) {
	t.Helper()
	routine := syscall.NewLazyDLL("kernelbase.dll").NewProc("CtrlRoutine")
	if err := routine.Find(); err != nil {
		t.Skip("this system does not give out its CtrlRoutine: ", err)
	}
	var id uint32
	createThread := syscall.NewLazyDLL("kernel32.dll").NewProc("CreateThread")
	h, _, err := createThread.Call(0, 0, routine.Addr(), event, 0, uintptr(unsafe.Pointer(&id)))
	if h == 0 {
		t.Fatal("CreateThread: ", err)
	}
	syscall.CloseHandle(syscall.Handle(h))
}

func TestNotify(t *testing.T) {
	lp := newLoop(t)
	var got []os.Signal
	events := []uintptr{ctrlC, ctrlBreak, ctrlC, ctrlBreak}
	w, err := signal.Notify(lp, func(s os.Signal) {
		if got = append(got, s); len(got) == len(events) {
			lp.Stop()
			return
		}
		raise(t, events[len(got)])
	}, os.Interrupt)
	no(t, err)
	raise(t, events[0])
	run(t, lp)
	equal(t, "signals", fmt.Sprint(got), "[interrupt interrupt interrupt interrupt]")
	no(t, w.Close())
}

func TestOnce(t *testing.T) {
	hold := make(chan os.Signal, 8) // or the second, which nobody watches for, would end the process
	ossignal.Notify(hold, os.Interrupt)
	defer ossignal.Stop(hold)
	lp := newLoop(t)
	got := 0
	_, err := signal.Once(lp, func(os.Signal) {
		got++
		raise(t, ctrlBreak)
	}, os.Interrupt)
	no(t, err)
	raise(t, ctrlC)
	run(t, lp) // which ends as the watcher has closed itself
	equal(t, "signals", got, 1)
	<-hold
	<-hold
}

func TestEveryWatcherIsTold(t *testing.T) {
	one, two := newLoop(t), newLoop(t)
	var got [3]int
	for i, lp := range []*loop.Loop{one, one, two} {
		var w *signal.Watcher
		w, err := signal.Notify(lp, func(os.Signal) { got[i]++; w.Close() }, os.Interrupt)
		no(t, err)
	}
	raise(t, ctrlC)
	run(t, one)
	run(t, two)
	equal(t, "signals", got, [3]int{1, 1, 1})
}

// A stopped watcher hears of nothing.
func TestStop(t *testing.T) {
	hold := make(chan os.Signal, 8)
	ossignal.Notify(hold, os.Interrupt)
	defer ossignal.Stop(hold)
	lp := newLoop(t)
	w, err := signal.Notify(lp, never(t), os.Interrupt)
	no(t, err)
	no(t, w.Stop())
	raise(t, ctrlC)
	<-hold
	_, err = timer.After(lp, 0, func() { w.Close() })
	no(t, err)
	run(t, lp)
}

// asChild has TestTermination be the process that is ended.
const asChild = "SIGNAL_TEST_AS_CHILD"

// The close of the console, a log-off and a shutdown are SIGTERM. The thread that
// brings it stays, as the system ends the process when it returns: so that is a
// process of its own.
func TestTermination(t *testing.T) {
	if os.Getenv(asChild) == "" {
		self, err := os.Executable()
		no(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c := exec.CommandContext(ctx, self, "-test.run=^TestTermination$")
		c.Env = append(os.Environ(), asChild+"=1")
		if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "got terminated") {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	lp := newLoop(t)
	_, err := signal.Once(lp, func(s os.Signal) { fmt.Println("got", s) }, syscall.SIGTERM)
	no(t, err)
	raise(t, ctrlClose)
	run(t, lp)
	os.Exit(0)
}
