package main

import (
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/examples/chat/client"
)

// TestJoin is a terminal with its input from a pipe, which ends before the server has answered.
func TestJoin(t *testing.T) {
	s := startServer(t)
	b := named(t, s.addr, "bob")
	a := start(t, "-connect", s.addr, "-name", "ann")
	io.WriteString(a.stdin, "hello\r\n/who\n/join #den\n/who")
	a.stdin.Close()
	a.ends(0)
	b.next("[#lobby] ann: hello")
	b.next("* ann left #lobby")
	want := "* in #lobby: bob, ann\n* ann joined #den\n* in #den: ann\n"
	if got := a.stdout.String(); !strings.HasSuffix(got, want) {
		t.Errorf("printed %q, want it to end with %q", got, want)
	}
}

func TestJoinTalks(t *testing.T) {
	s := startServer(t)
	a, b := start(t, "-connect", s.addr, "-name", "ann"), start(t, "-connect", s.addr, "-name", "bob")
	converse(t, a, b)
	a.signal(os.Interrupt)
	a.ends(0)
	b.printed("* ann left #lobby\n")
	s.signal(os.Interrupt)
	b.printed(goodbye)
	b.ends(0) // though its input has not ended
	b.logged("the server closed the connection")
	s.ends(0)
}

// TestJoinMuch sends more than either side may hold in memory, to a server that does not read at first.
func TestJoinMuch(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	a := start(t, "-connect", ln.Addr().String())
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const size = 64 << 20
	var input endless
	go func() {
		io.Copy(a.stdin, io.LimitReader(&input, size))
		a.stdin.Close()
	}()
	for before := int64(-1); before < input.n.Load(); time.Sleep(200 * time.Millisecond) {
		before = input.n.Load() // it still reads on
	}
	if n := input.n.Load(); n > size/2 {
		t.Errorf("it has read %d bytes from its input, and nobody from it", n)
	}
	n, err := io.Copy(io.Discard, conn)
	if n != size+1 || err != nil { // the end of the line is added
		t.Errorf("%d bytes, %v", n, err)
	}
	io.WriteString(conn, "all\x1b[2J read\n"+strings.Repeat("x", client.LineMost+1)+"\nbye\nrest")
	conn.Close()
	a.ends(0)
	if got, want := a.stdout.String(), "all[2J read\n! the server sent a line that is too long\nbye\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}

// endless is a line that does not end.
type endless struct{ n atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	e.n.Add(int64(len(p)))
	return len(p), nil
}

func TestJoinNobody(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	c := start(t, "-connect", ln.Addr().String())
	c.ends(1)
	c.logged("chat: dial tcp " + ln.Addr().String())
	c = start(t, "-connect", "nonsense")
	c.ends(1)
}

// TestJoinReset has the server's end cut off.
func TestJoinReset(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c := start(t, "-connect", ln.Addr().String())
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
	c.ends(1)
}
