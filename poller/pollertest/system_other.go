//go:build !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package pollertest

import "time"

// What systems differ in, and the suite allows for.
const (
	dissolvingWidens = false // a packet socket that loses its peer is bound to every address
	keepAliveTimes   = true  // the times of probes are options
	mapsIPv4         = true  // an IPv6 socket can have IPv4 peers

	settling = 5 * time.Millisecond // more than loopback takes
)
