package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// SendFile sends up to n bytes of the file fd from off on (sendfile(2)), and says how many
// it tried. It is EAGAIN if the socket has no
// room, and EBUSY if the page of off is not in memory, or if nobody can tell: sendfile would wait for
// the disk, because no flag of it says not to. It has no MSG_DONTWAIT either, so that the socket has
// to be non-blocking. 0 bytes are the end of the file.
func SendFile(sock int32, fd uintptr, off int64, n int) (sent, tried int, e Errno) {
	tried, e = cached(fd, off, n)
	if e != 0 {
		return 0, tried, e
	}
	sent, err := unix.Sendfile(int(sock), int(fd), &off, tried)
	if err != nil {
		return 0, tried, errnoOf(err)
	}
	return sent, tried, 0
}

// ReadFile reads what is in memory, and is EAGAIN if nothing is (preadv2(2), RWF_NOWAIT). Some file
// systems have no such reads, and are EOPNOTSUPP.
func ReadFile(fd uintptr, p []byte, off int64) (int, Errno) {
	iov := unix.Iovec{Base: unsafe.SliceData(p)}
	iov.SetLen(len(p))
	lo, hi := uintptr(off), uintptr(0)
	if unsafe.Sizeof(lo) == 4 {
		hi = uintptr(uint64(off) >> 32)
	}
	n, _, e := unix.Syscall6(unix.SYS_PREADV2, fd, uintptr(unsafe.Pointer(&iov)), 1, lo, hi, unix.RWF_NOWAIT)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// honest reports whether mincore tells the truth of a file. Of one that the caller neither owns nor
// may write to it says that everything is in memory (can_do_mincore in mm/mincore.c, since Linux 5.2).
func honest(st *unix.Stat_t) bool { return int(st.Uid) == unix.Geteuid() }
