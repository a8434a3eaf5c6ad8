//go:build unix

package stream_test

import (
	"syscall"
	"testing"

	"example.com/pike/tcp"
)

// Without SO_REUSEADDR a server cannot restart while connections of its predecessor are
// there, or TestRestartInTimeWait had nothing to show. Those here are open: in TIME_WAIT
// the system keeps none when it is short of memory for sockets (tcp_max_tw_buckets,
// tcp_max_orphans in ip-sysctl), which other processes can bring about.
func TestRestartNeedsReuseAddr(t *testing.T) {
	r := newRig(t)
	var c *tcp.Conn
	ln := r.listen(nil, func(accepted *tcp.Conn) { c = accepted })
	r.dial(ln, nil)
	r.until("it is accepted", func() bool { return c != nil })
	closed := false
	ln.OnClose = func() { closed = true }
	r.no(ln.Close())
	r.until("the listener is closed", func() bool { return closed })
	_, err := tcp.Listen(r.lp, ln.LocalAddr().String(), &tcp.Options{NoReuseAddr: true})
	r.is(err, syscall.EADDRINUSE)
	_, err = tcp.Listen(r.lp, ln.LocalAddr().String(), nil)
	r.no(err)
}
