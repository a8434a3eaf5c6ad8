package sim

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
)

// A said is an error that a test has told the world by Errorf. The format is the check that has failed.
type said struct{ text, format string }

func (e *said) Error() string { return e.text }

// An exited is errExited with the place where code of the world has ended its goroutine.
type exited struct{ place string }

func (e *exited) Error() string { return errExited.Error() + e.place }

func (e *exited) Unwrap() error { return errExited }

// exited is how the goroutine of a world ends that does not return.
func (w *World) exited() error {
	if w.exit == "" {
		w.exit = exitPlace()
	}
	return &exited{w.exit}
}

// exitPlace is the line that has called runtime.Goexit, or a method of a testing.T that does. A deferred function
// calls it.
func exitPlace() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	exits := false
	for {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.Goexit":
			exits = true
		case exits && !strings.HasPrefix(f.Function, "runtime.") && !strings.HasPrefix(f.Function, "testing."):
			return fmt.Sprintf(", at %s:%d", f.File, f.Line)
		case !more:
			return ""
		}
	}
}

// alike reports whether a is the failure b that was found. A smaller world that fails in
// another way explains nothing: a deadlock is no help where the answer was wrong.
func alike(a, b error, unquoted bool) bool {
	for _, kind := range []error{ErrDeadlock, ErrLimit, errExited} {
		if errors.Is(a, kind) || errors.Is(b, kind) {
			return errors.Is(a, kind) && errors.Is(b, kind) && sameWait(a, b) && sameExit(a, b)
		}
	}
	if errors.Is(a, b) {
		return true
	}
	var broken, found *Violation
	if errors.As(a, &broken) != errors.As(b, &found) || broken != nil && broken.Name != found.Name {
		return false
	}
	var sayA, sayB *said
	if errors.As(a, &sayA) && errors.As(b, &sayB) && sayA.format != sayB.format {
		return false
	}
	return gist(a, unquoted) == gist(b, unquoted)
}

// sameWait reports whether World.Run of a waits for nobody for whom that of b does not. In a smaller world there
// may be fewer. A server that hangs is another failure than a client that does.
func sameWait(a, b error) bool {
	var small, found *Outcome
	if !errors.As(a, &small) || !errors.As(b, &found) {
		return true
	}
	if len(small.waits) == 0 {
		return len(found.waits) == 0
	}
	for name := range small.waits {
		if !found.waits[name] {
			return false
		}
	}
	return true
}

func sameExit(a, b error) bool {
	var small, found *exited
	return !errors.As(a, &small) || !errors.As(b, &found) || *small == *found
}

// awaited are the programs that Run waits for, without the numbers in their names.
func (w *World) awaited() map[string]bool {
	names := map[string]bool{}
	for _, h := range w.hosts {
		if h.program != nil && !h.daemon {
			names[figures.ReplaceAllString(h.name, "#")] = true
		}
	}
	return names
}

// gist is the text of an error without numbers, addresses and times, because
// all of these are different in a smaller world. The gist of a panic is what the program
// said and where, without the stack.
func gist(err error, unquoted bool) string {
	text, place := err.Error(), ""
	if strings.HasPrefix(text, panicPrefix) {
		var stack string
		text, stack, _ = strings.Cut(text, "\ngoroutine ")
		place = panicPlace(stack)
	}
	if unquoted {
		text = quotes.ReplaceAllString(text, "#")
	}
	return figures.ReplaceAllString(text, "#") + place
}

// panicPlace is the line of the code that has panicked, out of the text of a stack. It is the frame behind the
// innermost call of panic, besides those of the runtime itself.
func panicPlace(stack string) string {
	lines := strings.Split(stack, "\n")
	panics := false
	for i := 1; i+1 < len(lines); i += 2 {
		switch name := lines[i]; {
		case strings.HasPrefix(name, "panic("):
			panics = true
		case panics && !strings.HasPrefix(name, "runtime."):
			at, _, _ := strings.Cut(strings.TrimSpace(lines[i+1]), " +0x")
			return "\n" + at
		}
	}
	return ""
}

// quotes are quoted text, and figures are numbers with what belongs to them: 0x1f, 10.0.0.1:7000, 1m3.5s.
var (
	quotes  = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`")
	figures = regexp.MustCompile(`0x[0-9a-fA-F]+|[0-9a-f]{12,}|(?:[0-9]+(?:[.:][0-9]+)*(?:ns|us|µs|ms|s|m|h)?)+`)
)
