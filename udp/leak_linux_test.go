package udp_test

import (
	"net"
	"os"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/udp"
)

// descriptors counts those of this process.
func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	no(t, err)
	return len(all)
}

func TestNoDescriptorIsLeft(t *testing.T) {
	newLoop(t) // whatever package net and the runtime open once is open
	before := descriptors(t)
	lp, err := loop.New(loop.Options{})
	no(t, err)
	for range 50 {
		a := listen(t, lp, anyV4, nil)
		dial(t, lp, a.LocalAddr())
		_, err := udp.Listen(lp, a.LocalAddr().String(), nil)
		if err == nil {
			t.Error("the address is taken")
		}
		a.Close()
		a.Abort()
	}
	pc, err := net.ListenPacket("udp", anyV4)
	no(t, err)
	_, err = udp.AdoptConn(lp, pc)
	no(t, err)
	no(t, lp.Close())
	for range 10 {
		_, err := udp.Listen(lp, anyV4, nil)
		is(t, err, net.ErrClosed)
	}
	equal(t, "descriptors", descriptors(t), before)
}
