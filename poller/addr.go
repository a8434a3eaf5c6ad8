package poller

import "net/netip"

// An Addr names an endpoint: an IP address and port or, where Path is set, a
// unix-domain socket. Addrs compare with ==; the zero Addr names nothing.
type Addr struct {
	netip.AddrPort
	Path string
}

// AddrOf returns the Addr of an IP address and port.
func AddrOf(ap netip.AddrPort) Addr { return Addr{AddrPort: ap} }

// IsValid reports whether a names anything.
func (a Addr) IsValid() bool { return a.Path != "" || a.AddrPort.IsValid() }

// String is the form that net.Dial takes.
func (a Addr) String() string {
	switch {
	case a.Path != "":
		return a.Path
	case !a.IsValid():
		return "<none>"
	}
	return a.AddrPort.String()
}
