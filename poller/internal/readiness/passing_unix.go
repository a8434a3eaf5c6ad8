//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"io"
	"os"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/lent"
	"example.com/pike/poller/internal/sys"
)

// passing is what a poller has for passing files. There is none before it is needed.
type passing struct {
	control sys.PassedControl
	files   []uintptr            // that a receive has brought
	kept    map[uintptr]struct{} // descriptors that are to be dropped
}

func (p *readiness) passes() *passing {
	if p.passing == nil {
		p.passing = &passing{kept: make(map[uintptr]struct{})}
	}
	return p.passing
}

// KeepFile makes another descriptor of the file that fd is.
func (p *readiness) KeepFile(fd uintptr) (uintptr, error) {
	n, e := sys.Duplicate(fd)
	if e != 0 {
		return 0, os.NewSyscallError("fcntl", e)
	}
	p.passes().kept[n] = struct{}{}
	return n, nil
}

// DropFile closes it.
func (p *readiness) DropFile(fd uintptr) {
	if p.GiveFile(fd) {
		closeFile(fd)
	}
}

// GiveFile makes it the caller's. After Close it is closed already, and its number may be another's.
func (p *readiness) GiveFile(fd uintptr) bool {
	if p.passing == nil {
		return false
	}
	_, ok := p.passing.kept[fd]
	delete(p.passing.kept, fd)
	return ok
}

// dropFiles closes what is kept, with the poller.
func (p *readiness) dropFiles() {
	if p.passing != nil {
		for fd := range p.passing.kept {
			closeFile(fd)
		}
		p.passing = nil
	}
}

// PassesFiles reports whether s is a unix-domain socket.
func (s *stream) PassesFiles() bool { return s.local() }

// TakeFiles has files told that arrive, or no more. From then on s is received by recvmsg.
func (s *stream) TakeFiles(on bool) {
	if !s.local() {
		return
	}
	s.unmark(familyMarks)
	if on {
		s.mark(isLocalTaking)
	} else {
		s.mark(isLocal)
	}
}

// takesFiles reports whether TakeFiles is on.
func (s *stream) takesFiles() bool { return s.marks&familyMarks == isLocalTaking }

// SendFiles is Send of bufs with files.
func (s *stream) SendFiles(bufs [][]byte, files []uintptr) bool {
	if s.is(closing) {
		return true
	}
	if s.out != nil && s.out.busy {
		panic("poller: Send before Sent")
	}
	if s.is(dialing) {
		o := s.pending()
		o.busy, o.bufs, o.files = true, bufs, files
		return false
	}
	i, off, e := s.writeFiles(bufs, files)
	if i == len(bufs) {
		return true
	}
	o := s.pending()
	o.busy, o.bufs, o.off = true, bufs[i:], off
	if i == 0 && off == 0 {
		o.files = files
	}
	if e == unix.EAGAIN {
		e = s.arm(s.directions() | poller.Writable)
	}
	if e != 0 {
		o.err = e
		s.failLater()
	}
	return false
}

// filesPiece is how many bytes go with files in one call. What is behind them has the budget of write.
const filesPiece = 64 << 10

// writeFiles is write from the beginning. files go with the first byte, so that they are under
// way if anything is.
func (s *stream) writeFiles(bufs [][]byte, files []uintptr) (i, sentOf int, e sys.Errno) {
	first := 0
	for len(bufs[first]) == 0 {
		first++
	}
	b := bufs[first]
	b = b[:min(len(b), filesPiece)]
	for {
		n, errno := sys.SendFiles(s.fd, b, files)
		switch {
		case errno == unix.EINTR:
			continue
		case errno != 0:
			s.noteReset(errno)
			return 0, 0, errno
		case n < len(b):
			return first, n, unix.EAGAIN
		}
		i, sentOf, e = s.write(bufs[first:], n)
		return first + i, sentOf, e
	}
}

// resume goes on with the Send in flight where it stands.
func (s *stream) resume(o *sending) (i, off int, e sys.Errno) {
	if o.files == nil {
		return s.write(o.bufs, o.off)
	}
	if i, off, e = s.writeFiles(o.bufs, o.files); i > 0 || off > 0 {
		o.files = nil
	}
	return i, off, e
}

// receiveFiles is receive of a stream that takes files. Behind a message with files the system
// ends a receive, however much more there is (unix_stream_read_generic in net/unix/af_unix.c).
func (s *stream) receiveFiles() {
	for range recvsPerPoll {
		if !s.is(started) {
			return
		}
		p := s.p.passes()
		buf := s.p.buf
		n, files, lost, e := sys.RecvFiles(s.fd, buf, &p.control, p.files[:0])
		p.files = files
		switch {
		case lost:
			e = sys.Unroomy(s.fd)
			closeFiles(files)
			s.finish(os.NewSyscallError("recvmsg", e))
			return
		case e == unix.EAGAIN:
			return
		case e == unix.EINTR:
			continue
		case e != 0:
			s.finish(os.NewSyscallError("recvmsg", e))
			return
		case len(files) > 0:
			s.receivedFiles(buf[:n], files)
			continue
		case n == 0 && s.is(reset): // as in receive
			s.finish(os.NewSyscallError("recvmsg", unix.ECONNRESET))
			return
		case n == 0:
			s.finish(io.EOF)
			return
		}
		s.h.Received(buf[:n], nil)
		lent.Overwrite(buf[:n])
		if n < len(buf) || !s.takesFiles() {
			return
		}
	}
}

// receivedFiles tells of files. A handler that takes none, a layer's say, hears of the bytes alone.
func (s *stream) receivedFiles(p []byte, files []uintptr) {
	if h, ok := s.h.(poller.FileHandler); ok {
		for _, fd := range files {
			s.p.passing.kept[fd] = struct{}{}
		}
		h.ReceivedFiles(p, files)
	} else {
		closeFiles(files)
		if len(p) > 0 {
			s.h.Received(p, nil)
		}
	}
	lent.Overwrite(p)
}

func closeFiles(files []uintptr) {
	for _, fd := range files {
		closeFile(fd)
	}
}

// closeFile closes what may be anything, and may be the last to do so. A socket is not to wait for a time
// to linger that whoever has passed it has set.
func closeFile(fd uintptr) {
	sys.Unlinger(int32(fd))
	unix.Close(int(fd))
}

var (
	_ poller.FilePasser = (*stream)(nil)
	_ poller.FileKeeper = (*readiness)(nil)
)
