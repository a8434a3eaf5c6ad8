package sys

import (
	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// The options that have other names elsewhere.
const (
	tcpKeepIdle     = unix.TCP_KEEPIDLE
	tcpKeepInterval = unix.TCP_KEEPINTVL
	tcpKeepCount    = unix.TCP_KEEPCNT
	tcpUserTimeout  = 0 // there is no such option
	userTimeoutUnit = 1
	soLinger        = unix.SO_LINGER
	soReusePort     = 0 // SO_REUSEPORT does not spread
)

// mapsIPv4 says that an IPv6 socket can have IPv4 peers.
const mapsIPv4 = true

// Inherit hands on what the system may not.
func Inherit(fd, listener int32, family int) {
	if family != unix.AF_UNIX {
		copyOptions(fd, listener, family, poller.NoDelay, poller.KeepAliveIdle, poller.KeepAliveInterval, poller.KeepAliveCount)
	}
}
