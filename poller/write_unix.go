//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// write sends from off bytes into bufs[0] on, until all is sent, the system
// takes no more, or others should have their turn. It returns the first buffer
// that is not wholly sent, how much of it is, and EAGAIN or the error.
func (s *stream) write(bufs [][]byte, off int) (i, sentOf int, e errno) {
	for budget := bytesPerSend; ; {
		for i < len(bufs) && off >= len(bufs[i]) { // wholly sent, or empty
			i, off = i+1, 0
		}
		if i == len(bufs) {
			return i, 0, 0
		}
		if budget <= 0 {
			return i, off, unix.EAGAIN
		}
		n, all, e := s.writeOnce(bufs[i:], off)
		switch {
		case e == unix.EINTR:
			continue
		case e != 0:
			s.noteReset(e)
			return i, off, e
		}
		budget -= n
		for off += n; i < len(bufs) && off >= len(bufs[i]); i++ {
			off -= len(bufs[i])
		}
		if n < all { // the system is full: another call would only say so
			return i, off, unix.EAGAIN
		}
	}
}

// writeFirst is write from the beginning, and shorter where there is one
// buffer of an ordinary size and the system takes it: what nearly every Send is.
func (s *stream) writeFirst(bufs [][]byte) (i, sentOf int, e errno) {
	if len(bufs) != 1 || len(bufs[0]) == 0 || len(bufs[0]) > bytesPerSend {
		return s.write(bufs, 0)
	}
	n, e := send(s.fd, bufs[0])
	switch {
	case n == len(bufs[0]):
		return 1, 0, 0
	case e == 0:
		return 0, n, unix.EAGAIN
	case e == unix.EINTR:
		return s.write(bufs, 0)
	}
	s.noteReset(e)
	return 0, 0, e
}

// writeOnce makes one system call and says how much it tried to send.
func (s *stream) writeOnce(bufs [][]byte, off int) (n, all int, e errno) {
	if len(bufs) == 1 {
		b := bufs[0][off:]
		b = b[:min(len(b), bytesPerSend)]
		n, e = send(s.fd, b)
		return n, len(b), e
	}
	iov, k := &s.p.iov, 0
	for _, b := range bufs {
		if k == len(iov) || all >= bytesPerSend {
			break
		}
		b, off = b[min(off, len(b)):], 0
		if len(b) == 0 {
			continue
		}
		b = b[:min(len(b), bytesPerSend-all)]
		iov[k].Base = unsafe.SliceData(b)
		iov[k].SetLen(len(b))
		all += len(b)
		k++
	}
	s.p.msg = unix.Msghdr{Iov: &iov[0]}
	s.p.msg.SetIovlen(k)
	n, e = sendmsg(s.fd, &s.p.msg, all)
	clear(iov[:k]) // or the poller would keep the caller's memory alive
	return n, all, e
}
