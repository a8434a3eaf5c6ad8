// Package handover passes listening sockets from one process to the next, so that a server is replaced by a new
// version of itself without a moment in which nobody listens.
//
//	given, err := handover.Take() // the first thing that main does
//	...
//	ln, err := given.Listener(lp, "http", nil)
//	if errors.Is(err, os.ErrNotExist) {
//		ln, err = tcp.Listen(lp, "127.0.0.1:8080", nil)
//	}
//	...
//	given.Ready()
//
//	signal.Notify(lp, func(os.Signal) {
//		cmd := exec.Command(os.Args[0], os.Args[1:]...)
//		o := handover.Options{Listeners: map[string]*stream.Listener{"http": ln}}
//		handover.Start(lp, cmd, o, func(next *handover.Next, err error) {
//			if err == nil {
//				lp.Shutdown(ctx, grace, nil)
//			}
//		})
//	}, syscall.SIGHUP)
//
// examples/restart is the whole program.
//
// # Where sockets come from
//
// [Take] takes what systemd gives to a unit that has a socket unit: descriptors from 3 on, with LISTEN_FDS,
// LISTEN_PID and LISTEN_FDNAMES in the environment (sd_listen_fds(3)). [Start] gives a child the same. It cannot
// know the number of a child that is not there yet, as LISTEN_PID must be, and says its own number instead, in
// PIKE_HANDOVER. So sockets are taken by the process they were meant for and by none of its children, and the next
// process has to use this package.
//
// # What is lost, and what is not
//
// Both processes have one socket, and it has one backlog. A connection that waits there when the old process stops
// to accept waits for the new one. So nobody is refused at any time, as long as the old process stops only after
// the new one has said that it is ready; Start holds to that order.
//
// Connections that the old process has accepted stay with it. It finishes them, by Loop.Shutdown, and says at the
// end of an answer that the connection ends with it, where its protocol has a word for that (Connection: close). A
// connection that is closed without such a word is closed at the risk of a request that is on its way.
//
// # Telling that it is ready
//
// [Given.Ready] tells the process that has started this one, by a pipe whose end tells, too, that a process has
// died before it was ready. Where there is no such process it tells systemd, as [Notify] does (sd_notify(3)). The
// process that is replaced tells systemd who is in its place: MAINPID.
//
// # Systems
//
// All this is of unix. On Windows Start is errors.ErrUnsupported, as [stream.Listener.File] is, and Take finds
// nothing. systemd is of Linux; elsewhere there is nobody to notify, and Notify does nothing.
package handover

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"example.com/pike/loop"
	"example.com/pike/stream"
)

// The variables of sd_listen_fds(3), and ours, which has the number of the process that has set it and that of
// the descriptor of its pipe.
const (
	listenPID     = "LISTEN_PID"
	listenPIDFDID = "LISTEN_PIDFDID" // another way to say LISTEN_PID, since systemd 258
	listenFDs     = "LISTEN_FDS"
	listenNames   = "LISTEN_FDNAMES"
	handedOver    = "PIKE_HANDOVER"
)

// variables are all that Take takes out of the environment, and that Start does not pass on.
var variables = []string{listenPID, listenPIDFDID, listenFDs, listenNames, handedOver}

// firstFD is SD_LISTEN_FDS_START: what is before are the standard files.
const firstFD = 3

// A Given is what this process was given by who has started it. It belongs to one goroutine.
type Given struct {
	files []*os.File
	ready *os.File // to the process that has started this one, or nil
	told  bool
}

// Take takes what this process was given, and removes the variables that say so from the environment, so that its
// children do not take it for theirs. It is once for a process: the second Take finds nothing. Call it before
// anything that starts a child, because until then the descriptors are inherited.
//
// A process that was given nothing has a Given without files, and no error. Errors are os.ErrInvalid for variables
// that make no sense, and an os.SyscallError for a descriptor that is not open.
func Take() (*Given, error) {
	env := map[string]string{}
	for _, name := range variables {
		env[name] = os.Getenv(name)
		os.Unsetenv(name)
	}
	g, err := take(env, os.Getpid(), os.Getppid())
	if err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	return g, nil
}

