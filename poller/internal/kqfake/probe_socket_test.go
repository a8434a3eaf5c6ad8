//go:build freebsd || linux

package kqfake

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

func probeListener() {
	k := newkq()
	defer k.close()
	l, sa := tcpListener()
	die(k.reg(l, EVFILT_READ, EV_ADD))
	out("listen.idle", "%s", show(k.wait(4, short)))
	c1, c2 := dial(sa), dial(sa)
	settle()
	out("listen.2pending", "%s", show(k.wait(4, short)))
	s1, _, err := unix.Accept(l)
	die(err)
	fl, _ := unix.FcntlInt(uintptr(s1), unix.F_GETFL, 0)
	out("accept.inherits-nonblock", "%v", fl&unix.O_NONBLOCK != 0)
	out("listen.1pending", "%s", show(k.wait(4, short)))
	s2 := accept(l)
	out("listen.drained", "%s", show(k.wait(4, short)))
	die(k.reg(l, EVFILT_READ, EV_ADD|EV_CLEAR))
	c3 := dial(sa)
	settle()
	out("listen.clear.first", "%s", show(k.wait(4, short)))
	out("listen.clear.again", "%s", show(k.wait(4, short)))
	c4 := dial(sa)
	settle()
	out("listen.clear.second-conn", "%s", show(k.wait(4, short)))
	for _, f := range []int{c1, c2, c3, c4, s1, s2, l} {
		Close(f)
	}
}

func probeRead(tag string, pair func() (int, int)) {
	k := newkq()
	defer k.close()
	a, b := pair()
	die(k.reg(b, EVFILT_READ, EV_ADD))
	out(tag+".idle", "%s", show(k.wait(4, short)))
	wr(a, "hello")
	settle()
	out(tag+".5bytes", "%s", show(k.wait(4, short)))
	out(tag+".level-again", "%s", show(k.wait(4, short)))
	rd(b, 2)
	out(tag+".after-read2", "%s", show(k.wait(4, short)))
	rd(b, 3)
	out(tag+".drained", "%s", show(k.wait(4, short)))
	wr(a, "xyz")
	Close(a)
	settle()
	out(tag+".close-3left", "%s", show(k.wait(4, short)))
	rd(b, 3)
	out(tag+".close-drained", "%s", show(k.wait(4, short)))
	out(tag+".close-level-again", "%s", show(k.wait(4, short)))
	Close(b)
}

func probeEdge() {
	k := newkq()
	defer k.close()
	a, b := tcpPair()
	die(k.reg(b, EVFILT_READ, EV_ADD|EV_CLEAR))
	wr(a, "hello")
	settle()
	out("edge.5bytes", "%s", show(k.wait(4, short)))
	out("edge.again", "%s", show(k.wait(4, short)))
	rd(b, 2)
	out("edge.partial-read", "%s", show(k.wait(4, short)))
	wr(a, "abc")
	settle()
	out("edge.3more", "%s", show(k.wait(4, short)))
	die(k.reg(b, EVFILT_READ, EV_ADD|EV_CLEAR))
	out("edge.re-add", "%s", show(k.wait(4, short)))
	unix.Shutdown(a, unix.SHUT_WR)
	settle()
	out("edge.peer-shutwr", "%s", show(k.wait(4, short)))
	out("edge.peer-shutwr-again", "%s", show(k.wait(4, short)))
	Close(a)
	settle()
	out("edge.then-close", "%s", show(k.wait(4, short)))
	Close(b)
}

