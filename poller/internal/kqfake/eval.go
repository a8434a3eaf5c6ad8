//go:build linux

package kqfake

import (
	"time"

	"golang.org/x/sys/unix"
)

// The states of a TCP socket (include/net/tcp_states.h of Linux).
const (
	tcpSynSent  = 2
	tcpFinWait1 = 4
	tcpFinWait2 = 5
	tcpTimeWait = 6
	tcpClose    = 7
	tcpLastAck  = 9
	tcpListen   = 10
	tcpClosing  = 11
)

func polled(fd int) int16 {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLOUT | unix.POLLRDHUP}}
	unix.Poll(p, 0)
	return p[0].Revents
}

// eval is the kernel's f_event: whether the condition holds now.
func (n *knote) eval() bool {
	switch n.filter {
	case EVFILT_USER:
		return n.triggered
	case EVFILT_SIGNAL:
		n.data = n.hits
		return n.hits > 0
	case EVFILT_TIMER:
		return n.evalTimer()
	}
	n.eof, n.fflags, n.data = false, 0, 0
	if k := kqueueOf(int(n.ident)); k != nil {
		n.data = int64(k.pending())
		return n.filter == EVFILT_READ && n.data > 0
	}
	re := polled(int(n.ident))
	state := 0 // 0 when it is no TCP socket
	if n.kind == unix.S_IFSOCK {
		info, err := unix.GetsockoptTCPInfo(int(n.ident), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			state = int(info.State)
		}
		switch {
		case state == tcpListen:
			n.data = int64(info.Unacked) // the length of the accept queue
			return n.filter == EVFILT_READ && n.data > 0
		case state == tcpClose && re&(unix.POLLERR|unix.POLLRDHUP) == 0: // never connected: nothing is shut
			return false
		}
		n.connected = n.connected || state != 0 && state != tcpSynSent && state != tcpClose
		if re&unix.POLLERR != 0 { // SO_ERROR cannot be looked at without clearing it: a guess
			n.fflags = uint32(unix.ECONNREFUSED)
			if n.connected {
				n.fflags = uint32(unix.ECONNRESET)
			}
		}
	}
	if n.filter == EVFILT_READ {
		return n.evalRead(re, state)
	}
	return n.evalWrite(re, state)
}

func (n *knote) evalRead(re int16, state int) bool {
	fd := int(n.ident)
	if n.kind == unix.S_IFREG {
		var st unix.Stat_t
		unix.Fstat(fd, &st)
		off, _ := unix.Seek(fd, 0, 1)
		n.data = st.Size - off
		return n.data != 0
	}
	in, _ := unix.IoctlGetInt(fd, unix.TIOCINQ)
	n.data = int64(in)
	n.eof = re&(unix.POLLRDHUP|unix.POLLHUP) != 0 || state != 0 && re&unix.POLLERR != 0
	low := int64(1)
	if n.sfflags&NOTE_LOWAT != 0 {
		low = n.sdata
	}
	if n.kind == unix.S_IFSOCK && state == 0 && re&unix.POLLERR != 0 { // UDP: an event, no EV_EOF
		n.fflags = 0
		return true
	}
	return n.eof || n.data >= low || re&unix.POLLIN != 0 && low == 1
}

func (n *knote) evalWrite(re int16, state int) bool {
	n.eof = re&(unix.POLLHUP|unix.POLLERR) != 0
	switch state {
	case tcpFinWait1, tcpFinWait2, tcpTimeWait, tcpClose, tcpLastAck, tcpClosing: // our side is shut
		n.eof = true
	}
	n.data = 4096
	if n.kind == unix.S_IFSOCK {
		buf, _ := unix.GetsockoptInt(int(n.ident), unix.SOL_SOCKET, unix.SO_SNDBUF)
		out, _ := unix.IoctlGetInt(int(n.ident), unix.TIOCOUTQ)
		n.data = int64(max(buf/2-out, 1))
	}
	return n.eof || re&unix.POLLOUT != 0
}

func (n *knote) evalTimer() bool {
	if now := time.Since(epoch); n.due >= 0 && now >= n.due {
		late := int64((now-n.due)/n.period) + 1
		n.due += time.Duration(late) * n.period
		if n.flags&EV_ONESHOT != 0 {
			n.due, late = -1, 1
		}
		n.hits += late
	}
	n.data = n.hits
	return n.hits > 0
}
