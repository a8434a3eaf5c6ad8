package netconn_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/stream/netconn"
	"example.com/pike/tcp"
)

// A waiter is calls that wait, and what they return.
type waiter struct {
	read, write, accept chan error
}

// wait has a Read, a Write and an Accept wait.
func wait(nc net.Conn, nl net.Listener) waiter {
	w := waiter{make(chan error, 1), make(chan error, 1), make(chan error, 1)}
	go func() { _, err := nc.Read(make([]byte, 1)); w.read <- err }()
	go func() { _, err := nc.Write(much); w.write <- err }()
	go func() { _, err := nl.Accept(); w.accept <- err }()
	return w
}

// A loop that ends, in whatever way, ends the calls that wait.
func TestTheLoopEnds(t *testing.T) {
	ends := map[string]struct {
		end  func(r *rig)
		want error
	}{
		"Close":    {func(r *rig) { r.stop() }, net.ErrClosed},
		"Shutdown": {func(r *rig) { r.do(func() { r.lp.Shutdown(context.Background(), time.Millisecond, nil) }) }, loop.ErrShutdown},
	}
	for name, e := range ends {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			p, nl := r.pair(), r.listen()
			w := wait(p.nc, nl)
			time.Sleep(20 * time.Millisecond)
			e.end(r)
			is(t, "Read", within(t, "Read", w.read), e.want)
			is(t, "Write", within(t, "Write", w.write), e.want)
			is(t, "Accept", within(t, "Accept", w.accept), net.ErrClosed)
			r.stop() // and now there is no loop any more
			_, err := p.nc.Read(make([]byte, 1))
			is(t, "Read", err, e.want)
			_, err = p.nc.Write(make([]byte, 1))
			is(t, "Write", err, e.want)
			no(t, p.nc.CloseWrite())
			no(t, p.nc.Close())
			is(t, "Close again", p.nc.Close(), net.ErrClosed)
			no(t, nl.Close())
		})
	}
}

// Shutdown lets a connection finish that its goroutine closes in time, and nothing of it is lost.
func TestShutdownWaits(t *testing.T) {
	r := newRig(t)
	p := r.pair()
	got := readAll(p.peer)
	report := make(chan loop.ShutdownReport, 1)
	r.try(func() error {
		return r.lp.Shutdown(context.Background(), patience, func(s loop.ShutdownReport) { report <- s })
	})
	want := random(6, 8<<20)
	_, err := p.nc.Write(want)
	no(t, err)
	no(t, p.nc.Close())
	if !bytes.Equal(within(t, "what was written", got), want) {
		t.Error("what arrived is something else")
	}
	p.peer.Close()
	if s := within(t, "the report", report); s.Finished != 1 || s.Cut != 0 || s.Err != nil {
		t.Errorf("%+v", s)
	}
}

// A loop that is only stopped leaves who waits waiting, and goes on with them when it runs again.
func TestStopAndRun(t *testing.T) {
	lp, err := loop.New(loop.Options{})
	no(t, err)
	r := runRig(t, lp)
	p := r.pair()
	r.pause()
	done := make(chan error, 1)
	go func() {
		_, err := p.nc.Write(make([]byte, 1<<20))
		if err == nil {
			_, err = io.ReadFull(p.nc, make([]byte, 1<<20))
		}
		done <- err
	}()
	go io.Copy(p.peer, p.peer)
	select {
	case err := <-done:
		t.Fatal("without a loop: ", err)
	case <-time.After(20 * time.Millisecond):
	}
	r.run()
	no(t, within(t, "the echo", done))
}

// What the loop's owner does to a connection is told to the goroutines, and to the OnClose that was set before.
func TestEndedOnTheLoop(t *testing.T) {
	timeout := func(c *stream.Conn) error { return c.SetReadTimeout(time.Millisecond) }
	ends := map[string]struct {
		end  func(c *stream.Conn) error
		want error // of Read
		told error // of OnClose
	}{
		"Close":       {(*stream.Conn).Close, net.ErrClosed, nil},
		"CloseNow":    {(*stream.Conn).CloseNow, net.ErrClosed, nil},
		"Abort":       {(*stream.Conn).Abort, stream.ErrAborted, stream.ErrAborted},
		"ReadTimeout": {timeout, os.ErrDeadlineExceeded, os.ErrDeadlineExceeded},
	}
	for name, e := range ends {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			no(t, err)
			defer ln.Close()
			told := make(chan error, 1)
			var c *stream.Conn
			var nc *netconn.Conn
			dialed := make(chan error, 1)
			r.try(func() error {
				_, err := tcp.Dial(r.lp, ln.Addr().String(), nil, func(d *tcp.Conn, err error) {
					if err == nil {
						c = d
						c.OnClose = func(_ *tcp.Conn, err error) { told <- err }
						nc = netconn.Wrap(c)
					}
					dialed <- err
				})
				return err
			})
			no(t, within(t, "the dial", dialed))
			peer, err := ln.Accept()
			no(t, err)
			defer peer.Close()
			read := make(chan error, 1)
			go func() { _, err := nc.Read(make([]byte, 1)); read <- err }()
			r.try(func() error { return e.end(c) })
			if e.told == nil { // an orderly end waits for the peer's acknowledgement, or its end
				peer.Close()
			}
			err = within(t, "Read", read)
			is(t, "Read", err, e.want)
			if oe := (*net.OpError)(nil); !errors.As(err, &oe) || oe.Op != "read" {
				t.Errorf("Read: %v", err)
			}
			if err := within(t, "OnClose", told); !errors.Is(err, e.told) {
				t.Errorf("OnClose is told %v", err)
			}
		})
	}
}

