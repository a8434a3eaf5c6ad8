//go:build unix

package netconn_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A halfConn is what the connections of package net and of this one have in common.
type halfConn interface {
	net.Conn
	CloseWrite() error
}

// A script does something to a connection and notes what it is told.
type script struct {
	t    testing.TB
	c    halfConn
	peer *net.TCPConn
	said []string
}

// note notes the outcome of a call: its text without what differs from run to run, and what errors.Is and net.Error tell.
func (s *script) note(what string, n int, err error) {
	text := fmt.Sprintf("%s: %d", what, n)
	if err != nil {
		text += ": " + strings.NewReplacer(s.c.LocalAddr().String(), "LOCAL", s.c.RemoteAddr().String(), "REMOTE").Replace(err.Error())
	}
	if err == io.EOF {
		text += " (bare)"
	}
	for _, known := range []error{net.ErrClosed, os.ErrDeadlineExceeded, syscall.EPIPE, syscall.ECONNRESET} {
		if errors.Is(err, known) {
			text += fmt.Sprintf(" (is %v)", known)
		}
	}
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		text += " (timeout)"
	}
	var oe *net.OpError
	if errors.As(err, &oe) {
		text += fmt.Sprintf(" (%s %s %v %v)", oe.Op, oe.Net, oe.Source != nil, oe.Addr != nil)
	}
	s.said = append(s.said, text)
}

func (s *script) read(what string, p []byte) {
	n, err := s.c.Read(p)
	s.note(what+" "+string(p[:n]), n, err)
}

func (s *script) write(what string, p []byte) {
	n, err := s.c.Write(p)
	s.note(what, n, err)
}

// writeMuch writes too much. How much is taken is chance.
func (s *script) writeMuch() {
	n, err := s.c.Write(much)
	if n < len(much) {
		n = 0
	}
	s.note("write much", n, err)
}

// later runs a call that waits until do makes it return.
func (s *script) later(call, do func()) {
	done := make(chan struct{})
	go func() { defer close(done); call() }()
	time.Sleep(20 * time.Millisecond) // most often it waits by then; it must not matter
	do()
	within(s.t, "a call that waits", done)
}

// writeUntilError writes until the end of the connection has been heard of.
func (s *script) writeUntilError() error {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, err := s.c.Write([]byte("x")); err != nil {
			return err
		}
	}
	return errors.New("no error")
}

