package iocp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

// errNoPaths is the answer to a unix-domain address. Windows has such sockets since version 1803 of
// Windows 10, without descriptors and credentials in messages. Microsoft does not document AcceptEx
// and ConnectEx for them, though others have found that both work if the socket is bound to an empty name
// first. Wine has none at all (WSAEAFNOSUPPORT), so nothing that was written for them here could be run.
var errNoPaths = fmt.Errorf("no unix-domain sockets on Windows, where AcceptEx and ConnectEx are not documented for them; "+
	"named pipes (package pipe) are what is local there: %w", errors.ErrUnsupported)

// socket opens a socket of the family that addr needs, attached.
func (p *iocp) socket(addr poller.Addr, kind int) (h windows.Handle, family int, err error) {
	family = windows.AF_INET6
	switch {
	case addr.Path != "":
		return windows.InvalidHandle, 0, errNoPaths
	case !addr.IsValid():
		return windows.InvalidHandle, 0, sys.CallError("wsasocket", windows.WSAEAFNOSUPPORT)
	case addr.Addr().Unmap().Is4():
		family = windows.AF_INET
	}
	if h, err = sys.NewSocket(family, kind); err != nil {
		return h, 0, err
	}
	if err = p.attach(h); err != nil {
		windows.Closesocket(h)
	}
	return h, family, err
}

// control has Options.Control called, which may close the poller.
func (p *iocp) control(h windows.Handle, o *poller.Options) error {
	err := sys.Control(o, uintptr(h), func() { windows.Closesocket(h) })
	if err == nil && p.Silenced() {
		err = net.ErrClosed
	}
	return err
}

func (p *iocp) bindTo(h windows.Handle, family int, addr poller.Addr) error {
	e := p.sa.Set(addr, family)
	if e == 0 {
		e = sys.Bind(h, &p.sa)
	}
	if e == windows.WSAEACCES {
		return os.NewSyscallError("bind", sys.BindError{SocketError: sys.SocketError(e)})
	}
	return sys.CallError("bind", e)
}

func (p *iocp) Dial(addr poller.Addr, o *poller.Options, h poller.StreamHandler) (poller.Stream, error) {
	if o == nil {
		o = new(poller.Options)
	}
	if sys.IsPipeName(addr.Path) {
		return p.dialPipe(addr.Path, o, h)
	}
	sock, family, err := p.socket(addr, windows.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	s := &stream{handler: h, dialing: true, lent: o.Control != nil}
	s.h = sock
	if err := p.prepareDial(s, addr, family, o); err != nil {
		windows.Closesocket(sock)
		return nil, err
	}
	p.add(s, sock, family)
	s.prepare(&s.recv, s)
	if e := sys.ConnectEx(sock, &p.sa, &p.scratch.N, s.recv.system()); !s.began(&s.recv, e) {
		s.recvErr = uint32(e)
		s.failLater(s)
	}
	return s, nil
}

// prepareDial leaves the address in p.sa.
func (p *iocp) prepareDial(s *stream, addr poller.Addr, family int, o *poller.Options) error {
	if err := sys.ApplyStream(s.h, family, o, &s.keep); err != nil {
		return err
	}
	if err := sys.ApplyDial(s.h, o); err != nil {
		return err
	}
	if err := p.control(s.h, o); err != nil {
		return err
	}
	// ConnectEx wants a socket that is bound, and bound to its own family
	// (ConnectEx, Remarks).
	local := o.Local
	if !local.IsValid() {
		local = poller.AddrOf(netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
		if family == windows.AF_INET6 {
			local = poller.AddrOf(netip.AddrPortFrom(netip.IPv6Unspecified(), 0))
		}
	}
	if err := p.bindTo(s.h, family, local); err != nil {
		return err
	}
	if addr.Addr().IsLoopback() {
		refuseAtOnce(s.h)
	}
	if e := p.sa.Set(addr, family); e != 0 {
		return sys.CallError("connectex", e)
	}
	s.peer = p.sa.Raw
	return nil
}

// refuseAtOnce has a connect that is refused fail at once. Windows takes a refusal
// for lost, and tries again for two seconds (mstcpip.h, SIO_TCP_INITIAL_RTO); on
// the loopback nothing is lost. A system that does not know it takes its time.
func refuseAtOnce(h windows.Handle) {
	const initialRTO = windows.IOC_IN | windows.IOC_VENDOR | 17
	// TCP_INITIAL_RTO_PARAMETERS: the default time, and no second try
	// (TCP_INITIAL_RTO_NO_SYN_RETRANSMISSIONS).
	in := struct {
		rtt   uint16
		tries uint8
	}{0xffff, 0xfe}
	var n uint32
	windows.WSAIoctl(h, initialRTO, (*byte)(unsafe.Pointer(&in)), uint32(unsafe.Sizeof(in)), nil, 0, &n, nil, 0)
}

// dialed is the completion of a connect.
func (s *stream) dialed(e sys.Errno) {
	if e == 0 {
		// Without it the socket does not know that it is connected: shutdown,
		// getpeername and more fail (ConnectEx, Remarks).
		err := windows.Setsockopt(s.h, windows.SOL_SOCKET, windows.SO_UPDATE_CONNECT_CONTEXT, nil, 0)
		if err != nil {
			e = err.(sys.Errno)
		}
	}
	s.connected(e)
}

// connected ends a dial; what was asked for meanwhile begins.
func (s *stream) connected(e sys.Errno) {
	s.dialing = false
	if e != 0 {
		s.started, s.gotEnd, s.reset = false, true, true
		s.handler.Connected(sys.CallError("connectex", e))
		return
	}
	s.arm()
	if s.out != nil && s.out.busy {
		s.later(s)
	} else if s.shutting {
		s.shutting = false
		s.Shutdown()
	}
	s.handler.Connected(nil)
}
