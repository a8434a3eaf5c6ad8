package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"example.com/pike/handover"
	"example.com/pike/loop"
	"example.com/pike/stream"
)

// A replacement is how this process is replaced, or ends.
type replacement struct {
	lp        *loop.Loop
	o         options
	out       io.Writer
	listeners map[string]*stream.Listener
	starting  *handover.Next // that is not ready
	next      *handover.Next // that is in our place
	again     bool           // SIGHUP came while one was starting: it may have read what is old by now
	stopping  bool
}

func (r *replacement) say(format string, a ...any) {
	fmt.Fprintf(r.out, "%d: %s\n", os.Getpid(), fmt.Sprintf(format, a...))
}

// note writes what could not be told to systemd.
func (r *replacement) note(err error) {
	if err != nil {
		r.say("%v", err)
	}
}

// restart is SIGHUP.
func (r *replacement) restart() {
	switch {
	case r.next != nil: // whoever has sent it knows our number only
		r.pass()
	case r.stopping:
	case r.starting != nil:
		r.again = true
	default:
		r.start()
	}
}

func (r *replacement) start() {
	r.note(handover.NotifyReloading())
	// By the name we were called by, because that is the new version after an update, and also where it is a
	// symbolic link.
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	next, err := handover.Start(r.lp, cmd, handover.Options{Listeners: r.listeners, Within: r.o.within}, r.started)
	if err != nil {
		r.failed(err)
		return
	}
	r.starting = next
	r.say("starts %d", next.Pid())
}

// started is when the new process is ready, or has ended.
func (r *replacement) started(next *handover.Next, err error) {
	r.starting = nil
	if err != nil {
		r.failed(err)
		return
	}
	r.next = next
	r.say("replaced by %d", next.Pid())
	r.note(handover.Notify("MAINPID="+strconv.Itoa(next.Pid()), "READY=1"))
	if r.again {
		r.pass()
	}
	r.finish()
}

func (r *replacement) failed(err error) {
	if r.stopping {
		r.say("ends, and so does the next process: %v", err)
		return
	}
	r.say("goes on: %v", err)
	r.note(handover.Notify("READY=1", "STATUS=the last restart has failed"))
	if r.again {
		r.again = false
		r.start()
	}
}

// pass has the next process restart. It was ready, and so it has a handler.
func (r *replacement) pass() { r.note(r.next.Signal(syscall.SIGHUP)) }

// stop is SIGTERM and SIGINT.
func (r *replacement) stop() {
	if r.starting != nil {
		r.stopping = true
		r.starting.Cancel()
	}
	if r.next == nil {
		r.stopping = true
		r.note(handover.Notify("STOPPING=1"))
	}
	r.finish()
}

// finish ends what is here, in order. A signal while it does so does not wait.
func (r *replacement) finish() {
	grace := r.o.grace
	if r.lp.ShuttingDown() {
		grace = 0
	}
	r.lp.Shutdown(context.Background(), grace, func(report loop.ShutdownReport) {
		if report.Cut > 0 {
			r.say("%d connections cut off", report.Cut)
		}
	})
}
