package sys

import "golang.org/x/sys/unix"

// The options that have other names elsewhere.
const (
	tcpKeepIdle     = unix.TCP_KEEPIDLE
	tcpKeepInterval = unix.TCP_KEEPINTVL
	tcpKeepCount    = unix.TCP_KEEPCNT
	tcpUserTimeout  = 0x44 // TCP_MAXUNACKTIME, seconds; older kernels do not have it (netinet/tcp.h)
	userTimeoutUnit = 1000
	soLinger        = unix.SO_LINGER
	soReusePort     = unix.SO_REUSEPORT_LB // FreeBSD 12; SO_REUSEPORT does not spread
)

// mapsIPv4 says that an IPv6 socket can have IPv4 peers.
const mapsIPv4 = true

// A sourceReq is struct group_source_req, and struct group_req its beginning. A
// sockaddr_storage is aligned to eight bytes (__ss_align in sys/_sockaddr_storage.h).
type sourceReq struct {
	index  uint32
	_      uint32
	group  [128]byte
	source [128]byte
}

// Inherit does nothing: FreeBSD hands on what a listener has (sonewconn in
// kern/uipc_socket.c, syncache_socket in netinet/tcp_syncache.c).
func Inherit(fd, listener int32, family int) {}
