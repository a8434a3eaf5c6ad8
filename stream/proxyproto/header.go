package proxyproto

import (
	"errors"
	"fmt"
	"net/netip"

	"example.com/pike/poller"
)

// A Header is what goes before the first byte of a connection: a proxy says in it whose
// connection it passes on.
type Header struct {
	// Version is 1 or 2. A header of version 1 is a line of text. One of version 2 is
	// binary, and only it has TLVs.
	Version int

	// Local says that the proxy speaks for itself (LOCAL): to see whether the server
	// lives, say. Such a header has nothing else. Version 1 has no word for it, and says
	// UNKNOWN.
	Local bool

	// Transport is what the client has connected by. It is Unspecified where the proxy
	// cannot say (UNKNOWN in version 1).
	Transport Transport

	// Source is the client, and Destination is what it has connected to. They are the zero
	// Addr where Relayed is false. The client of a unix-domain socket mostly has no name,
	// and Source is the zero Addr, too.
	Source, Destination poller.Addr

	// TLVs is what else the proxy says, in its order.
	TLVs []TLV
}

// NewHeader returns a header for a connection between these ends: as a proxy has them from
// RemoteAddr and LocalAddr of the connection that it passes on. If both are IPv4, Transport
// is TCP4. If one is IPv6, it is TCP6, and the other is mapped. If both are names of
// unix-domain sockets, or source is the zero Addr and destination is one, it is UnixStream.
// All else is Unspecified.
func NewHeader(version int, source, destination poller.Addr) *Header {
	h := &Header{Version: version}
	src, dst := source.Addr().Unmap(), destination.Addr().Unmap()
	switch {
	case destination.Path != "" && !source.AddrPort.IsValid():
		h.Transport = UnixStream
	case source.Path != "" || destination.Path != "" || !src.IsValid() || !dst.IsValid():
		return h
	case src.Is4() && dst.Is4():
		h.Transport = TCP4
	default:
		h.Transport = TCP6
	}
	h.Source, h.Destination = source, destination
	return h
}

// Relayed reports whether Source and Destination are the ends of a connection that a proxy
// passes on. If not, the ends are those of the connection that the header came by.
func (h *Header) Relayed() bool { return !h.Local && h.Transport.known() }

// A Transport is an address family and a kind of socket, in the code of version 2. The
// specification has these. Any other of which one half is unspecified may come, too, and
// says no more than Unspecified.
type Transport byte

// The transports.
const (
	Unspecified  Transport = 0x00
	TCP4         Transport = 0x11
	UDP4         Transport = 0x12
	TCP6         Transport = 0x21
	UDP6         Transport = 0x22
	UnixStream   Transport = 0x31
	UnixDatagram Transport = 0x32
)

// The halves of a Transport.
const (
	familyUnspecified = 0
	familyIPv4        = 1
	familyIPv6        = 2
	familyUnix        = 3

	socketDatagram = 2
)

func (t Transport) family() byte { return byte(t) >> 4 }
func (t Transport) socket() byte { return byte(t) & 15 }

// known reports whether t says what addresses there are.
func (t Transport) known() bool { return t.family() != familyUnspecified && t.socket() != 0 }

// valid reports whether the specification allows both halves of t.
func (t Transport) valid() bool { return t.family() <= familyUnix && t.socket() <= socketDatagram }

// addresses is how many bytes the addresses of t take.
func (t Transport) addresses() int {
	if !t.known() {
		return 0
	}
	switch t.family() {
	case familyIPv4:
		return 2*4 + 2*2
	case familyIPv6:
		return 2*16 + 2*2
	}
	return 2 * unixPath
}

// String is the word of version 1, or one that is like it.
func (t Transport) String() string {
	switch t {
	case TCP4:
		return "TCP4"
	case UDP4:
		return "UDP4"
	case TCP6:
		return "TCP6"
	case UDP6:
		return "UDP6"
	case UnixStream:
		return "UNIX"
	case UnixDatagram:
		return "UNIXGRAM"
	}
	return "UNKNOWN"
}

// The sizes of the specification.
const (
	maxLine   = 107         // of a header of version 1, with its CRLF
	fixed     = 16          // what each header of version 2 begins with
	maxBinary = 16 + 0xffff // of a header of version 2
	unixPath  = 108         // of a name of a unix-domain socket
	maxID     = 128         // of a unique id
)

// What headers begin with.
const (
	word      = "PROXY"
	signature = "\r\n\r\n\x00\r\nQUIT\n"
)

// ErrIncomplete is the error of Parse for what may become a header when more of it is there.
var ErrIncomplete = errors.New("incomplete PROXY header")

// A HeaderError says what is wrong with a header.
type HeaderError struct {
	Version int    // 1 or 2; 0 if it is not known
	Step    string // what was being read or written: "signature", "source address", "TLV"
	Err     error  // what is wrong with it
}

// Error names the step.
func (e *HeaderError) Error() string {
	if e.Version == 0 {
		return "PROXY header: " + e.Step + ": " + e.Err.Error()
	}
	return fmt.Sprintf("PROXY header, version %d: %s: %v", e.Version, e.Step, e.Err)
}

// Unwrap returns Err.
func (e *HeaderError) Unwrap() error { return e.Err }

// wrong makes a HeaderError.
func wrong(version int, step, format string, args ...any) error {
	return &HeaderError{Version: version, Step: step, Err: fmt.Errorf(format, args...)}
}

// excerpt is as much of b as fits into the line of a log.
func excerpt(b []byte) string { return fmt.Sprintf("%.60q", b[:min(len(b), 24)]) }

// address makes an Addr as pike has them elsewhere: an IPv4 address is never mapped.
func address(ip netip.Addr, port uint16) poller.Addr {
	return poller.AddrOf(netip.AddrPortFrom(ip.Unmap(), port))
}
