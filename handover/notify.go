package handover

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// notifySocket is where systemd listens (sd_notify(3)).
const notifySocket = "NOTIFY_SOCKET"

// notifyMost is how long a Notify may take: systemd has only to take a datagram.
const notifyMost = 5 * time.Second

// Notify tells systemd of this process: STOPPING=1 when it begins to end, STATUS=text for people, and what else is in
// sd_notify(3). All that is told in one Notify comes together: that another process is in its place is
//
//	handover.Notify("MAINPID="+strconv.Itoa(next.Pid()), "READY=1")
//
// A unit has to have NotifyAccess=main, which Type=notify implies, or more. systemd listens to the main process, and
// so what the next process tells before it has become that is not heard. Given.Ready is what it tells in any case.
//
// Where NOTIFY_SOCKET is not set nobody is to be told, and Notify does nothing. It may be called on any
// goroutine. It waits for room in systemd's socket, as sd_notify does, but no more than five seconds.
//
// Errors are os.ErrInvalid for a state that is no assignment or more than one line, errors.ErrUnsupported for a
// socket that is neither a path nor an abstract name (which @ begins), and those of the system.
func Notify(state ...string) error {
	for _, s := range state {
		if i := strings.IndexByte(s, '='); i <= 0 || strings.ContainsAny(s, "\n\x00") {
			return fmt.Errorf("handover: notify %q: %w", s, os.ErrInvalid)
		}
	}
	path := os.Getenv(notifySocket)
	if path == "" || len(state) == 0 {
		return nil
	}
	if err := send(path, strings.Join(state, "\n")); err != nil {
		return fmt.Errorf("handover: notify %s: %w", path, err)
	}
	return nil
}

func send(path, text string) error {
	if path[0] != '/' && path[0] != '@' || len(path) == 1 {
		return errors.ErrUnsupported
	}
	if err := fits(path); err != nil {
		return err
	}
	c, err := net.Dial("unixgram", path)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(notifyMost))
	_, err = c.Write([]byte(text))
	return err
}

// NotifyReloading tells systemd that a reload or a restart begins, which ends with READY=1: RELOADING=1, and the
// time as Type=notify-reload needs it.
func NotifyReloading() error { return Notify(reloading()...) }
