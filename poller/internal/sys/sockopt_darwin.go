package sys

import (
	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// The options that have other names elsewhere.
const (
	tcpKeepIdle     = unix.TCP_KEEPALIVE
	tcpKeepInterval = unix.TCP_KEEPINTVL
	tcpKeepCount    = unix.TCP_KEEPCNT
	tcpUserTimeout  = unix.TCP_RXT_CONNDROPTIME // seconds of retransmitting (netinet/tcp.h)
	userTimeoutUnit = 1000
	soLinger        = unix.SO_LINGER_SEC // SO_LINGER is in ticks
	soReusePort     = 0                  // SO_REUSEPORT does not spread
)

// mapsIPv4 says that an IPv6 socket can have IPv4 peers.
const mapsIPv4 = true

// A sourceReq is struct group_source_req, and struct group_req its beginning; packed
// to four bytes (netinet/in.h).
type sourceReq struct {
	index  uint32
	group  [128]byte
	source [128]byte
}

// Inherit hands on what the system may not.
func Inherit(fd, listener int32, family int) {
	if family != unix.AF_UNIX {
		copyOptions(fd, listener, family, poller.KeepAliveIdle, poller.KeepAliveInterval, poller.KeepAliveCount)
		if v, err := GetOption(listener, family, poller.UserTimeout); err == nil && v > 0 {
			SetOption(fd, family, poller.UserTimeout, v)
		}
	}
}
