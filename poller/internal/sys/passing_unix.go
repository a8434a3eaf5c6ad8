//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// PassedControl has room for the descriptors that one message may bring, and for what others
// may have asked for besides (SO_PASSCRED, SO_PASSSEC). The BSDs let a peer send as many as a
// cluster of their buffers holds (MCLBYTES, 2 KiB), and so twice as many as Linux.
type PassedControl [512]uint64

// SendFiles sends p, which is not empty, and files with its first byte. These calls are told to
// the scheduler on all systems: to pass a file is no hot path, and it takes locks.
func SendFiles(fd int32, p []byte, files []uintptr) (int, Errno) {
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f)
	}
	n, err := unix.SendmsgN(int(fd), p, unix.UnixRights(fds...), nil, passFlags)
	return n, unpassed(fd, errnoOf(err))
}

// RecvFiles receives into p, and puts behind files the descriptors that have come. lost says
// that there were more, and the system has closed them (MSG_CTRUNC).
func RecvFiles(fd int32, p []byte, control *PassedControl, files []uintptr) (n int, _ []uintptr, lost bool, e Errno) {
	oob := unsafe.Slice((*byte)(unsafe.Pointer(control)), unsafe.Sizeof(*control))
	n, oobn, flags, err := recvPassed(int(fd), p, oob)
	if err != nil {
		return 0, files, false, errnoOf(err)
	}
	return n, rights(oob[:oobn], files), flags&unix.MSG_CTRUNC != 0, 0
}

// rights puts the descriptors in control data behind files.
func rights(control []byte, files []uintptr) []uintptr {
	for len(control) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(control)))
		n := int(h.Len)
		if n < unix.CmsgLen(0) || n > len(control) {
			break
		}
		if h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_RIGHTS {
			for p := control[unix.CmsgLen(0):n]; len(p) >= 4; p = p[4:] {
				files = append(files, uintptr(*(*int32)(unsafe.Pointer(unsafe.SliceData(p)))))
			}
		}
		control = control[min(unix.CmsgSpace(n-unix.CmsgLen(0)), len(control)):]
	}
	return files
}

// Duplicate makes another descriptor of what fd is.
func Duplicate(fd uintptr) (uintptr, Errno) {
	n, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	return uintptr(n), errnoOf(err)
}

// Unroomy is why descriptors that came were lost: there is no room for one more (EMFILE,
// ENFILE), or the system does not say (EMSGSIZE; a security module forbids the file, say).
func Unroomy(fd int32) Errno {
	n, e := Duplicate(uintptr(fd))
	if e == unix.EMFILE || e == unix.ENFILE {
		return e
	}
	if e == 0 {
		unix.Close(int(n))
	}
	return unix.EMSGSIZE
}
