package netconn_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/stream/netconn"
)

// Many goroutines accept, and each connection goes to one of them.
func TestAccept(t *testing.T) {
	const conns = 200
	r := newRig(t)
	nl := r.listen()
	got := make(chan string, conns)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				c, err := nl.Accept()
				if err != nil {
					if !errors.Is(err, net.ErrClosed) {
						t.Error(err)
					}
					return
				}
				p, err := io.ReadAll(c)
				if err != nil {
					t.Error(err)
				}
				got <- string(p)
				c.Close()
			}
		})
	}
	for i := range conns {
		c, err := net.Dial("tcp", nl.Addr().String())
		no(t, err)
		fmt.Fprint(c, i)
		no(t, c.Close())
	}
	seen := map[string]bool{}
	for range conns {
		seen[within(t, "a connection", got)] = true
	}
	if len(seen) != conns {
		t.Errorf("%d different ones", len(seen))
	}
	no(t, nl.Close())
	together(t, "those who accept", &all)
	is(t, "Close again", nl.Close(), net.ErrClosed)
	_, err := nl.Accept()
	is(t, "Accept", err, net.ErrClosed)
	if oe := (*net.OpError)(nil); !errors.As(err, &oe) || oe.Op != "accept" || oe.Net != "tcp" || oe.Addr != nl.Addr() || oe.Source != nil {
		t.Errorf("Accept: %#v", err)
	}
}

// With many that nobody accepts the listener pauses, and goes on when they are. The rest waits with the system.
func TestAcceptPauses(t *testing.T) {
	const conns = netconn.Backlog + 50
	r := newRig(t)
	var ln *stream.Listener
	nl := r.listen(func(l *stream.Listener) { ln = l })
	accepted := func() (n int) {
		r.do(func() { n = int(ln.Metrics().Accepted) })
		return n
	}
	var peers []net.Conn
	defer func() {
		for _, c := range peers {
			c.Close()
		}
	}()
	for range conns {
		c, err := net.Dial("tcp", nl.Addr().String())
		no(t, err)
		peers = append(peers, c)
	}
	until(t, "the listener has paused", func() bool { return accepted() >= netconn.Backlog })
	time.Sleep(20 * time.Millisecond)
	if n := accepted(); n > netconn.Backlog+64 || n == conns { // what one Poll accepts is beyond it at most
		t.Errorf("%d were accepted", n)
	}
	for range conns {
		done := make(chan error, 1)
		go func() {
			c, err := nl.Accept()
			if err == nil {
				err = c.Close()
			}
			done <- err
		}()
		no(t, within(t, "Accept", done))
	}
	no(t, nl.Close())
}

// Connections that nobody has accepted are reset when the listener closes.
func TestCloseResetsWhoWaits(t *testing.T) {
	r := newRig(t)
	var ln *stream.Listener
	nl := r.listen(func(l *stream.Listener) { ln = l })
	c, err := net.Dial("tcp", nl.Addr().String())
	no(t, err)
	defer c.Close()
	until(t, "it waits for Accept", func() bool {
		n := uint64(0)
		r.do(func() { n = ln.Metrics().Accepted })
		return n == 1
	})
	no(t, nl.Close())
	done := make(chan error, 1)
	go func() { _, err := c.Read(make([]byte, 1)); done <- err }()
	if err := within(t, "the peer", done); err == nil || err == io.EOF { // package net's own reset has no one value on all systems
		t.Errorf("the peer is told %v", err)
	}
}

// An OnAccept that was set before sees each connection first, and may close it; an OnClose is told.
func TestListenKeepsCallbacks(t *testing.T) {
	r := newRig(t)
	n, closed := 0, make(chan struct{})
	nl := r.listen(func(ln *stream.Listener) {
		ln.OnAccept = func(c *stream.Conn) {
			if n++; n == 1 {
				c.Close()
			}
		}
		ln.OnClose = func() { close(closed) }
	})
	first, err := net.Dial("tcp", nl.Addr().String())
	no(t, err)
	defer first.Close()
	second, err := net.Dial("tcp", nl.Addr().String())
	no(t, err)
	defer second.Close()
	c, err := nl.Accept()
	no(t, err)
	defer c.Close()
	if c.RemoteAddr().String() != second.LocalAddr().String() {
		t.Error("the one that was accepted is not the second")
	}
	no(t, nl.Close())
	within(t, "OnClose", closed)
}

// Off the loop Wrap and Listen do nothing: they say so where it is found out, in race and debug builds by a panic.
func TestOffTheLoop(t *testing.T) {
	r := newRig(t)
	var ln *stream.Listener
	nl := r.listen(func(l *stream.Listener) { ln = l })
	defer nl.Close()
	p := r.pair()
	for name, call := range map[string]func() error{
		"netconn.Wrap": func() error { _, err := netconn.Wrap(p.c).Write([]byte("x")); return err },
		"netconn.Listen": func() error {
			_, err := netconn.Listen(ln).Accept()
			return err
		},
	} {
		until(t, name+" is refused", func() bool {
			var err error
			func() {
				defer func() {
					if v := recover(); v != nil {
						err = fmt.Errorf("%v: %w", v, loop.ErrOffLoop)
					}
				}()
				err = asleep(t, p.c, call)
			}()
			return errors.Is(err, loop.ErrOffLoop) && strings.Contains(err.Error(), name)
		})
	}
	go p.peer.Write([]byte("still the first one's"))
	b := make([]byte, 21)
	if _, err := io.ReadFull(p.nc, b); err != nil || !bytes.HasPrefix(b, []byte("still")) {
		t.Errorf("%q, %v", b, err)
	}
}

// asleep calls fn when the loop waits for events, which the answer of a harmless method tells.
func asleep(t *testing.T, c *stream.Conn, fn func() error) error {
	until(t, "the loop waits", func() (waits bool) {
		defer func() {
			if recover() != nil { // this build finds it out in any case
				waits = true
			}
		}()
		return !c.LocalAddr().IsValid()
	})
	return fn()
}
