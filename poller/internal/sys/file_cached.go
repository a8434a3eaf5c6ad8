//go:build darwin || linux

package sys

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mostCached is how many bytes of a file are looked at at once.
const mostCached = 1 << 20

// The smallest pages that there are, which decides how long the answer of mincore can be.
const leastPage = 4 << 10

var pageSize = int64(os.Getpagesize())

// cached is how many bytes of the file fd are in memory from off on, of up to n, and EBUSY if none are.
// It maps that part and asks mincore(2), which counts a page only when it has been read: one that is on
// its way would be waited for as any other. Mapping reads nothing. At the file's end it is n, so that
// who asks finds the end by itself.
func cached(fd uintptr, off int64, n int) (int, Errno) {
	var st unix.Stat_t
	if err := unix.Fstat(int(fd), &st); err != nil {
		return 0, errnoOf(err)
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return 0, unix.EINVAL
	case off >= st.Size:
		return n, 0
	case !honest(&st):
		return 0, unix.EBUSY
	}
	from := off &^ (pageSize - 1)
	end := min(off+int64(n), st.Size, from+mostCached)
	p, err := unix.MmapPtr(int(fd), from, nil, uintptr(end-from), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil { // not every file system has it
		return 0, unix.EBUSY
	}
	var pages [mostCached / leastPage]byte
	_, _, e := unix.Syscall(unix.SYS_MINCORE, uintptr(p), uintptr(end-from), uintptr(unsafe.Pointer(&pages)))
	unix.MunmapPtr(p, uintptr(end-from))
	if e != 0 {
		return 0, unix.EBUSY
	}
	in := int64(0)
	for in < end-from && pages[in/pageSize]&1 != 0 {
		in += pageSize
	}
	if in = min(from+in, end) - off; in <= 0 {
		return 0, unix.EBUSY
	}
	return int(in), 0
}
