package pollertest

import "time"

// What systems differ in, and the suite allows for.
const (
	dissolvingWidens = true  // a packet socket that loses its peer is bound to every address
	keepAliveTimes   = true  // the times of probes are options
	mapsIPv4         = false // an IPv6 socket can have IPv4 peers

	// Loopback delivers by a thread of the kernel, not within the call that sends.
	settling = 15 * time.Millisecond
)
