package udp_test

import (
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/udp"
)

// A socket of Dial hears nobody but its peer, however many others send to its port
// while it is being opened.
func TestDialHearsNoStranger(t *testing.T) {
	needNetPackets(t)
	lp := newLoop(t)
	peer := listen(t, lp, anyV4, nil)
	free := listen(t, lp, anyV4, nil)
	port := free.LocalAddr()
	no(t, free.Close())
	_, err := lp.RunNoWait()
	no(t, err)
	var stop atomic.Bool
	defer stop.Store(true)
	for range 2 {
		s, err := net.ListenPacket("udp", anyV4)
		no(t, err)
		defer s.Close()
		go func() {
			for !stop.Load() {
				s.WriteTo([]byte("stranger"), net.UDPAddrFromAddrPort(port))
			}
		}()
	}
	strange := 0
	began := time.Now()
	for dials := 0; dials < 500 && time.Since(began) < 5*time.Second; dials++ {
		c, err := udp.Dial(lp, peer.LocalAddr().String(), &udp.Options{LocalAddr: port})
		no(t, err)
		c.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
			if from != c.RemoteAddr() {
				strange++
			}
		}
		_, err = lp.RunNoWait()
		no(t, err)
		c.Close()
		_, err = lp.RunNoWait()
		no(t, err)
	}
	equal(t, "datagrams of strangers", strange, 0)
}

// Connect within OnRead, and while some of a batch waits, drops what others have sent.
func TestConnectDropsWhatOthersHaveSent(t *testing.T) {
	worlds(t, func(t *testing.T, lp *loop.Loop) {
		for _, pause := range []bool{false, true} {
			c := listen(t, lp, anyV4, nil)
			peer, stranger := listen(t, lp, anyV4, nil), listen(t, lp, anyV4, nil)
			no(t, c.PauseRead())
			for range 3 {
				writeTo(t, stranger, "stranger", c.LocalAddr())
				settle(t, lp)
				writeTo(t, peer, "peer", c.LocalAddr())
				settle(t, lp)
			}
			heard, strange := 0, 0
			c.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
				if from == peer.LocalAddr() {
					heard++
				} else {
					strange++
				}
				if !c.RemoteAddr().IsValid() {
					no(t, c.Connect(peer.LocalAddr()))
					if pause {
						no(t, c.PauseRead())
						lp.Post(func() { no(t, c.ResumeRead()) })
					}
				}
			}
			no(t, c.ResumeRead())
			runUntil(t, lp, "the peer is heard", func() bool { return heard == 3 })
			settle(t, lp)
			if strange > 1 {
				t.Errorf("%d datagrams of a stranger, of which one may have come before Connect", strange)
			}
		}
	})
}
