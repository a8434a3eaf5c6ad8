package sim

import (
	"os"
	"strings"

	"example.com/pike/poller"
)

// A pathname is the file of a unix-domain socket, or an abstract name. A file stays when its
// listener has gone without Close, because the process or the machine has failed: files are on disk.
type pathname struct {
	l    *listener // nil: nobody has it any more
	mode os.FileMode
	user poller.Cred // to whom the file belongs
}

// listener is who listens at p, if anybody does.
func (p *pathname) listener() *listener {
	if p == nil {
		return nil
	}
	return p.l
}

// abstract reports whether a name has no file, as on Linux.
func abstract(path string) bool { return strings.HasPrefix(path, "@") }

// sunPath is the bytes of a path with its end (unix(7)).
const sunPath = 108

// badPath is why a path cannot be one.
func badPath(path string) errno {
	switch n := len(path); {
	case n > sunPath, n == sunPath && !abstract(path):
		return eNAMETOOLONG
	case strings.IndexByte(path, 0) >= 0:
		return eINVAL
	}
	return eOK
}

// bindPath gives a listener a name. It takes over what nobody has any more, as backends do.
func (h *Host) bindPath(path string, l *listener, f *poller.SocketFile) errno {
	m := h.m
	if e := badPath(path); e != eOK {
		return e
	}
	if old := m.paths[path]; old != nil && (old.l != nil || f.NoTakeover) {
		return eADDRINUSE
	}
	if m.paths == nil {
		m.paths = map[string]*pathname{}
	}
	p := &pathname{l: l, mode: f.Mode, user: h.cred()}
	switch {
	case abstract(path):
		p.mode = os.ModePerm
	case p.mode == 0:
		p.mode = 0o755 // what the usual umask leaves
	}
	m.paths[path] = p
	return eOK
}

// mixFile covers what the owner of a listener has asked for its file.
func mixFile(h uint64, f *poller.SocketFile) uint64 {
	if *f == (poller.SocketFile{}) {
		return h
	}
	flags := uint64(f.Mode) << 2
	if f.Keep {
		flags |= 1
	}
	if f.NoTakeover {
		flags |= 2
	}
	return mix(h, flags)
}

// reach says why a unix-domain name cannot be dialed.
func (h *Host) reach(path string) errno {
	p := h.m.paths[path]
	switch {
	case p == nil && abstract(path):
		return eCONNREFUSED
	case p == nil:
		return eNOENT
	case !p.admits(h):
		return eACCES
	case p.l == nil:
		return eCONNREFUSED
	}
	return eOK
}

// admits reports whether a process may write to the file, as connect(2) demands.
func (p *pathname) admits(h *Host) bool {
	switch {
	case h.UID == 0:
		return true
	case h.UID == p.user.UID:
		return p.mode&0o200 != 0
	case h.GID == p.user.GID:
		return p.mode&0o020 != 0
	}
	return p.mode&0o002 != 0
}

// cred is who the process is. One that starts again is another.
func (h *Host) cred() poller.Cred {
	return poller.Cred{PID: 1 + int(h.chief.id) + int(h.chief.life)<<16, UID: h.UID, GID: h.GID}
}

// removeFile removes the file of a listener that closes, if it is still the one that it has made.
func (l *listener) removeFile() {
	m := l.h.m
	if p := m.paths[l.local.Path]; l.family == unixDomain && !l.keeps && p.listener() == l && !abstract(l.local.Path) {
		delete(m.paths, l.local.Path)
		l.h.noteAt(vUnlink, 0, &l.local, 0, eOK)
	}
}

// leavePath leaves a file without a listener. An abstract name goes.
func (m *machine) leavePath(l *listener) {
	p := m.paths[l.local.Path]
	switch {
	case p.listener() != l:
	case abstract(l.local.Path):
		delete(m.paths, l.local.Path)
	default:
		p.l = nil
	}
}

// Unlink removes the file of a unix-domain socket, as os.Remove would.
func (h *Host) Unlink(path string) {
	delete(h.m.paths, path)
	h.noteAt(vUnlink, 0, &poller.Addr{Path: path}, 0, eOK)
}

// Mode is the permissions of the file of a unix-domain socket, and whether there is one.
func (h *Host) Mode(path string) (os.FileMode, bool) {
	p := h.m.paths[path]
	if p == nil || abstract(path) {
		return 0, false
	}
	return p.mode, true
}
