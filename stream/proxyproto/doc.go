// Package proxyproto reads and writes the header of the PROXY protocol, in versions 1 and 2: a
// proxy sends it before the first byte of a connection that it passes on, and says in it
// who the client is. The specification is proxy-protocol.txt of HAProxy
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt).
package proxyproto
