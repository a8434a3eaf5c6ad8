package udp_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/udp"
)

// curious is a socket that hears of refusals, or a reason to skip.
func curious(t testing.TB, lp *loop.Loop, addr string) *udp.Conn {
	t.Helper()
	c, err := udp.Listen(lp, addr, &udp.Options{RecvError: true})
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	no(t, err)
	return c
}

// worlds runs a test on the system, and on simulated networks of many seeds.
func worlds(t *testing.T, test func(t *testing.T, lp *loop.Loop)) {
	t.Run("system", func(t *testing.T) { test(t, newLoop(t)) })
	for seed := range uint64(50) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := sim.New(seed, sim.Config{Faults: sim.Heavy().Without(sim.Pause, sim.TooManyOpen, sim.Drop, sim.Duplicate)})
			test(t, newLoop(t, loop.Options{Poller: w.Host("host")}))
		})
	}
}

func TestRefusalByOnePeerSparesAnother(t *testing.T) {
	worlds(t, func(t *testing.T, lp *loop.Loop) {
		const n = 10
		dead := refused(t, lp, anyV4)
		live := listen(t, lp, anyV4, nil)
		got, told := 0, 0
		live.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { got++ }
		c := curious(t, lp, anyV4)
		c.OnError = func(_ *udp.Conn, err error) {
			opIs(t, err, "read", dead, syscall.ECONNREFUSED)
			told++
		}
		left := n
		var next func()
		next = func() { // the refusal of one is with the socket when the other is sent
			writeTo(t, c, "x", dead)
			lp.Post(func() {
				writeTo(t, c, "y", live.LocalAddr())
				if left--; left > 0 {
					lp.Post(next)
				}
			})
		}
		lp.Post(next)
		runUntil(t, lp, "all is told", func() bool { return got == n && told == n })
	})
}

func TestEachRefusalIsToldWithItsPeer(t *testing.T) {
	worlds(t, func(t *testing.T, lp *loop.Loop) {
		c := curious(t, lp, anyV4)
		owed, told := map[string]int{}, 0
		c.OnError = func(_ *udp.Conn, err error) {
			told++
			for addr := range owed {
				if opAddr(err) == addr {
					owed[addr]--
					return
				}
			}
			t.Error("nobody refused this:", err)
		}
		for range 10 {
			dead := refused(t, lp, anyV4)
			owed[dead.String()] = 2
			writeTo(t, c, "anybody there?", dead)
			writeTo(t, c, "and now?", dead)
		}
		runUntil(t, lp, "all is told", func() bool { return told == 20 })
		settle(t, lp)
		for addr, n := range owed {
			equal(t, "refusals not told of "+addr, n, 0)
		}
		equal(t, "refusals", told, 20)
	})
}

// What a connected socket sends after a refusal goes out, a run whole, and the
// refusal is told of the peer that it was of.
func TestRefusalTakesNothingOfConnectedSocket(t *testing.T) {
	worlds(t, func(t *testing.T, lp *loop.Loop) {
		live := listen(t, lp, anyV4, &udp.Options{ReadBuffer: 1 << 20})
		got := 0
		live.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { got++ }
		dead := refused(t, lp, anyV4)
		c := dial(t, lp, dead)
		told := 0
		c.OnError = func(_ *udp.Conn, err error) {
			opIs(t, err, "read", dead, syscall.ECONNREFUSED)
			told++
		}
		no(t, c.PauseRead()) // so that it stays with the socket
		_, err := c.Write([]byte("anybody there?"))
		no(t, err)
		settle(t, lp)
		no(t, c.Connect(live.LocalAddr()))
		no(t, c.WriteMessage(udp.Message{Data: make([]byte, 1000), Segment: 100}))
		_, err = c.Write([]byte("the end"))
		no(t, err)
		runUntil(t, lp, "all arrives", func() bool { return got == 11 })
		no(t, c.ResumeRead())
		settle(t, lp)
		if told > 1 {
			t.Errorf("one refusal was told %d times", told)
		}
	})
}

// opAddr is the address that an error names.
func opAddr(err error) string {
	var op *net.OpError
	if !errors.As(err, &op) || op.Addr == nil {
		return ""
	}
	return op.Addr.String()
}

func TestRefusedOnConnectedSocket(t *testing.T) {
	for _, addr := range []string{anyV4, anyV6} {
		t.Run(addr, func(t *testing.T) {
			if addr == anyV6 {
				needIPv6(t)
			}
			lp := newLoop(t)
			peer := refused(t, lp, addr)
			c := dial(t, lp, peer)
			told := 0
			c.OnError = func(c *udp.Conn, err error) {
				opIs(t, err, "read", peer, syscall.ECONNREFUSED)
				if told++; told == 2 {
					c.Close()
					return
				}
				_, err = c.Write([]byte("again"))
				no(t, err)
			}
			c.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { t.Error("OnRead was called") }
			_, err := c.Write([]byte("is anybody there?"))
			no(t, err)
			run(t, lp)
			equal(t, "refusals", told, 2)
			if n := lp.Metrics().Turns; n > 10 {
				t.Errorf("%d turns for two refusals", n)
			}
		})
	}
}

func TestRecvErrorOnUnconnectedSocket(t *testing.T) {
	for _, addr := range []string{anyV4, anyV6} {
		t.Run(addr, func(t *testing.T) {
			if addr == anyV6 {
				needIPv6(t)
			}
			lp := newLoop(t)
			c, err := udp.Listen(lp, addr, &udp.Options{RecvError: true})
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skip(err)
			}
			no(t, err)
			told, reads := 0, 0
			peer := refused(t, lp, addr)
			c.OnError = func(_ *udp.Conn, err error) {
				told++
				opIs(t, err, "read", peer, syscall.ECONNREFUSED)
			}
			c.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { reads++ }
			writeTo(t, c, "x", peer)
			soon(t, lp, func() {
				equal(t, "errors", told, 1)
				writeTo(t, c, "to myself", c.LocalAddr())
				soon(t, lp, func() { c.Close() })
			})
			run(t, lp)
			equal(t, "datagrams after the error", reads, 1)
			if n := lp.Metrics().Turns; n > 20 {
				t.Errorf("%d turns", n)
			}
		})
	}
}

// Without RecvError an unconnected socket does not hear of refusals (RFC 1122,
// 4.1.3.3, leaves that to the application; Linux tells connected sockets alone).
func TestUnconnectedSocketIsNotTold(t *testing.T) {
	lp := newLoop(t)
	c := listen(t, lp, anyV4, nil) // whose OnError fails the test
	writeTo(t, c, "x", refused(t, lp, anyV4))
	soon(t, lp, func() { c.Close() })
	run(t, lp)
}
