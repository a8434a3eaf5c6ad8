//go:build unix

package tcp_test

import (
	"syscall"
	"testing"

	"example.com/pike/tcp"
)

// Without SO_REUSEADDR a server cannot restart while connections of its
// predecessor are in TIME_WAIT, or TestRestartInTimeWait had nothing to show.
func TestRestartNeedsReuseAddr(t *testing.T) {
	r := newRig(t)
	addr, err := r.restart(loopback, nil)
	r.no(err)
	_, err = r.restart(addr.String(), &tcp.Options{NoReuseAddr: true})
	r.is(err, syscall.EADDRINUSE)
}
