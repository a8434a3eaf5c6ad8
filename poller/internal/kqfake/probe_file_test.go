//go:build freebsd || linux

package kqfake

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

func probeClose() {
	k := newkq()
	defer k.close()
	a, b := tcpPair()
	die(k.reg(b, EVFILT_READ, EV_ADD))
	Close(b)
	settle()
	out("close.registered", "%s", show(k.wait(4, short)))
	out("close.delete-after", "%s", errStr(k.reg(b, EVFILT_READ, EV_DELETE)))
	Close(a)
	// the number is used again
	a, b = tcpPair()
	die(k.reg(b, EVFILT_READ, EV_ADD))
	old := b
	c, d := tcpPair()
	Close(b)
	die(unix.Dup2(d, old)) // old now names another socket
	wr(c, "x")
	settle()
	out("close.reused-number", "%s", show(k.wait(4, short)))
	die(k.reg(old, EVFILT_READ, EV_ADD))
	out("close.reused-readd", "%s", show(k.wait(4, short)))
	Close(old)
	Close(d)
	Close(c)
	Close(a)
	// a dup stays open
	a, b = tcpPair()
	die(k.reg(b, EVFILT_READ, EV_ADD))
	b2, err := unix.Dup(b)
	die(err)
	Close(b)
	wr(a, "x")
	settle()
	out("close.dup-remains", "%s", show(k.wait(4, short)))
	Close(a)
	Close(b2)
	// data ready, then the fd is closed before kevent
	a, b = tcpPair()
	die(k.reg(b, EVFILT_READ, EV_ADD))
	wr(a, "x")
	settle()
	Close(b)
	out("close.ready-then-closed", "%s", show(k.wait(4, short)))
	Close(a)
	// the kqueue is closed under a waiter
	k2 := newkq()
	res := make(chan string, 1)
	go func() {
		n, err := Kevent(int(k2), nil, make([]Event, 1), nil)
		res <- fmt.Sprintf("n=%d err=%s", n, errStr(err))
	}()
	time.Sleep(50 * time.Millisecond)
	k2.close()
	select {
	case s := <-res:
		out("close.kq-under-waiter", "%s", s)
	case <-time.After(time.Second):
		out("close.kq-under-waiter", "still blocked after 1s")
	}
}

func probeMany() {
	k := newkq()
	defer k.close()
	var fds [][2]int
	for range 6 {
		a, b := tcpPair()
		die(k.reg(b, EVFILT_READ, EV_ADD))
		wr(a, "x")
		fds = append(fds, [2]int{a, b})
	}
	settle()
	seen := map[uint64]bool{}
	for range 3 {
		for _, e := range k.wait(2, short) {
			seen[uint64(e.Ident)] = true
		}
	}
	out("many.6ready-3x2", "distinct=%d", len(seen))
	out("many.all", "n=%d", len(k.wait(32, short)))
	// nested: a kqueue watched by a kqueue
	k2 := newkq()
	err := k2.reg(int(k), EVFILT_READ, EV_ADD)
	out("nested", "%v %v", err, len(k2.wait(4, short)))
	k2.close()
	for _, p := range fds {
		Close(p[0])
		Close(p[1])
	}
	a, b := tcpPair()
	die(k.reg(b, EVFILT_READ, EV_ADD))
	die(k.reg(b, EVFILT_WRITE, EV_ADD))
	wr(a, "x")
	settle()
	out("both-filters", "%s", show(k.wait(8, short)))
	out("both-filters.max1", "n=%d", len(k.wait(1, short)))
	Close(a)
	Close(b)
}

func probePipe() {
	k := newkq()
	defer k.close()
	var p [2]int
	die(unix.Pipe(p[:]))
	die(k.reg(p[0], EVFILT_READ, EV_ADD))
	wr(p[1], "abc")
	out("pipe.3bytes", "%s", show(k.wait(4, short)))
	Close(p[1])
	out("pipe.writer-closed-3left", "%s", show(k.wait(4, short)))
	rd(p[0], 3)
	out("pipe.writer-closed", "%s", show(k.wait(4, short)))
	Close(p[0])
	die(unix.Pipe(p[:]))
	die(k.reg(p[1], EVFILT_WRITE, EV_ADD))
	out("pipe.writable", "%s", show(k.wait(4, short)))
	Close(p[0])
	out("pipe.reader-closed", "%s", show(k.wait(4, short)))
	Close(p[1])
}

