//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sys

import "golang.org/x/sys/unix"

// Read and Write are for what is no socket. The scheduler is told of both: a driver may do
// anything, and a descriptor that others have too may have been made blocking.

func Read(fd int32, b []byte) (int, Errno) {
	n, err := unix.Read(int(fd), b)
	return n, errnoOf(err)
}

// Write may raise SIGPIPE: there is no flag against that. The Go runtime catches the signal, and
// does nothing on it. It is package os that ends the program for an EPIPE of its own at descriptors 1
// and 2, so that a write by this call never does (os/signal, SIGPIPE).
func Write(fd int32, b []byte) (int, Errno) {
	n, err := unix.Write(int(fd), b)
	return n, errnoOf(err)
}

// FileFlags are the access mode and the flags of the open file description (fcntl(2), F_GETFL).
func FileFlags(fd uintptr) (int, Errno) {
	flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
	return flags, errnoOf(err)
}

// Unblock makes fd non-blocking, and reports whether it was not.
func Unblock(fd int32) (was bool, e Errno) {
	flags, e := FileFlags(uintptr(fd))
	if e != 0 || flags&unix.O_NONBLOCK != 0 {
		return false, e
	}
	return true, errnoOf(unix.SetNonblock(int(fd), true))
}

// Block makes fd blocking.
func Block(fd int32) { unix.SetNonblock(int(fd), false) }

// Reopen makes another open file description of what fd names, so that to make it non-blocking
// does not concern those who have fd too. There is one of a pipe or a FIFO where the system has
// names for descriptors, and of a terminal, but not of the master's side of a pseudo-terminal, of which
// each open is another.
func Reopen(fd uintptr, flags int) (int32, bool) {
	var was, now unix.Stat_t
	if unix.Fstat(int(fd), &was) != nil {
		return -1, false
	}
	name := reopenName(int(fd), flags, &was)
	if name == "" {
		return -1, false
	}
	n, err := unix.Open(name, flags&unix.O_ACCMODE|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, false
	}
	same := unix.Fstat(n, &now) == nil && now.Mode&unix.S_IFMT == was.Mode&unix.S_IFMT && now.Rdev == was.Rdev
	if same && was.Rdev == 0 {
		same = now.Dev == was.Dev && now.Ino == was.Ino
	}
	// A FIFO whose writers have gone does not say so to those who open it later (fifo_open in
	// fs/pipe.c). So its end would be lost.
	if !same || over(fd) {
		unix.Close(n)
		return -1, false
	}
	return int32(n), true
}

// over reports whether the other side of a pipe or terminal has gone.
func over(fd uintptr) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd)}}
	n, err := unix.Poll(fds[:], 0)
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
}
