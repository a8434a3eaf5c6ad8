package client

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"example.com/pike/examples/internal/pty"
	"example.com/pike/loop"
)

const why = "a fault of the program"

// A panic is seen on a terminal that works: one in a callback of the loop.
func TestPanicOnLoop(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		if conn, err := ln.Accept(); err == nil {
			io.WriteString(conn, "[#lobby] bob: hi\n")
			io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	panics(t, func(line *os.File) {
		Join(Options{
			Addr: ln.Addr().String(), In: line, Out: line, Err: io.Discard,
			Now: func() time.Time { panic(why) },
		})
	})
}

// And one on the goroutine that reads.
func TestPanicOfReader(t *testing.T) {
	panics(t, func(line *os.File) {
		lp, err := loop.New(loop.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer lp.Close()
		e, err := openEditor(&client{o: Options{In: line, Out: line}, lp: lp})
		if err != nil || e == nil {
			t.Fatal(e, err)
		}
		defer e.rescue()
		panic(why)
	})
}

// panics has a function take a terminal, and panic.
func panics(t *testing.T, fn func(line *os.File)) {
	t.Helper()
	t.Setenv("TERM", "xterm")
	tty, err := pty.Open(80, 24)
	if err != nil {
		t.Skip(err)
	}
	defer tty.Close()
	before, err := tty.Mode()
	if err != nil {
		t.Fatal(err)
	}
	var got any
	func() {
		defer func() { got = recover() }()
		fn(tty.Line)
	}()
	if got != why {
		t.Errorf("it ended with %v", got)
	}
	if after, err := tty.Mode(); err != nil || after != before {
		t.Errorf("the terminal is %+v, %v, before %+v", after, err, before)
	}
	for end := time.Now().Add(time.Minute); tty.Screen.Mode("?2004"); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("pastes are still bracketed")
		}
	}
}
