package load

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// IdleReport is what tcp-idle prints.
type IdleReport struct {
	Conns         int
	Before, After int64 // resident bytes of the server
}

const (
	// spareDescriptors are for everything of a server that is not a connection.
	spareDescriptors = 128
	// settleTime is for what a server puts off, such as closing or collecting.
	settleTime = 500 * time.Millisecond
)

func idleMain(args []string) (any, error) {
	var e echo
	fs := e.target.flags("tcp-idle")
	conns := fs.Int("conns", 18000, "`number` of connections, fewer if descriptors run out")
	size := fs.Int("size", 64, "`bytes` of the one message, at least 8")
	fs.BoolVar(&e.secure, "tls", false, "speak TLS")
	settle := fs.Duration("settle", settleTime, "`time` after the last message, before memory is read")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	n, err := affordable(*conns)
	if err != nil {
		return nil, err
	}
	return e.hold(n, max(*size, stampBytes), *settle)
}

// affordable assumes that the server has the same limit of descriptors, because the same parent has started it.
func affordable(n int) (int, error) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0, fmt.Errorf("getrlimit: %w", err)
	}
	n = min(n, int(l.Cur)-spareDescriptors)
	if n < 1 {
		return 0, fmt.Errorf("a limit of %d descriptors is too low", l.Cur)
	}
	return n, nil
}

// hold has every connection send one word and then fall silent. A connection that never spoke would not show the
// buffers that a server keeps. The first reading comes after one such connection, and so leaves out what is there
// once for all of them.
func (e *echo) hold(n, size int, settle time.Duration) (r *IdleReport, err error) {
	first := echo{target: e.target, secure: e.secure}
	if err := first.greet(1, size); err != nil {
		return nil, err
	}
	defer first.close()
	r = &IdleReport{Conns: n}
	if r.Before, err = settledBytes(e.target.PID, settleTime); err != nil {
		return nil, err
	}
	defer e.close()
	if err := e.greet(n, size); err != nil {
		return nil, err
	}
	r.After, err = settledBytes(e.target.PID, settle)
	return r, err
}

func (e *echo) greet(n, size int) error {
	e.init(size)
	if err := e.connect(n); err != nil {
		return err
	}
	e.once = true
	if err := e.start(); err != nil {
		return err
	}
	for e.answered < n {
		if err := e.turn(); err != nil {
			return fmt.Errorf("%d of %d connections have answered: %w", e.answered, n, err)
		}
	}
	return nil
}

func settledBytes(pid int, settle time.Duration) (int64, error) {
	time.Sleep(settle)
	return residentBytes(pid)
}
