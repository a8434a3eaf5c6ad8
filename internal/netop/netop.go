// Package netop has what packages of handles say and ask alike: addresses as users write
// them, errors, as package net makes them where there is an address, and options of a socket.
package netop

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"example.com/pike/poller"
)

// Split takes "host:port" apart. It looks a service name up in the system's table, and asks
// no server.
func Split(network, addr string) (host string, port uint16, err error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	if n, err := strconv.ParseUint(service, 10, 16); err == nil {
		return host, uint16(n), nil
	}
	n, err := net.LookupPort(network, service)
	return host, uint16(n), err
}

// Resolve returns the addresses of host: at least one, or an error. It blocks unless host is
// an address.
func Resolve(ctx context.Context, r poller.Resolver, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	ips, err := r.LookupNetIP(ctx, "ip", host)
	if err == nil && len(ips) == 0 {
		err = &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	return ips, err
}

// Listening returns the addresses to listen on for host, in the order to try them. For an
// empty host IPv6 comes first, and IPv4 is for systems that have no IPv6.
func Listening(r poller.Resolver, host string) ([]netip.Addr, error) {
	if host == "" {
		return []netip.Addr{netip.IPv6Unspecified(), netip.IPv4Unspecified()}, nil
	}
	return Resolve(context.Background(), r, host)
}

// At is ips with a port.
func At(port uint16, ips ...netip.Addr) []poller.Addr {
	addrs := make([]poller.Addr, len(ips))
	for i, ip := range ips {
		addrs[i] = poller.AddrOf(netip.AddrPortFrom(ip, port))
	}
	return addrs
}

// Error is the error of an operation on an address.
func Error(op, network string, local, addr poller.Addr, err error) error {
	return &net.OpError{Op: op, Net: network, Source: netAddr(network, local), Addr: netAddr(network, addr), Err: err}
}

// netAddr is a as package net has it.
func netAddr(network string, a poller.Addr) net.Addr {
	switch {
	case !a.IsValid():
		return nil
	case a.Path != "":
		return &net.UnixAddr{Net: network, Name: a.Path}
	case network == "udp":
		return net.UDPAddrFromAddrPort(a.AddrPort)
	}
	return net.TCPAddrFromAddrPort(a.AddrPort)
}

// NameError is the error of an operation whose address is still a name.
func NameError(op, network, name string, err error) error {
	return &net.OpError{Op: op, Net: network, Addr: nameAddr{network, name}, Err: err}
}

// HandleError is the error of an operation on a handle that has no address, a timer say:
// "timer: start: ...".
func HandleError(handle, op string, err error) error { return &handleError{handle, op, err} }

type handleError struct {
	handle, op string
	err        error
}

func (e *handleError) Error() string { return e.handle + ": " + e.op + ": " + e.err.Error() }
func (e *handleError) Unwrap() error { return e.err }

// nameAddr is an address as its user wrote it.
type nameAddr struct{ network, name string }

func (a nameAddr) Network() string { return a.network }
func (a nameAddr) String() string  { return a.name }

// Flag is the value of an option that is on or off.
func Flag(on bool) int {
	if on {
		return 1
	}
	return 0
}

// SetOption sets an option of a socket. A value of more than 32 bits is syscall.EINVAL,
// because the system would take the lower 32 bits without a word.
func SetOption(s poller.Socket, o poller.Option, v int) error {
	if v != int(int32(v)) {
		return syscall.EINVAL
	}
	return s.SetOption(o, v)
}

// RawConn gives the access to a socket that package syscall defines. It ends when the owner
// of the socket closes.
func RawConn(s poller.Socket, closing func() bool) (syscall.RawConn, error) {
	d, ok := s.(poller.Descriptor)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return RawSocket{d, closing}, nil
}

// A RawSocket is the access to a descriptor.
type RawSocket struct {
	Descriptor poller.Descriptor
	Closing    func() bool // nil: it has no owner yet
}

// Control runs f with the descriptor, at once.
func (r RawSocket) Control(f func(fd uintptr)) error {
	if r.Closing != nil && r.Closing() {
		return net.ErrClosed
	}
	fd := r.Descriptor.Fd()
	if fd == ^uintptr(0) {
		return net.ErrClosed
	}
	f(fd)
	return nil
}

// Read and Write would wait, which a loop must not.
func (r RawSocket) Read(func(fd uintptr) bool) error  { return errors.ErrUnsupported }
func (r RawSocket) Write(func(fd uintptr) bool) error { return errors.ErrUnsupported }
