package poller

import (
	"net"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// newSocket opens a socket of a family. Its handle is not inherited by children.
func newSocket(family, kind int) (windows.Handle, error) {
	proto := int32(windows.IPPROTO_TCP)
	if kind == windows.SOCK_DGRAM {
		proto = windows.IPPROTO_UDP
	}
	h, err := windows.WSASocket(int32(family), int32(kind), proto, nil, 0, windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	if err != nil {
		return windows.InvalidHandle, fault("wsasocket", err)
	}
	return h, nil
}

// fault is callError for what x/sys returns.
func fault(call string, err error) error {
	if e, ok := err.(errno); ok {
		return callError(call, e)
	}
	return os.NewSyscallError(call, err)
}

// socket opens a socket of the family that addr needs, attached. AcceptEx and
// ConnectEx know nothing of unix-domain sockets.
func (p *iocp) socket(addr Addr, kind int) (h windows.Handle, family int, err error) {
	family = windows.AF_INET6
	switch {
	case !addr.IsValid() || addr.Path != "":
		return windows.InvalidHandle, 0, callError("wsasocket", windows.WSAEAFNOSUPPORT)
	case addr.Addr().Unmap().Is4():
		family = windows.AF_INET
	}
	if h, err = newSocket(family, kind); err != nil {
		return h, 0, err
	}
	if err = p.attach(h); err != nil {
		windows.Closesocket(h)
	}
	return h, family, err
}

// control has Options.Control called, which may close the poller.
func (p *iocp) control(h windows.Handle, o *Options) error {
	err := o.control(uintptr(h), func() { windows.Closesocket(h) })
	if err == nil && p.port.closed {
		err = net.ErrClosed
	}
	return err
}

func (p *iocp) bindTo(h windows.Handle, family int, addr Addr) error {
	e := p.sa.set(addr, family)
	if e == 0 {
		e = bind(h, &p.sa)
	}
	if e == windows.WSAEACCES {
		return os.NewSyscallError("bind", bindError{socketError(e)})
	}
	return callError("bind", e)
}

func (p *iocp) Dial(addr Addr, o *Options, h StreamHandler) (Stream, error) {
	if o == nil {
		o = new(Options)
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
	if e := connectEx(sock, &p.sa, &p.scratch.n, &s.recv); !s.began(&s.recv, e) {
		s.recvErr = uint32(e)
		s.failLater(s)
	}
	return s, nil
}

// prepareDial leaves the address in p.sa.
func (p *iocp) prepareDial(s *stream, addr Addr, family int, o *Options) error {
	if err := applyStream(s.h, family, o, &s.keep); err != nil {
		return err
	}
	if err := applyDial(s.h, o); err != nil {
		return err
	}
	if err := p.control(s.h, o); err != nil {
		return err
	}
	// ConnectEx wants a socket that is bound, and bound to its own family
	// (ConnectEx, Remarks).
	local := o.Local
	if !local.IsValid() {
		local = AddrOf(netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
		if family == windows.AF_INET6 {
			local = AddrOf(netip.AddrPortFrom(netip.IPv6Unspecified(), 0))
		}
	}
	if err := p.bindTo(s.h, family, local); err != nil {
		return err
	}
	if addr.Addr().IsLoopback() {
		refuseAtOnce(s.h)
	}
	if e := p.sa.set(addr, family); e != 0 {
		return callError("connectex", e)
	}
	s.peer = p.sa.raw
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
func (s *stream) dialed(e errno) {
	if e == 0 {
		// Without it the socket does not know that it is connected: shutdown,
		// getpeername and more fail (ConnectEx, Remarks).
		err := windows.Setsockopt(s.h, windows.SOL_SOCKET, windows.SO_UPDATE_CONNECT_CONTEXT, nil, 0)
		if err != nil {
			e = err.(errno)
		}
	}
	s.connected(e)
}

// connected ends a dial; what was asked for meanwhile begins.
func (s *stream) connected(e errno) {
	s.dialing = false
	if e != 0 {
		s.started, s.ended, s.reset = false, true, true
		s.handler.Connected(callError("connectex", e))
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
