package stream_test

import (
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/tcp"
)

// option reads an option as the system has it.
func (r *rig) option(c interface {
	SyscallConn() (syscall.RawConn, error)
}, level, name int) (v int) {
	r.Helper()
	rc, err := c.SyscallConn()
	r.no(err)
	var got error
	r.no(rc.Control(func(fd uintptr) { v, got = unix.GetsockoptInt(int(fd), level, name) }))
	r.no(got)
	return v
}

// What the methods and Options set is what the system has, on a socket of
// either family.
func TestOptionsReachTheSystem(t *testing.T) {
	for _, addr := range []string{loopback, "[::1]:0"} {
		r := newRig(t)
		ln, err := tcp.Listen(r.lp, addr, &tcp.Options{KeepAlive: 42 * time.Second})
		r.no(err)
		var c *tcp.Conn
		ln.OnAccept = func(a *tcp.Conn) { c = a }
		d := r.dial(ln, &tcp.Options{KeepAlive: 2500 * time.Millisecond})
		r.until("it is accepted", func() bool { return c != nil })

		r.equal("SO_REUSEADDR of the listener", r.option(ln, unix.SOL_SOCKET, unix.SO_REUSEADDR), 1)
		r.equal("TCP_KEEPIDLE accepted", r.option(c, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE), 42)
		r.equal("TCP_KEEPINTVL accepted", r.option(c, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL), 42)
		r.equal("TCP_KEEPIDLE dialed", r.option(d, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE), 3)
		r.no(c.SetKeepAlivePeriod(7100 * time.Millisecond))
		r.equal("TCP_KEEPIDLE", r.option(c, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE), 8)
		r.equal("TCP_KEEPINTVL", r.option(c, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL), 8)

		level, ttl, class := unix.IPPROTO_IP, unix.IP_TTL, unix.IP_TOS
		if ln.LocalAddr().Addr().Is6() {
			level, ttl, class = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, unix.IPV6_TCLASS
		}
		r.no(c.SetTTL(3))
		r.equal("TTL", r.option(c, level, ttl), 3)
		r.no(c.SetTrafficClass(0x28))
		r.equal("traffic class", r.option(c, level, class), 0x28)
	}
	probes := net.KeepAliveConfig{Enable: true, Idle: 70 * time.Second, Interval: -1, Count: 4}
	for _, o := range []tcp.Options{{KeepAlive: -1, KeepAliveConfig: probes}, {KeepAliveConfig: net.KeepAliveConfig{Enable: true}}} {
		r := newRig(t)
		nl, err := net.Listen("tcp4", loopback)
		r.no(err)
		own, err := tcp.Listen(r.lp, loopback, &o)
		r.no(err)
		own.OnAccept = func(*tcp.Conn) {}
		d := r.dial(own, &o)
		for _, c := range []*tcp.Conn{d, r.accepted(own), r.accepted(r.adoptListener(nl, &o))} {
			times := [3]int{70, 75, 4}
			if o.KeepAlive == 0 {
				times = [3]int{15, 15, 9}
			}
			r.equal("SO_KEEPALIVE", r.option(c, unix.SOL_SOCKET, unix.SO_KEEPALIVE), 1)
			for i, name := range []int{unix.TCP_KEEPIDLE, unix.TCP_KEEPINTVL, unix.TCP_KEEPCNT} {
				r.equal("keep-alive", r.option(c, unix.IPPROTO_TCP, name), times[i])
			}
		}
	}
	r := newRig(t)
	ln, err := tcp.Listen(r.lp, loopback, &tcp.Options{NoReuseAddr: true, ReusePort: true})
	r.no(err)
	r.equal("SO_REUSEADDR", r.option(ln, unix.SOL_SOCKET, unix.SO_REUSEADDR), 0)
	r.equal("SO_REUSEPORT", r.option(ln, unix.SOL_SOCKET, unix.SO_REUSEPORT), 1)
}

// SyscallConn is for what has no method; it leaves reading and writing to the
// loop.
func TestSyscallConn(t *testing.T) {
	r := newRig(t)
	peer, c := r.pair()
	rc, err := c.SyscallConn()
	r.no(err)
	var set error
	r.no(rc.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 1234)
	}))
	r.no(set)
	r.equal("TCP_USER_TIMEOUT", r.option(c, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT), 1234)
	never := func(uintptr) bool { t.Error("called"); return true }
	if rc.Read(never) == nil || rc.Write(never) == nil {
		t.Error("Read and Write would wait")
	}
	r.no(c.Close())
	r.no(peer.Close())
	r.run()
	if err := rc.Control(func(uintptr) { t.Error("a descriptor was given out") }); err == nil {
		t.Error("Control of a closed connection")
	}
}