var scripts = map[string]func(s *script){
	"echo": func(s *script) {
		s.write("write", []byte("ping"))
		p := make([]byte, 4)
		_, err := io.ReadFull(s.peer, p)
		s.note("the peer reads "+string(p), 4, err)
		s.peer.Write([]byte("pong"))
		_, err = io.ReadFull(s.c, p)
		s.note("read "+string(p), 4, err)
	},
	"nothing": func(s *script) {
		s.read("read nothing", nil)
		s.write("write nothing", nil)
		s.c.SetDeadline(past)
		s.read("read nothing, late", nil)
		s.write("write nothing, late", nil)
		s.c.Close()
		s.read("read nothing, closed", nil)
		s.write("write nothing, closed", nil)
	},
	"closed": func(s *script) {
		s.note("close", 0, s.c.Close())
		s.note("close again", 0, s.c.Close())
		s.note("close write", 0, s.c.CloseWrite())
		s.read("read", make([]byte, 1))
		s.write("write", []byte("x"))
		s.note("deadline", 0, s.c.SetDeadline(time.Now()))
		s.note("read deadline", 0, s.c.SetReadDeadline(time.Time{}))
		s.note("write deadline", 0, s.c.SetWriteDeadline(time.Now().Add(time.Hour)))
	},
	"the peer's end": func(s *script) {
		s.peer.Write([]byte("last"))
		s.peer.CloseWrite()
		p, err := io.ReadAll(s.c)
		s.note("read all "+string(p), len(p), err)
		s.read("read", make([]byte, 1))
		s.note("deadline", 0, s.c.SetDeadline(time.Time{}))
		s.write("write", []byte("x"))
		_, err = io.ReadFull(s.peer, make([]byte, 1))
		s.note("the peer reads", 0, err)
		s.note("close", 0, s.c.Close())
	},
	"CloseWrite": func(s *script) {
		s.write("write", []byte("last"))
		s.note("close write", 0, s.c.CloseWrite())
		s.note("close write again", 0, s.c.CloseWrite())
		s.write("write", []byte("x"))
		s.write("write nothing", nil)
		p, err := io.ReadAll(s.peer)
		s.note("the peer reads "+string(p), len(p), err)
		s.peer.Write([]byte("answer"))
		s.peer.Close()
		p, err = io.ReadAll(s.c)
		s.note("read all "+string(p), len(p), err)
		s.write("write", []byte("x"))
		s.note("deadline", 0, s.c.SetDeadline(time.Now().Add(time.Hour)))
		s.note("close", 0, s.c.Close())
	},
	"CloseWrite under a Write": func(s *script) {
		s.later(func() { s.writeMuch() }, func() { s.c.CloseWrite() })
	},
	"Close under a Read": func(s *script) {
		s.later(func() { s.read("read", make([]byte, 1)) }, func() { s.c.Close() })
	},
	"Close under a Write": func(s *script) {
		s.later(func() { s.writeMuch() }, func() { s.c.Close() })
	},
	"a reset under a Read": func(s *script) {
		s.later(func() { s.read("read", make([]byte, 1)) }, func() { s.peer.SetLinger(0); s.peer.Close() })
	},
	"a reset under a Write": func(s *script) {
		s.later(func() { s.writeMuch() }, func() { s.peer.SetLinger(0); s.peer.Close() })
	},
	"Write to one that is gone": func(s *script) {
		s.peer.SetLinger(0)
		s.peer.Close()
		err := s.writeUntilError()
		if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) { // which of them, package net leaves to chance
			s.note("write", 0, err)
		}
		s.note("close", 0, s.c.Close())
	},
	"a deadline under a Read": func(s *script) {
		s.later(func() { s.read("read", make([]byte, 1)) }, func() { s.c.SetReadDeadline(past) })
		s.peer.Write([]byte("x"))
		s.read("read, late", make([]byte, 1))
		s.write("write", []byte("x"))
		s.c.SetReadDeadline(time.Time{})
		s.read("read", make([]byte, 1))
	},
	"a deadline to come": func(s *script) {
		s.c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		s.read("read", make([]byte, 1))
		s.read("read again", make([]byte, 1))
		s.c.SetDeadline(time.Now().Add(time.Hour))
		s.peer.Write([]byte("x"))
		s.read("read", make([]byte, 1))
	},
	"a deadline that is moved": func(s *script) {
		s.c.SetReadDeadline(time.Now().Add(time.Hour))
		s.later(func() { s.read("read", make([]byte, 1)) }, func() { s.c.SetReadDeadline(time.Now().Add(time.Millisecond)) })
		s.c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		s.c.SetReadDeadline(time.Time{}) // in time or not
		s.later(func() { s.read("read", make([]byte, 1)) }, func() {
			time.Sleep(40 * time.Millisecond)
			s.peer.Write([]byte("x"))
		})
	},
	"a deadline under a Write": func(s *script) {
		s.later(func() { s.writeMuch() }, func() { s.c.SetWriteDeadline(past) })
		s.write("write, late", []byte("x"))
		s.peer.Write([]byte("x"))
		s.read("read", make([]byte, 1))
		go io.Copy(io.Discard, s.peer)
		s.c.SetWriteDeadline(time.Time{})
		s.write("write", []byte("x"))
	},
	"a deadline of both": func(s *script) {
		s.c.SetDeadline(past)
		s.read("read", make([]byte, 1))
		s.write("write", []byte("x"))
	},
	"addresses": func(s *script) {
		for _, a := range []net.Addr{s.c.LocalAddr(), s.c.RemoteAddr()} {
			s.said = append(s.said, fmt.Sprintf("%T %s", a, a.Network()))
		}
		if s.c.LocalAddr().String() != s.peer.RemoteAddr().String() || s.c.RemoteAddr().String() != s.peer.LocalAddr().String() {
			s.said = append(s.said, "addresses are wrong")
		}
	},
}

// What a script is told on package net's connection it is told on one of this package, to the letter. Package net itself has other
// words on Windows, where a Read of nothing waits, too.
func TestSameAsNet(t *testing.T) {
	r := newRig(t)
	for name, run := range scripts {
		t.Run(name, func(t *testing.T) {
			r := &rig{t: t, lp: r.lp}
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			no(t, err)
			defer ln.Close()
			dialed, err := net.Dial("tcp", ln.Addr().String())
			no(t, err)
			defer dialed.Close()
			accepted, err := ln.Accept()
			no(t, err)
			defer accepted.Close()
			want := &script{t: t, c: dialed.(*net.TCPConn), peer: accepted.(*net.TCPConn)}
			run(want)
			p := r.pair()
			got := &script{t: t, c: p.nc, peer: p.peer}
			run(got)
			for i := range max(len(got.said), len(want.said)) {
				g, w := "nothing", "nothing"
				if i < len(got.said) {
					g = got.said[i]
				}
				if i < len(want.said) {
					w = want.said[i]
				}
				if g != w {
					t.Errorf("told   %s\nby net %s", g, w)
				}
			}
		})
	}
}