// take is Take of what an environment says to the process pid, whose parent is ppid.
func take(env map[string]string, pid, ppid int) (*Given, error) {
	ready, count := -1, env[listenFDs]
	if text, ours := env[handedOver], false; text != "" {
		var err error
		if ready, ours, err = parseHandedOver(text, ppid); err != nil {
			return nil, err
		}
		if !ours {
			return new(Given), nil
		}
	} else if env[listenPID] == "" || count == "" {
		return new(Given), nil
	} else if n, err := strconv.Atoi(env[listenPID]); err != nil || n <= 0 {
		return nil, malformed(listenPID, env[listenPID])
	} else if n != pid {
		return new(Given), nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > mostFDs {
		return nil, malformed(listenFDs, count)
	}
	names := make([]string, n)
	if text := env[listenNames]; text != "" {
		if names = strings.Split(text, ":"); len(names) != n {
			return nil, malformed(listenNames, text)
		}
	}
	return inherit(names, ready)
}

// mostFDs bounds a number that makes no sense. No system has more descriptors for a process (fs.nr_open is 2^20).
const mostFDs = 1 << 20

func parseHandedOver(text string, ppid int) (ready int, ours bool, err error) {
	from, to, _ := strings.Cut(text, ":")
	by, err := strconv.Atoi(from)
	if err == nil {
		ready, err = strconv.Atoi(to)
	}
	if err != nil || ready < firstFD || ready > mostFDs {
		return 0, false, malformed(handedOver, text)
	}
	return ready, by == ppid, nil
}

func malformed(name, value string) error { return fmt.Errorf("%s=%q: %w", name, value, os.ErrInvalid) }

// Files are the sockets that no Listener has taken, in the order in which they came. Their names are those of
// FileDescriptorName in the unit, or of Options.Listeners; a socket without a name has an empty one. They stay the
// Given's: what package net makes of a file (net.FilePacketConn, say, for udp.AdoptConn) has a descriptor of its
// own.
func (g *Given) Files() []*os.File { return append([]*os.File(nil), g.files...) }

// Listener puts the first socket of that name on a loop, by stream.AdoptListener, with the options that are given
// there. An empty name is the first socket there is. It belongs to the loop's goroutine.
//
// Errors are os.ErrNotExist where there is none, which is when to open one, and those of net.FileListener and
// stream.AdoptListener. After these the socket is as it was.
func (g *Given) Listener(lp *loop.Loop, name string, o *stream.Options) (*stream.Listener, error) {
	for i, f := range g.files {
		if name != "" && f.Name() != name {
			continue
		}
		nl, err := net.FileListener(f)
		if err != nil {
			return nil, fmt.Errorf("handover: the socket %q: %w", name, err)
		}
		ln, err := stream.AdoptListener(lp, nl, o)
		if err != nil {
			nl.Close()
			return nil, err
		}
		f.Close()
		g.files = append(g.files[:i], g.files[i+1:]...)
		return ln, nil
	}
	return nil, fmt.Errorf("handover: no socket %q was given: %w", name, os.ErrNotExist)
}

// Ready says that this process does its work from now on: to the process that has started it, which then stops, or
// else to systemd. Handlers of signals should be in place by then, because that process may pass signals on. The
// second Ready does nothing.
//
// What this Given still has, which nobody listens to, is closed. An error says that nobody was told: the process
// that has started this one has died, or those of Notify.
func (g *Given) Ready() error {
	if g.told {
		return nil
	}
	g.told = true
	var err error
	if g.ready == nil {
		err = Notify(ready)
	} else if _, err = g.ready.WriteString(ready + "\n"); err != nil {
		err = fmt.Errorf("handover: %w", err)
	}
	return errors.Join(err, g.Close())
}

const ready = "READY=1"

// Close closes what nobody has taken. A process that ends after that, or goes on, without Ready is one that is not
// ready: the process that has started it goes on in its place.
func (g *Given) Close() error {
	var errs []error
	if g.ready != nil {
		errs = append(errs, g.ready.Close())
	}
	for _, f := range g.files {
		errs = append(errs, f.Close())
	}
	g.ready, g.files = nil, nil
	return errors.Join(errs...)
}
