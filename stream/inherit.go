package stream

import (
	"errors"
	"fmt"
	"os"

	"example.com/pike/poller"
)

// File is a duplicate of the listener, for another process to inherit: by exec.Cmd.ExtraFiles, say. It is the
// caller's, to close. Both are one socket, with one backlog: who accepts gets a connection, and the socket listens
// until the last of them is closed. The listener goes on as before. What it closes with is its own part, and so a
// unix-domain path is removed all the same, unless unix.ListenConfig.KeepFile says that it stays.
//
// O_NONBLOCK is a property of the socket that all share. Here it stays set, while the Fd method of the file that
// *net.TCPListener gives clears it. Others may clear it all the same: accepting looks first whether a connection
// waits, from here on, at a system call more for each.
//
// Errors are *net.OpError: net.ErrClosed after Close, and errors.ErrUnsupported where a listener has no
// descriptor that another process could accept on: in the simulator, and on Windows, where a socket stays
// with the completion port it was associated with, and no other process has that (CreateIoCompletionPort).
func (ln *Listener) File() (*os.File, error) {
	if err := ln.lp().Check("stream.Listener.File"); err != nil {
		return nil, err
	}
	if ln.Closing() || ln.s == nil {
		return nil, ln.closed("file")
	}
	d, ok := ln.s.(poller.Duplicator)
	if !ok {
		return nil, ln.fail("file", errNoFile)
	}
	fd, err := d.Duplicate()
	if err != nil {
		return nil, ln.fail("file", err)
	}
	return os.NewFile(fd, ln.conf.network+":"+ln.addr.String()), nil
}

// errNoFile is the answer of a listener that cannot be another process's.
var errNoFile = fmt.Errorf("the poller's listeners have no descriptor for another process: %w", errors.ErrUnsupported)