// What has come before the end is read before the end is told, be it a reset.
func TestUnreadBeforeTheEnd(t *testing.T) {
	r := newRig(t)
	p := r.pair()
	p.peer.Write([]byte("last words"))
	until(t, "they are there", func() bool { return netconn.Kept(p.nc) == 10 })
	p.peer.SetLinger(0)
	p.peer.Close()
	until(t, "the connection is over", func() bool {
		gone := false
		r.do(func() { gone = p.c.Closing() })
		return gone
	})
	b := make([]byte, 20)
	n, err := p.nc.Read(b)
	no(t, err)
	if string(b[:n]) != "last words" {
		t.Errorf("%q", b[:n])
	}
	_, err = p.nc.Read(b)
	is(t, "Read", err, syscall.ECONNRESET)
	no(t, p.nc.Close())
}

// What arrived before Wrap is not lost, nor is an end that was told before it.
func TestWrapLate(t *testing.T) {
	r := newRig(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	no(t, err)
	defer ln.Close()
	var c *stream.Conn
	eof, dialed := make(chan struct{}), make(chan error, 1)
	r.try(func() error {
		_, err := tcp.Dial(r.lp, ln.Addr().String(), nil, func(d *tcp.Conn, err error) {
			if c = d; err == nil {
				c.OnEOF = func(*tcp.Conn) { close(eof) }
			}
			dialed <- err
		})
		return err
	})
	no(t, within(t, "the dial", dialed))
	peer, err := ln.Accept()
	no(t, err)
	defer peer.Close()
	peer.Write([]byte("early"))
	peer.(*net.TCPConn).CloseWrite()
	within(t, "the peer's end", eof)
	var nc *netconn.Conn
	r.do(func() { nc = netconn.Wrap(c) })
	if got := within(t, "what came early", readAll(nc)); string(got) != "early" {
		t.Errorf("%q", got)
	}
	_, err = nc.Write([]byte("answer"))
	no(t, err)
	no(t, nc.Close())
	if got := within(t, "the answer", readAll(peer)); string(got) != "answer" {
		t.Errorf("%q", got)
	}
}

// What cannot be wrapped answers why, in every method, and stays as it was.
func TestRefusals(t *testing.T) {
	r := newRig(t)
	nl := r.listen()
	var refused [3]*netconn.Conn
	var listeners [2]*netconn.Listener
	dialed := make(chan error, 1)
	r.try(func() error {
		c, err := tcp.Dial(r.lp, nl.Addr().String(), nil, func(c *tcp.Conn, err error) {
			if err == nil {
				c.Close()
				refused[2] = netconn.Wrap(c)
			}
			dialed <- err
		})
		if err != nil {
			return err
		}
		refused[0], refused[1] = netconn.Wrap(nil), netconn.Wrap(c)
		if c.OnRead != nil || c.OnClose != nil {
			t.Error("a connection that was refused is not as it was")
		}
		ln, err := tcp.Listen(r.lp, "127.0.0.1:0", nil)
		if err != nil {
			return err
		}
		ln.Close()
		listeners[0], listeners[1] = netconn.Listen(nil), netconn.Listen(ln)
		return nil
	})
	no(t, within(t, "the dial", dialed))
	for i, want := range []error{os.ErrInvalid, syscall.ENOTCONN, net.ErrClosed} {
		nc := refused[i]
		_, err := nc.Read(nil)
		is(t, "Read", err, want)
		_, err = nc.Write(make([]byte, 1))
		is(t, "Write", err, want)
		is(t, "SetDeadline", nc.SetDeadline(time.Time{}), want)
		is(t, "SetReadDeadline", nc.SetReadDeadline(time.Now()), want)
		is(t, "SetWriteDeadline", nc.SetWriteDeadline(time.Now()), want)
		is(t, "CloseWrite", nc.CloseWrite(), want)
		is(t, "Close", nc.Close(), want)
		if nc.LocalAddr() == nil || nc.RemoteAddr() == nil {
			t.Error("no addresses")
		}
	}
	for i, want := range []error{os.ErrInvalid, net.ErrClosed} {
		_, err := listeners[i].Accept()
		is(t, "Accept", err, want)
		is(t, "Close", listeners[i].Close(), want)
		if listeners[i].Addr() == nil {
			t.Error("no address")
		}
	}
	nl.Close()
}

// An idle connection whose goroutine waits in Read holds no buffer.
func TestIdleHoldsNothing(t *testing.T) {
	r := newRig(t)
	p := r.pair()
	var all sync.WaitGroup
	all.Go(func() {
		b := make([]byte, 100)
		for {
			if _, err := p.nc.Read(b); err != nil {
				return
			}
		}
	})
	for range 100 {
		p.peer.Write([]byte("x"))
	}
	until(t, "nothing is held", func() bool { return netconn.Kept(p.nc) == 0 && !netconn.Holds(p.nc) })
	p.nc.Close()
	together(t, "the reader", &all)
}
