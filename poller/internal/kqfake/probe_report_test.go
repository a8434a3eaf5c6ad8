//go:build freebsd || linux

package kqfake

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// errno names an error, as Errno.Error differs between systems.
func errno(v int64) string {
	if name := unix.ErrnoName(syscall.Errno(v)); name != "" {
		return name
	}
	return strconv.FormatInt(v, 10)
}

// errStr is that of an error.
func errStr(err error) string {
	var e syscall.Errno
	if errors.As(err, &e) {
		return errno(int64(e))
	}
	return fmt.Sprint(err)
}

func die(err error) {
	if err != nil {
		panic(err)
	}
}

func flagStr(f uint16) string {
	var s []string
	for _, x := range []struct {
		v uint16
		n string
	}{{EV_EOF, "EOF"}, {EV_ERROR, "ERROR"}} {
		if f&x.v != 0 {
			s = append(s, x.n)
		}
	}
	if len(s) == 0 {
		return "-"
	}
	return strings.Join(s, "|")
}

func filtStr(f int16) string {
	switch f {
	case EVFILT_READ:
		return "READ"
	case EVFILT_WRITE:
		return "WRITE"
	case EVFILT_TIMER:
		return "TIMER"
	case EVFILT_SIGNAL:
		return "SIGNAL"
	case EVFILT_USER:
		return "USER"
	case EVFILT_VNODE:
		return "VNODE"
	case EVFILT_PROC:
		return "PROC"
	}
	return fmt.Sprint(f)
}

// A kq is a kqueue.
type kq int

func newkq() kq { k, err := Kqueue(); die(err); return kq(k) }

func (k kq) close() { Close(int(k)) }

// ch is a change.
func ch(fd int, filter, flags int) Event {
	var e Event
	SetKevent(&e, fd, filter, flags)
	return e
}

func (k kq) reg(fd int, filter, flags int) error {
	_, err := Kevent(int(k), []Event{ch(fd, filter, flags)}, nil, nil)
	return err
}

func (k kq) wait(most int, d time.Duration) []Event {
	ev := make([]Event, most)
	end := time.Now().Add(d)
	for {
		left := max(0, time.Until(end))
		ts := unix.NsecToTimespec(int64(left))
		n, err := Kevent(int(k), nil, ev, &ts)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return []Event{{Filter: 99, Data: int64(err.(syscall.Errno))}}
		}
		return ev[:n]
	}
}

// show prints events, sorted.
func show(evs []Event) string {
	if len(evs) == 0 {
		return "none"
	}
	var s []string
	for _, e := range evs {
		if e.Filter == 99 {
			s = append(s, "ERR "+errno(e.Data))
			continue
		}
		data := fmt.Sprint(e.Data)
		ff := fmt.Sprintf("%#x", e.Fflags)
		if e.Flags&EV_ERROR != 0 {
			data = errno(e.Data)
		}
		if e.Flags&EV_EOF != 0 && e.Filter != EVFILT_PROC {
			ff = errno(int64(e.Fflags))
		}
		_, notNumber := strconv.Atoi(data)
		switch { // how much room there is, is the system's own matter
		case e.Filter != EVFILT_WRITE || notNumber != nil:
		case e.Flags&(EV_EOF|EV_ERROR) != 0:
			data = "N"
		default:
			data = map[bool]string{true: ">0", false: "<=0"}[e.Data > 0]
		}
		s = append(s, fmt.Sprintf("%s data=%s flags=%s fflags=%s", filtStr(e.Filter), data, flagStr(e.Flags), ff))
	}
	sort.Strings(s)
	return strings.Join(s, "; ")
}

func tcpListener() (int, unix.Sockaddr) {
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	die(err)
	die(unix.Bind(l, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	die(unix.Listen(l, 16))
	die(unix.SetNonblock(l, true))
	sa, err := unix.Getsockname(l)
	die(err)
	return l, sa
}

func dial(sa unix.Sockaddr) int {
	c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	die(err)
	die(unix.Connect(c, sa))
	return c
}

func accept(l int) int {
	for range 200 {
		s, _, err := unix.Accept(l)
		if err == nil {
			die(unix.SetNonblock(s, true))
			return s
		}
		time.Sleep(time.Millisecond)
	}
	panic("accept")
}

func tcpPair() (a, b int) {
	l, sa := tcpListener()
	a = dial(sa)
	b = accept(l)
	Close(l)
	die(unix.SetNonblock(a, true))
	return a, b
}

func wr(fd int, s string) { _, err := unix.Write(fd, []byte(s)); die(err) }

func rd(fd, n int) int { b := make([]byte, n); r, err := unix.Read(fd, b); die(err); return r }

// settle lets what was sent arrive.
func settle() { time.Sleep(settling) }