func probeReset() {
	for _, clear := range []int{0, EV_CLEAR} {
		k := newkq()
		a, b := tcpPair()
		die(k.reg(b, EVFILT_READ, EV_ADD|clear))
		die(k.reg(b, EVFILT_WRITE, EV_ADD|clear))
		k.wait(4, 0)
		die(unix.SetsockoptLinger(a, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
		Close(a)
		settle()
		out(fmt.Sprintf("rst.clear=%v", clear != 0), "%s", show(k.wait(4, short)))
		_, err := unix.Read(b, make([]byte, 10))
		out(fmt.Sprintf("rst.read.clear=%v", clear != 0), "%s", errStr(err))
		Close(b)
		k.close()
	}
}

func probeWrite() {
	k := newkq()
	defer k.close()
	a, b := tcpPair()
	die(k.reg(a, EVFILT_WRITE, EV_ADD))
	out("write.fresh", "%s", show(k.wait(4, short)))
	out("write.level-again", "%s", show(k.wait(4, short)))
	die(k.reg(a, EVFILT_WRITE, EV_ADD|EV_CLEAR))
	k.wait(4, 0)
	out("write.clear-again", "%s", show(k.wait(4, short)))
	buf := make([]byte, 65536)
	total := 0
	for grew := true; grew; { // loopback's thread takes from the buffer for a while
		grew = false
		for {
			n, err := unix.Write(a, buf)
			if err != nil {
				break
			}
			total += n
			grew = true
		}
		settle()
	}
	k.wait(4, 0)
	out("write.full", "%s", show(k.wait(4, short)))
	for total > 0 {
		n, err := unix.Read(b, buf)
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		total -= n
	}
	out("write.drained", "%s", show(k.wait(4, short)))
	Close(b)
	settle()
	out("write.peer-closed", "%s", show(k.wait(4, short)))
	_, err := unix.Write(a, []byte("x"))
	settle()
	out("write.peer-closed.write1", "%v", err)
	out("write.peer-closed.event2", "%s", show(k.wait(4, short)))
	_, err = unix.Write(a, []byte("x"))
	out("write.peer-closed.write2", "%s", errStr(err))
	Close(a)

	// one-way shutdowns
	a, b = tcpPair()
	die(k.reg(a, EVFILT_WRITE, EV_ADD))
	die(k.reg(a, EVFILT_READ, EV_ADD))
	unix.Shutdown(b, unix.SHUT_WR)
	settle()
	out("halfclose.peer-shutwr", "%s", show(k.wait(4, short)))
	unix.Shutdown(a, unix.SHUT_WR)
	settle()
	out("halfclose.own-shutwr", "%s", show(k.wait(4, short)))
	Close(a)
	Close(b)
	a, b = tcpPair()
	die(k.reg(a, EVFILT_WRITE, EV_ADD))
	die(k.reg(a, EVFILT_READ, EV_ADD))
	unix.Shutdown(a, unix.SHUT_RD)
	settle()
	out("halfclose.own-shutrd", "%s", show(k.wait(4, short)))
	Close(a)
	Close(b)
}

func probeConnect() {
	k := newkq()
	defer k.close()
	l, sa := tcpListener()
	mk := func() int {
		c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		die(err)
		die(unix.SetNonblock(c, true))
		return c
	}
	c := mk()
	err := unix.Connect(c, sa)
	out("connect.nonblock.err", "%v", err == nil || err == unix.EINPROGRESS)
	die(k.reg(c, EVFILT_WRITE, EV_ADD|EV_CLEAR))
	out("connect.ok", "%s", show(k.wait(4, short)))
	Close(c)
	Close(l)
	c = mk()
	err = unix.Connect(c, sa)
	out("connect.refused.err", "%v", err == unix.ECONNREFUSED || err == unix.EINPROGRESS)
	die(k.reg(c, EVFILT_WRITE, EV_ADD|EV_CLEAR))
	die(k.reg(c, EVFILT_READ, EV_ADD|EV_CLEAR))
	out("connect.refused", "%s", show(k.wait(4, short)))
	v, err := unix.GetsockoptInt(c, unix.SOL_SOCKET, unix.SO_ERROR)
	out("connect.refused.SO_ERROR", "%s (%v)", errno(int64(v)), err)
	Close(c)
	c = mk()
	die(k.reg(c, EVFILT_WRITE, EV_ADD))
	out("write.unconnected", "%s", show(k.wait(4, short)))
	Close(c)
}
