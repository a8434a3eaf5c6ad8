//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"os"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

func (p *readiness) AdoptListener(fd uintptr, a poller.Acceptor) (poller.Socket, error) {
	dup, family, err := adopt(fd, unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	// A socket that is only bound becomes a listener here; for one that listens
	// already this sets its backlog.
	if err := unix.Listen(int(dup), maxBacklog); err != nil {
		unix.Close(int(dup))
		return nil, os.NewSyscallError("listen", err)
	}
	if err := quicken(dup); err != nil {
		return nil, err
	}
	l := p.addListener(dup, family, a)
	l.lent = true
	return l, nil
}

func (p *readiness) AdoptStream(fd uintptr, h poller.StreamHandler) (poller.Stream, error) {
	dup, family, err := adopt(fd, unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	if e := sys.Getpeername(dup, &p.sa); e != 0 {
		unix.Close(int(dup))
		return nil, os.NewSyscallError("getpeername", e)
	}
	if err := quicken(dup); err != nil {
		return nil, err
	}
	s := &stream{h: h}
	s.open(dup, family)
	s.setPeer(&p.sa)
	p.add(s, &s.source)
	s.arm(0)
	return s, nil
}

func (p *readiness) AdoptPacket(fd uintptr, h poller.PacketHandler) (poller.Packet, error) {
	dup, family, err := adopt(fd, unix.SOCK_DGRAM)
	if err != nil {
		return nil, err
	}
	if err := quicken(dup); err != nil {
		return nil, err
	}
	s := p.addPacket(dup, family, new(poller.Options), h)
	s.lent = true
	s.queues = reportsErrors(dup)
	if sys.Getpeername(dup, &p.sa) == 0 {
		s.peer = p.peerOf(family)
	}
	return s, nil
}

// adopt duplicates fd, which must be a socket of the given kind. It is made non-blocking
// when all else has succeeded: what fails leaves it as it was.
func adopt(fd uintptr, kind int) (dup int32, family int, err error) {
	k, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TYPE)
	if err == nil && k != kind {
		err = unix.EPROTOTYPE
	}
	if err == nil {
		family, err = sys.FamilyOf(int(fd))
	}
	if err != nil {
		return -1, 0, os.NewSyscallError("getsockopt", err)
	}
	n, errno := sys.Duplicate(fd)
	if errno != 0 {
		return -1, 0, os.NewSyscallError("fcntl", errno)
	}
	return int32(n), family, nil
}

// quicken makes what was adopted non-blocking, or closes the duplicate.
func quicken(dup int32) error {
	if err := unix.SetNonblock(int(dup), true); err != nil {
		unix.Close(int(dup))
		return os.NewSyscallError("fcntl", err)
	}
	sys.Quiet(int(dup))
	return nil
}
