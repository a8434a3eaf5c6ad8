package stream_test

import (
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/pike/tcp"
)

// Where there is no descriptor left to hand over, NetConn fails and the connection goes on.
func TestNetConnWithoutDescriptors(t *testing.T) {
	r := newRig(t)
	peer, c := r.pair()
	got := ""
	peer.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) }
	var was unix.Rlimit
	r.no(unix.Getrlimit(unix.RLIMIT_NOFILE, &was))
	null, err := os.Open(os.DevNull) // the lowest number that is free, and with it all above
	r.no(err)
	for room := uint64(0); room < 2; room++ { // without one for Duplicate, and for package net
		few := was
		few.Cur = uint64(null.Fd()) + 1 + room
		r.no(unix.Setrlimit(unix.RLIMIT_NOFILE, &few))
		_, err = c.NetConn()
		r.no(unix.Setrlimit(unix.RLIMIT_NOFILE, &was))
		r.is(err, syscall.EMFILE)
		r.equal("Closing", c.Closing(), false)
	}
	r.no(null.Close())
	c.WriteString("still here")
	r.until("it works", func() bool { return got == "still here" })
	nc, err := c.NetConn()
	r.no(err)
	r.no(nc.Close())
	r.until("the peer has ended", func() bool { return peer.Closing() })
	r.run()
}
