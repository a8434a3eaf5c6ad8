package poller

import "net/netip"

// A PeerError is an error that came back for a datagram sent before (ICMP), with what
// is known of that datagram. Its text is that of Err, to which the packages above add
// the address.
type PeerError struct {
	Peer     netip.AddrPort // whom the datagram was for
	Offender netip.Addr     // the host that says so; the zero Addr if the system does not tell
	Err      error
}

// Error is what went wrong, without the address.
func (e *PeerError) Error() string { return e.Err.Error() }

// Unwrap is Err.
func (e *PeerError) Unwrap() error { return e.Err }
