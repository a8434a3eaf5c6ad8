//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package readiness

import (
	"net"
	"os"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// socket opens a non-blocking socket of the family that addr needs.
func socket(addr poller.Addr, kind int) (fd int32, family int, err error) {
	family = unix.AF_INET6
	switch {
	case addr.Path != "":
		family = unix.AF_UNIX
	case !addr.AddrPort.IsValid():
		return -1, 0, os.NewSyscallError("socket", unix.EAFNOSUPPORT)
	case addr.Addr().Unmap().Is4():
		family = unix.AF_INET
	}
	n, err := sys.NewSocket(family, kind)
	return int32(n), family, os.NewSyscallError("socket", err)
}

// control has Options.Control called, which may close the poller.
func (p *readiness) control(fd int32, o *poller.Options) error {
	err := sys.Control(o, uintptr(fd), func() { unix.Close(int(fd)) })
	if err == nil && p.Silenced() {
		err = net.ErrClosed
	}
	return err
}

func bindTo(fd int32, family int, addr poller.Addr, sa *sys.Sockaddr) error {
	e := sa.Set(addr, family)
	if e == 0 {
		e = sys.Bind(fd, sa)
	}
	if e != 0 {
		return os.NewSyscallError("bind", e)
	}
	return nil
}

func (p *readiness) Dial(addr poller.Addr, o *poller.Options, h poller.StreamHandler) (poller.Stream, error) {
	if o == nil {
		o = new(poller.Options)
	}
	fd, family, err := socket(addr, unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	s := &stream{h: h}
	s.open(fd, family)
	s.mark(dialing)
	if family != unix.AF_UNIX && o.Control == nil {
		s.mark(edgeable)
	}
	if err := p.prepareDial(s, addr, o); err != nil {
		unix.Close(int(fd))
		return nil, err
	}
	p.add(s, &s.source)
	e := sys.Connect(fd, &p.sa)
	if e == 0 || e == unix.EINPROGRESS || e == unix.EINTR { // connect(2): interrupted, it goes on
		e = s.arm(poller.Writable)
	}
	if e != 0 {
		s.pending().err = e
		s.failLater()
	}
	return s, nil
}

// prepareDial leaves the address in p.sa.
func (p *readiness) prepareDial(s *stream, addr poller.Addr, o *poller.Options) error {
	family := s.family()
	if err := sys.ApplyStream(s.fd, family, o); err != nil {
		return err
	}
	if err := sys.ApplyDial(s.fd, o); err != nil {
		return err
	}
	if err := p.control(s.fd, o); err != nil {
		return err
	}
	if o.Local.IsValid() {
		if o.Local.Path == "" && o.Local.Port() == 0 && !o.ReuseAddr && !o.ReusePort { // what connect chooses nobody can share
			sys.BindLate(s.fd)
		}
		if err := bindTo(s.fd, family, o.Local, &p.sa); err != nil {
			return err
		}
	}
	if e := p.sa.Set(addr, family); e != 0 {
		return os.NewSyscallError("connect", e)
	}
	s.setPeer(&p.sa)
	return nil
}
