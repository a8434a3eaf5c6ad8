package sys

import "golang.org/x/sys/unix"

// SendFile sends up to n bytes of the file fd from off on (sendfile(2)). It is EAGAIN if the socket has no
// room, and EBUSY if the page of off is not in memory: sendfile would wait for the disk.
func SendFile(sock int32, fd uintptr, off int64, n int) (sent, tried int, e Errno) {
	tried, e = cached(fd, off, n)
	if e != 0 {
		return 0, tried, e
	}
	sent, err := unix.Sendfile(int(sock), int(fd), &off, tried)
	if sent > 0 { // which comes with EAGAIN, too
		return sent, tried, 0
	}
	return 0, tried, full(sock, errnoOf(err))
}

// honest: macOS tells everybody who may read a file.
func honest(*unix.Stat_t) bool { return true }
