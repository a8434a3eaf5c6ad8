//go:build unix

package conformance

import (
	"errors"
	"net"
	"os"
	"syscall"

	"example.com/pike/loop"
)

// pipes opens non-blocking pipes that end with the line; the first of each pair
// is for reading.
func pipes(e *env, n int) [][2]int {
	e.Helper()
	all := make([][2]int, n)
	for i := range all {
		p := &all[i]
		e.no(syscall.Pipe(p[:]))
		e.Cleanup(func() {
			syscall.Close(p[0])
			syscall.Close(p[1])
		})
		e.no(syscall.SetNonblock(p[0], true))
		e.no(syscall.SetNonblock(p[1], true))
	}
	return all
}

func noEvents(e *env) func(*loop.Watch, loop.Events) {
	return func(_ *loop.Watch, ev loop.Events) { e.Errorf("events %#x", ev) }
}

var _ = add(
	line{id: "G9", name: "close many polls", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		_, err := lp.Watch(0, loop.Readable, nil)
		e.is(err, os.ErrInvalid)
		closed := 0
		var all []*loop.Watch
		for i, p := range pipes(e, 64) {
			w, err := lp.Watch(uintptr(p[0]), loop.Readable, noEvents(e))
			e.no(err)
			if i%2 == 0 {
				w.OnClose = func(*loop.Watch) { closed++ }
			}
			all = append(all, w)
		}
		for _, w := range all {
			e.no(w.Close())
			e.is(w.Close(), net.ErrClosed)
		}
		e.equal("close callbacks before the loop ran", closed, 0)
		e.run(lp)
		e.equal("close callbacks", closed, 32)
		lp.Walk(func(loop.Handle) { e.Error("a handle is left") })
	}},

	line{id: "G10", name: "what cannot be polled", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		self, err := os.Executable() // a plain file, wherever the tests run
		e.no(err)
		for _, name := range []string{".", self} {
			f, err := os.Open(name)
			e.no(err)
			defer f.Close()
			_, err = lp.Watch(f.Fd(), loop.Readable, noEvents(e))
			e.is(err, syscall.EPERM)
		}
		_, err = lp.Watch(1<<20, loop.Readable, noEvents(e))
		e.is(err, syscall.EBADF)
		e.equal("alive", lp.Alive(), false)

		// The queue of a loop is a descriptor that can be watched itself.
		inner := e.loop()
		fd, ok := inner.Fd()
		if !ok {
			e.Skip("this backend has no descriptor")
		}
		posted := 0
		w, err := lp.Watch(fd, loop.Readable, func(w *loop.Watch, _ loop.Events) {
			_, err := inner.RunNoWait()
			e.no(err)
			if posted == 1 {
				w.Close()
			}
		})
		e.no(err)
		e.equal("active", w.Active(), true)
		e.no(inner.Post(func() { posted++ }))
		e.run(lp)
		e.equal("posted functions that ran", posted, 1)
	}},

	// libuv has handles that are made first and started later. Here a Watch
	// watches from the start; Set(0) is its stop.
	line{id: "G11", name: "two polls of one descriptor", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		p := pipes(e, 1)[0]
		first, err := lp.Watch(uintptr(p[0]), loop.Readable, noEvents(e))
		e.no(err)
		_, err = lp.Watch(uintptr(p[0]), loop.Readable, noEvents(e))
		e.is(err, syscall.EEXIST)
		e.no(first.Set(0))
		ready := 0
		second, err := lp.Watch(uintptr(p[0]), loop.Readable, func(w *loop.Watch, ev loop.Events) {
			e.equal("events", ev, loop.Readable)
			ready++
			w.Close()
		})
		e.no(err)
		e.is(first.Set(loop.Readable), syscall.EEXIST)
		closed := false
		first.OnClose = func(*loop.Watch) {
			closed = true
			_, err := syscall.Write(p[1], []byte("x"))
			e.no(err)
		}
		e.no(first.Close())
		e.equal("the second is active", second.Active(), true)
		e.run(lp)
		e.equal("the first has closed", closed, true)
		e.equal("readiness of the second", ready, 1)
	}},

	line{id: "G12", name: "out-of-band data", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		near, far := connected(e)
		e.no(syscall.Sendto(far, []byte("!"), syscall.MSG_OOB, nil))
		var events []loop.Events
		_, err := lp.Watch(uintptr(near), loop.Readable|loop.Priority, func(w *loop.Watch, ev loop.Events) {
			events = append(events, ev)
			var b [8]byte
			switch ev {
			case loop.Priority:
				n, _, err := syscall.Recvfrom(near, b[:], syscall.MSG_OOB)
				e.no(err)
				e.equal("urgent data", string(b[:n]), "!")
				_, err = syscall.Write(far, []byte("hello"))
				e.no(err)
			case loop.Readable:
				n, err := syscall.Read(near, b[:])
				e.no(err)
				e.equal("normal data", string(b[:n]), "hello")
				w.Close()
			default:
				e.Errorf("events %#x", ev)
				w.Close()
			}
		})
		if errors.Is(err, errors.ErrUnsupported) {
			e.Skip("this system does not tell out-of-band data from other data: ", err)
		}
		e.no(err)
		e.run(lp)
		e.equal("calls", len(events), 2)
	}},
)

// connected is a TCP connection by descriptors, from which nothing is read.
func connected(e *env) (near, far int) {
	e.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	e.no(err)
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	e.no(err)
	defer client.Close()
	server, err := ln.Accept()
	e.no(err)
	defer server.Close()
	var fds [2]int
	for i, c := range []net.Conn{client, server} {
		f, err := c.(*net.TCPConn).File() // a duplicate, so that package net has no part in it
		e.no(err)
		e.Cleanup(func() { f.Close() })
		fds[i] = int(f.Fd())
		e.no(syscall.SetNonblock(fds[i], true))
	}
	return fds[0], fds[1]
}
