package kqfake

import "time"

// Loopback delivers within the call that sends, so that short waits do.
const (
	short    = 10 * time.Millisecond
	settling = 2 * time.Millisecond
)

// differences are where the model answers otherwise than the kernel, and why.
var differences = map[string]string{
	"accept.inherits-nonblock": "it is Linux that accepts",
	"signal.ignored":           "sometimes: signals come through os/signal, one by one and later",
	"signal.again":             "sometimes: the same",
	"udp.5+3":                  "FIONREAD of Linux is of the first datagram only (udp(7))",
	"vnode.add":                "no EVFILT_VNODE",
	"vnode.extend":             "no EVFILT_VNODE",
	"vnode.write":              "no EVFILT_VNODE",
	"vnode.rename":             "no EVFILT_VNODE",
	"vnode.attrib":             "no EVFILT_VNODE",
	"vnode.delete":             "no EVFILT_VNODE",
	"proc.exit7":               "no EVFILT_PROC",
	"proc.unknown-pid":         "no EVFILT_PROC",
}
