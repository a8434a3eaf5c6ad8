//go:build darwin || linux || (freebsd && (amd64 || arm64 || riscv64))

package readiness

import (
	"errors"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// fileStep is how much of a file is sent by a call. What the socket has no room for is looked for in
// the cache once more the next time, and so it is not much.
const fileStep = 256 << 10

// SendFile sends by sendfile(2), which takes no flag against waiting for room. So it is for sockets that
// nobody else can make blocking (rule 13).
func (s *stream) SendFile(fd uintptr, off int64, n int) (sent int, err error) {
	switch {
	case s.is(closing):
		return 0, net.ErrClosed
	case s.out != nil && s.out.busy:
		panic("poller: SendFile before Sent")
	case s.is(dialing) || s.lent():
		return 0, errors.ErrUnsupported
	}
	for n > 0 {
		k, tried, e := sys.SendFile(s.fd, fd, off, min(n, fileStep))
		sent, off, n = sent+k, off+int64(k), n-k
		switch {
		case e == unix.EINTR:
		case e == unix.EBUSY:
			return sent, poller.ErrNotCached
		case e == 0 && k == 0:
			return sent, io.ErrUnexpectedEOF
		case e == 0 && k == tried:
		case e == 0 || e == unix.EAGAIN: // a file that has become shorter shows it the next time
			return sent, s.await(0)
		case ofFile(e):
			return sent, fileError(e)
		default:
			s.noteReset(e)
			return sent, s.await(e)
		}
	}
	return sent, nil
}

// await has Sent called when there is room, or with e. It is no error, and so it is nil.
func (s *stream) await(e sys.Errno) error {
	o := s.pending()
	o.busy = true
	if e == 0 {
		e = s.arm(s.directions() | poller.Writable)
	}
	if e != 0 {
		o.err = e
		s.failLater()
	}
	return nil
}

// ofFile reports whether a sendfile has failed because of the file. All else is of the socket.
func ofFile(e sys.Errno) bool {
	switch e {
	case unix.EBADF, unix.EINVAL, unix.EIO, unix.EISDIR, unix.ENODEV, unix.ENOSYS, unix.ENXIO, unix.EOPNOTSUPP,
		unix.EOVERFLOW, unix.ESPIPE, unix.ESTALE:
		return true
	}
	return false
}

// fileError is what SendFile returns. A file system that has no sendfile is EINVAL, as procfs is, and so is
// what can be found out better by reading the file.
func fileError(e sys.Errno) error {
	switch e {
	case unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP:
		return errors.ErrUnsupported
	}
	return os.NewSyscallError("sendfile", e)
}

var _ poller.FileSender = (*stream)(nil)
