//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sys

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// A SocketFile is the file that a listener has made. As long as the listener is bound the
// system keeps the file's inode, so that no other file gets its number.
type SocketFile struct {
	path     string // absolute, if the process knows where it is
	dev, ino uint64
}

// BindFile binds a stream socket to a path, and gives the file its permissions. It returns
// the file that is to be removed when the socket ends, nil if none is. Nobody can connect before
// listen(2), so nobody meets the file with other permissions. The umask would do it in one step, but
// all goroutines share it.
func BindFile(fd int32, path string, o *poller.SocketFile, sa *Sockaddr) (*SocketFile, error) {
	if e := sa.Set(poller.Addr{Path: path}, unix.AF_UNIX); e != 0 {
		return nil, os.NewSyscallError("bind", e)
	}
	if Abstract(path) {
		if err := o.NoMode(); err != nil {
			return nil, err
		}
		if e := Bind(fd, sa); e != 0 {
			return nil, os.NewSyscallError("bind", e)
		}
		return nil, nil
	}
	e := Bind(fd, sa)
	if e == unix.EADDRINUSE && !o.NoTakeover {
		e = takeOver(fd, path, sa)
	}
	if e != 0 {
		return nil, os.NewSyscallError("bind", e)
	}
	f := new(SocketFile)
	if dev, ino, ok := socketAt(path); ok {
		f.path, f.dev, f.ino = path, dev, ino
		if abs, err := filepath.Abs(path); err == nil {
			f.path = abs // the process may go elsewhere before Close
		}
	}
	if o.Mode != 0 {
		if err := permit(path, uint32(o.Mode)); err != nil {
			f.Remove()
			return nil, os.NewSyscallError("chmod", err)
		}
	}
	return f, nil
}

// Remove removes the file, if it is still the one that was made. Another that somebody has put
// in its place since stays. It is called before the socket is closed.
func (f *SocketFile) Remove() {
	if dev, ino, ok := socketAt(f.path); ok && dev == f.dev && ino == f.ino {
		unix.Unlink(f.path)
	}
}

// socketAt is the identity of a socket's file. It is false for all other kinds, a
// symbolic link to one included.
func socketAt(path string) (dev, ino uint64, ok bool) {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil || uint32(st.Mode)&unix.S_IFMT != unix.S_IFSOCK {
		return 0, 0, false
	}
	return uint64(st.Dev), uint64(st.Ino), true
}

// permit does not follow a link that somebody has put in the file's place. Linux can do that
// from 6.6 on (fchmodat2); before, what is there is looked at first.
func permit(path string, mode uint32) error {
	err := unix.Fchmodat(unix.AT_FDCWD, path, mode, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil {
		return nil
	}
	if _, _, ok := socketAt(path); !ok {
		return err
	}
	return unix.Chmod(path, mode)
}

// takeOver binds fd to a path whose file nobody has any more. All else stays, with EADDRINUSE:
// other kinds of files, sockets that somebody has, and those of which that is not known. The folder is
// locked meanwhile. Two processes which find one file would both remove what is there, the second one
// what the first has just made. Who takes no such lock, because it is no pike, can still come between.
func takeOver(fd int32, path string, sa *Sockaddr) Errno {
	if _, _, ok := socketAt(path); !ok || !abandoned(sa) {
		return bindAnew(fd, path, sa) // what somebody has is not waited for
	}
	unlock, ok := lockFolder(filepath.Dir(path))
	if !ok {
		return unix.EADDRINUSE
	}
	defer unlock()
	dev, ino, ok := socketAt(path)
	if !ok || !abandoned(sa) {
		return bindAnew(fd, path, sa)
	}
	if d, i, ok := socketAt(path); !ok || d != dev || i != ino {
		return unix.EADDRINUSE
	}
	if err := unix.Unlink(path); err != nil && err != unix.ENOENT {
		return unix.EADDRINUSE
	}
	return Bind(fd, sa)
}

// bindAnew is for a file that may have gone since bind met it, as that of a server does
// which has closed. What is there still is EADDRINUSE.
func bindAnew(fd int32, path string, sa *Sockaddr) Errno {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != unix.ENOENT {
		return unix.EADDRINUSE
	}
	return Bind(fd, sa)
}

// abandoned reports whether no socket has the file at sa. Only ECONNREFUSED says so. It asks
// by a socket for datagrams. Such a socket cannot be connected to a stream, and that is EPROTOTYPE
// if somebody has it. So a server sees no connection, and is known for one also while its
// backlog is full, which is ECONNREFUSED for streams on the BSDs and macOS, and between its bind and its listen.
func abandoned(sa *Sockaddr) bool {
	fd, err := NewSocket(unix.AF_UNIX, unix.SOCK_DGRAM)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return Connect(int32(fd), sa) == unix.ECONNREFUSED
}

// Nobody holds the lock of a folder for longer than some system calls, so waiting is short. A
// foreign program may, and then nothing is taken over.
const (
	lockTries = 100
	lockPause = time.Millisecond
)

// lockFolder is false if somebody else has the lock for long. Where there can be no lock, for
// want of the right to read the folder or on NFS, it is true without one.
func lockFolder(dir string) (unlock func(), ok bool) {
	none := func() {}
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return none, true
	}
	for range lockTries {
		switch err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err {
		case nil:
			return func() {
				unix.Flock(fd, unix.LOCK_UN) // a child between fork and exec may have fd, too
				unix.Close(fd)
			}, true
		case unix.EWOULDBLOCK, unix.EINTR:
			time.Sleep(lockPause)
		default:
			unix.Close(fd)
			return none, true
		}
	}
	unix.Close(fd)
	return none, false
}
