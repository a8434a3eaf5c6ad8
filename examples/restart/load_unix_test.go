//go:build unix

package main

import (
	"bufio"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/pike/examples/internal/program"
)

// A load is clients of a server: some connect for each request, and some stay as long as they may. Each of them
// sends a request only where it has the answer to the one before, as clients of HTTP/1.1 do that send no pipelines.
type load struct {
	t    *testing.T
	addr string
	rest time.Duration // between two requests of a client, from half of it to one and a half

	stop    chan struct{}
	clients sync.WaitGroup
	wanted  atomic.Pointer[wanted]

	answers, refused, reset, lost, other atomic.Int64
	halted, once                         sync.Once
	failed                               chan struct{} // closed at the first failure
}

// wanted is a process that all clients shall have had an answer from.
type wanted struct {
	pid  string
	left sync.WaitGroup
	had  []atomic.Bool // by client
}

func newLoad(t *testing.T, addr string, come, stay int, rest time.Duration) *load {
	l := &load{t: t, addr: addr, rest: rest, stop: make(chan struct{}), failed: make(chan struct{})}
	l.want("", 0) // until all is called
	for i := range come + stay {
		l.clients.Go(func() { l.client(i, i >= come) })
	}
	t.Cleanup(l.halt)
	return l
}

func (l *load) want(pid string, clients int) *wanted {
	w := &wanted{pid: pid, had: make([]atomic.Bool, clients)}
	w.left.Add(clients)
	l.wanted.Store(w)
	return w
}

// all waits until each of n clients has had an answer of the process.
func (l *load) all(pid string, n int) {
	l.t.Helper()
	w := l.want(pid, n)
	done := make(chan struct{})
	go func() { w.left.Wait(); close(done) }()
	select {
	case <-done:
	case <-l.failed:
		l.t.Errorf("a client has failed")
	case <-time.After(program.Patience):
		l.t.Errorf("not all clients have got to %s", pid)
	}
}

// end stops the clients, and says what has gone wrong.
func (l *load) end() {
	l.t.Helper()
	l.halt()
	l.t.Logf("%d answers, %d refused, %d reset, %d lost, %d others",
		l.answers.Load(), l.refused.Load(), l.reset.Load(), l.lost.Load(), l.other.Load())
}

// halt stops the clients.
func (l *load) halt() {
	l.halted.Do(func() { close(l.stop) })
	l.clients.Wait()
}

func (l *load) over() bool {
	select {
	case <-l.stop:
		return true
	case <-l.failed:
		return true
	default:
		return false
	}
}

func (l *load) client(i int, stays bool) {
	for !l.over() {
		if err := l.connection(i, stays); err != nil {
			l.count(err)
			return
		}
	}
}

// connection is one of a client's.
func (l *load) connection(i int, stays bool) error {
	c, err := net.DialTimeout("tcp", l.addr, program.Patience)
	if err != nil {
		return err
	}
	defer c.Close()
	r := bufio.NewReader(c)
	for !l.over() {
		c.SetDeadline(time.Now().Add(program.Patience))
		pid, last, err := ask(c, r, !stays)
		if err != nil {
			return err
		}
		l.answers.Add(1)
		if w := l.wanted.Load(); w.pid == pid && i < len(w.had) && !w.had[i].Swap(true) {
			w.left.Done()
		}
		if l.sleep(); last {
			return nil
		}
	}
	return nil
}

func (l *load) sleep() {
	select {
	case <-l.stop:
	case <-time.After(l.rest/2 + rand.N(l.rest)):
	}
}

func (l *load) count(err error) {
	n := &l.other
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		n = &l.refused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		n = &l.reset
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		n = &l.lost
	}
	n.Add(1)
	l.t.Errorf("a client: %v", err)
	l.once.Do(func() { close(l.failed) })
}

// ask sends a request and reads its answer: which process has made it, and whether it is the last.
func ask(c net.Conn, r *bufio.Reader, closes bool) (pid string, last bool, err error) {
	text := "GET / HTTP/1.1\r\nHost: restart\r\n"
	if closes {
		text += "Connection: close\r\n"
	}
	if _, err := io.WriteString(c, text+"\r\n"); err != nil {
		return "", false, err
	}
	return answer(r)
}
