package sys

import "golang.org/x/sys/unix"

// The options that have other names elsewhere, or do not exist.
const (
	tcpKeepIdle     = 0 // the times are those of sysctl net.inet.tcp
	tcpKeepInterval = 0
	tcpKeepCount    = 0
	tcpUserTimeout  = 0 // there is no such option
	userTimeoutUnit = 1
	soLinger        = unix.SO_LINGER
	soReusePort     = 0 // SO_REUSEPORT does not spread
)

// mapsIPv4 says that an IPv6 socket can have IPv4 peers.
const mapsIPv4 = false

// Inherit does nothing: OpenBSD hands on what a listener has (sonewconn in
// kern/uipc_socket2.c, syn_cache_get in netinet/tcp_input.c).
func Inherit(fd, listener int32, family int) {}
