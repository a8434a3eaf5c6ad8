package sim

import (
	"errors"
	"fmt"

	"example.com/pike/poller"
)

// A file is what a process opens, and may pass to another process of its machine. It has no
// content: it shows who has it, and that nobody keeps it for ever.
type file struct {
	id int // in the order of OpenFile
}

// A handle is a descriptor of a file.
type handle struct {
	f    *file
	kept bool // by KeepFile, or it was received and is to be dropped
}

// firstFile is the first number of a descriptor. No descriptor of the system has such a number.
const firstFile = 1 << 30

// A parcel is files on their way.
type parcel struct {
	at    int // bytes before the one that they go with, which nobody has read
	files []*file
}

// OpenFile opens a file that can be passed to another process of the machine, and returns its
// descriptor, for KeepFile. It says nothing to the system of the test. A process has room for as many files and
// sockets as Files says; with no room OpenFile panics.
func (h *Host) OpenFile() (fd uintptr) {
	if e := h.room(); e != eOK {
		panic(e.of("open"))
	}
	h.w.files++
	return h.handle(&file{id: h.w.files}, false)
}

// CloseFile closes a descriptor of OpenFile, or one that was received and given away.
func (h *Host) CloseFile(fd uintptr) { h.drops(fd, false) }

// FileID tells files apart: it is the same for all descriptors of a file, in all processes. It
// is 0 if fd is none of this process.
func (h *Host) FileID(fd uintptr) int {
	if d, ok := h.chief.files[fd]; ok {
		return d.f.id
	}
	return 0
}

// OpenFiles is how many descriptors of files there are, in all processes and on the way between
// them, to see whether some are forgotten.
func (w *World) OpenFiles() int { return w.handles }

func (h *Host) handle(f *file, kept bool) (fd uintptr) {
	if h.chief.files == nil {
		h.chief.files = make(map[uintptr]handle)
	}
	fd = firstFile + uintptr(h.w.fileNumbers)
	h.w.fileNumbers++
	h.w.handles++
	h.chief.files[fd] = handle{f, kept}
	return fd
}

func (h *Host) drops(fd uintptr, kept bool) {
	if d, ok := h.chief.files[fd]; ok && d.kept == kept {
		delete(h.chief.files, fd)
		h.w.handles--
	}
}

// KeepFile makes another descriptor of a file.
func (h *Host) KeepFile(fd uintptr) (uintptr, error) {
	d, ok := h.chief.files[fd]
	switch {
	case fd < firstFile:
		return 0, fmt.Errorf("sim: a file of the system's, where OpenFile makes those that can be passed: %w", errors.ErrUnsupported)
	case !ok:
		return 0, eBADF.of("fcntl")
	}
	if e := h.room(); e != eOK {
		return 0, e.of("fcntl")
	}
	return h.handle(d.f, true), nil
}

// DropFile closes a descriptor that is kept.
func (h *Host) DropFile(fd uintptr) { h.drops(fd, true) }

// GiveFile makes it the caller's.
func (h *Host) GiveFile(fd uintptr) bool {
	d, ok := h.chief.files[fd]
	if !ok || !d.kept {
		return false
	}
	h.chief.files[fd] = handle{d.f, false}
	return true
}

// PassesFiles reports whether s is a unix-domain socket.
func (s *stream) PassesFiles() bool { return s.family == unixDomain }

// TakeFiles has files told that arrive, or no more.
func (s *stream) TakeFiles(on bool) { s.taking = on && s.PassesFiles() }

// SendFiles is Send of bufs with files.
func (s *stream) SendFiles(bufs [][]byte, files []uintptr) bool {
	if s.closed {
		return true
	}
	if s.busy {
		panic("sim: SendFiles before Sent")
	}
	s.parcel = nil
	for _, fd := range files {
		s.parcel = append(s.parcel, s.h.chief.files[fd].f)
	}
	return s.Send(bufs)
}

// attach has the next byte that is written take files along.
func (p *pipe) attach(files []*file) {
	if p.deaf || p.stopped {
		return // the system closes them at once
	}
	p.parcels = append(p.parcels, parcel{p.arrived + p.flight + p.queued, files})
	p.conn.w.handles += len(files)
}

// lose closes the files that go with byte from and all behind that.
func (p *pipe) lose(from int) {
	n := len(p.parcels)
	for ; n > 0 && p.parcels[n-1].at >= from; n-- {
		p.conn.w.handles -= len(p.parcels[n-1].files)
		p.parcels[n-1] = parcel{}
	}
	p.parcels = p.parcels[:n]
}

// unpack is when n bytes are about to be read. It returns how many are read at once, and the
// files that come with those, which are on their way no more. As on Linux a read may have bytes
// that were sent before the files, and ends before the next files. As on the BSDs it may also end
// before the files.
func (p *pipe) unpack(n int) (int, []*file) {
	if len(p.parcels) == 0 || p.parcels[0].at >= n {
		p.pass(n)
		return n, nil
	}
	first := p.parcels[0]
	if first.at > 0 && p.conn.w.dice.below(dieBatch, 2) == 0 {
		p.pass(first.at)
		return first.at, nil
	}
	if len(p.parcels) > 1 {
		n = min(n, p.parcels[1].at)
	}
	p.parcels = p.parcels[1:]
	p.conn.w.handles -= len(first.files)
	p.pass(n)
	return n, first.files
}

// pass is when n bytes are read.
func (p *pipe) pass(n int) {
	for i := range p.parcels {
		p.parcels[i].at -= n
	}
}

// receiveFiles hands over n bytes and what has come with them. It reports false if the process
// has no room for that, which is the end.
func (s *stream) receiveFiles(p []byte, files []*file) bool {
	h := s.h
	taker, ok := s.handler.(poller.FileHandler)
	if !ok || !s.taking {
		s.handler.Received(p, nil)
		return true
	}
	fds := make([]uintptr, 0, len(files))
	for _, f := range files {
		if e := h.room(); e != eOK {
			for _, fd := range fds {
				h.DropFile(fd)
			}
			s.ended, s.started, s.lost = true, false, true
			h.note(vReceived, s.id, &s.peer, 0, e)
			s.handler.Received(nil, e.of("recvmsg"))
			return false
		}
		fds = append(fds, h.handle(f, true))
	}
	taker.ReceivedFiles(p, fds)
	return true
}

var (
	_ poller.FilePasser = (*stream)(nil)
	_ poller.FileKeeper = (*Host)(nil)
)
