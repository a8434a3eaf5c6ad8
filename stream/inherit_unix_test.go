//go:build unix

package stream_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// A child that is started by chance does not get the file, and Fd does not make the listener blocking, as that of
// package net's does.
func TestListenerFileFlags(t *testing.T) {
	r := newRig(t)
	f, err := r.listen(nil, nil).File()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	r.no(err)
	defer f.Close()
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)
	r.no(err)
	r.equal("FD_CLOEXEC", flags&unix.FD_CLOEXEC, unix.FD_CLOEXEC)
	flags, err = unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	r.no(err)
	r.equal("O_NONBLOCK", flags&unix.O_NONBLOCK, unix.O_NONBLOCK)
}
