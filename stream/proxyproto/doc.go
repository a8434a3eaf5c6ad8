// Package proxyproto has the header of the PROXY protocol, versions 1 and 2, as layers for
// connections. A proxy sends it before the first byte of a connection that it passes on, and
// says in it who the client is.
//
//	o := &tcp.Options{Layer: proxyproto.Server(&proxyproto.Options{
//		Trusted: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, // the proxies
//	})}
//	ln, err := tcp.Listen(lp, "tcp", ":7000", o)
//	ln.OnAccept = func(c *tcp.Conn) {
//		log.Println("client", c.RemoteAddr()) // not the proxy
//		if h, ok := proxyproto.Of(c); ok {
//			log.Println("asks for", h.Authority())
//		}
//	}
//
// OnAccept comes when the header was read. What came behind it is read as always. After that
// the layer costs what passing calls on costs. With TLS behind the header it is the lower of
// two layers: layer.Stack{proxyproto.Server(o), tlslayer.Server(config, nil)}.
//
// [Client] is the other side, for proxies. [Parse] and [Header.Append] are for whoever has the
// bytes, and no stream.
//
// # Who is believed
//
// Whoever is trusted can take any address for its own. So a server names its proxies, and must
// be reached by nobody else in a way that looks like one of them. A connection either has to
// have a header, or has none: which of the two it is, the address of its peer says, and never
// its first bytes.
//
// # The protocol
//
// The specification is proxy-protocol.txt of HAProxy, of 2020/03/05
// (https://github.com/haproxy/haproxy/blob/master/doc/proxy-protocol.txt). Where it leaves a
// choice: both versions are read; a header may come in pieces; UNKNOWN, LOCAL and what is
// unspecified keep the addresses of the connection itself; a checksum is looked at wherever
// there is one; what comes after an unspecified family is read as TLVs if it is TLVs
// throughout, and ignored else. A header may name datagrams, as a proxy of those says.
package proxyproto