func probeUDP() {
	k := newkq()
	defer k.close()
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	die(err)
	die(unix.Bind(s, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	sa, _ := unix.Getsockname(s)
	c, _ := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	die(unix.Connect(c, sa))
	die(k.reg(s, EVFILT_READ, EV_ADD))
	wr(c, "12345")
	settle()
	out("udp.1x5", "%s", show(k.wait(4, short)))
	wr(c, "123")
	settle()
	out("udp.5+3", "%s", show(k.wait(4, short)))
	die(k.reg(s, EVFILT_WRITE, EV_ADD|EV_CLEAR))
	rd(s, 9)
	rd(s, 9)
	out("udp.writable", "%s", show(k.wait(4, short)))
	Close(s)
	// connected UDP, nobody listens: ICMP error
	die(k.reg(c, EVFILT_READ, EV_ADD))
	wr(c, "x")
	settle()
	out("udp.port-unreachable", "%s", show(k.wait(4, short)))
	Close(c)
}

func probeFile() {
	k := newkq()
	defer k.close()
	dir, err := os.MkdirTemp("", "kq")
	die(err)
	defer os.RemoveAll(dir)
	p := filepath.Join(dir, "f")
	die(os.WriteFile(p, []byte("0123456789"), 0o600))
	fd, err := unix.Open(p, unix.O_RDWR, 0)
	die(err)
	out("file.add-read", "%s", errStr(k.reg(fd, EVFILT_READ, EV_ADD)))
	out("file.10left", "%s", show(k.wait(4, short)))
	rd(fd, 10)
	out("file.at-eof", "%s", show(k.wait(4, short)))
	k.reg(fd, EVFILT_READ, EV_DELETE)
	e := ch(fd, EVFILT_VNODE, EV_ADD|EV_CLEAR)
	e.Fflags = NOTE_WRITE | NOTE_EXTEND | NOTE_DELETE | NOTE_RENAME | NOTE_ATTRIB | NOTE_LINK
	_, err = Kevent(int(k), []Event{e}, nil, nil)
	out("vnode.add", "%v", err)
	wr(fd, "more")
	out("vnode.extend", "%s", show(k.wait(4, short)))
	unix.Pwrite(fd, []byte("x"), 0)
	out("vnode.write", "%s", show(k.wait(4, short)))
	os.Rename(p, p+"2")
	out("vnode.rename", "%s", show(k.wait(4, short)))
	os.Chmod(p+"2", 0o644)
	out("vnode.attrib", "%s", show(k.wait(4, short)))
	os.Remove(p + "2")
	out("vnode.delete", "%s", show(k.wait(4, short)))
	Close(fd)
}

func probeProc() {
	k := newkq()
	defer k.close()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childEnv+"=1")
	die(c.Start())
	e := ch(c.Process.Pid, EVFILT_PROC, EV_ADD)
	e.Fflags = NOTE_EXIT
	_, err := Kevent(int(k), []Event{e}, nil, nil)
	var evs []Event
	if err == nil {
		evs = k.wait(4, 3*time.Second)
	}
	st := int64(-1)
	if len(evs) == 1 {
		st = evs[0].Data
	}
	c.Wait()
	out("proc.exit7", "add=%v n=%d wstatus-exit=%d fflags-has-EXIT=%v", err, len(evs),
		(st>>8)&255, len(evs) == 1 && evs[0].Fflags&NOTE_EXIT != 0)
	out("proc.again", "%s", show(k.wait(4, short)))
	e = ch(999999, EVFILT_PROC, EV_ADD)
	e.Fflags = NOTE_EXIT
	_, err = Kevent(int(k), []Event{e}, nil, nil)
	out("proc.unknown-pid", "%s", errStr(err))
}
