//go:build unix

package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"example.com/pike/examples/internal/program"
)

// target listens, and hands what it accepts to serve, each on a goroutine.
func target(t *testing.T, serve func(c *net.TCPConn)) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(program.Patience))
			go serve(c.(*net.TCPConn))
		}
	}()
	return ln.Addr().String()
}

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(program.Patience))
	return c.(*net.TCPConn)
}

func TestProgram(t *testing.T) {
	path := program.Build(t)
	t.Run("echo", func(t *testing.T) { testEcho(t, path) })
	t.Run("grace", func(t *testing.T) { testGrace(t, path) })
	t.Run("garbage", func(t *testing.T) { testGarbage(t, path) })
	t.Run("reset", func(t *testing.T) { testReset(t, path) })
	t.Run("unreachable", func(t *testing.T) { testUnreachable(t, path) })
	t.Run("TLS", func(t *testing.T) { testSecure(t, path) })
	t.Run("bad flags", func(t *testing.T) {
		for _, args := range [][]string{
			{}, {"-listen", "127.0.0.1:0"}, {"-to", "127.0.0.1:1"}, {"-listen", "127.0.0.1:0", "-to", "127.0.0.1:1", "-idle", "-1s"},
			{"-listen", "127.0.0.1:0", "-to", "127.0.0.1:1", "now"}, {"-nonsense"},
			{"-listen", "127.0.0.1:0", "-to", "127.0.0.1:1", "-tls-cert", "x"},
		} {
			program.Start(t, path, args...).Ends(2, "Usage of")
		}
		program.Start(t, path, "-listen", "nowhere", "-to", "127.0.0.1:1").Ends(1, "proxy: listen ")
	})
}

// The echo of a client that ends its side first arrives wholly, and then the end.
func testEcho(t *testing.T, path string) {
	to := target(t, func(c *net.TCPConn) {
		io.Copy(c, c)
		c.CloseWrite()
	})
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<17) // 2 MiB
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		p := program.Start(t, path, "-listen", "127.0.0.1:0", "-to", to)
		addr := p.Expect("listening ")
		c := dial(t, addr)
		go func() {
			c.Write(data)
			c.CloseWrite()
		}()
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes came back of %d, and then %v", len(got), len(data), err)
		}
		open := dial(t, addr)
		open.Write([]byte("x"))
		if _, err := io.ReadFull(open, make([]byte, 1)); err != nil {
			t.Error(err)
		}
		p.Signal(sig)
		p.Expect("shutting down")
		open.Write([]byte("y")) // goes on
		open.CloseWrite()
		if got, err := io.ReadAll(open); err != nil || string(got) != "y" {
			t.Errorf("after the signal %q came back, %v", got, err)
		}
		p.Ends(0, "2 connections, 0 of them open, 0 broken, 0 unreachable; 2097154 bytes there, 2097154 back")
	}
}

// A connection that does not end is cut off by a second signal, or when the grace is over.
func testGrace(t *testing.T, path string) {
	to := target(t, func(c *net.TCPConn) { io.Copy(c, c) })
	for _, args := range [][]string{{"-grace", "1h"}, {"-grace", "20ms"}} {
		p := program.Start(t, path, append(args, "-listen", "127.0.0.1:0", "-to", to)...)
		addr := p.Expect("listening ")
		open := dial(t, addr)
		open.Write([]byte("x"))
		if _, err := io.ReadFull(open, make([]byte, 1)); err != nil {
			t.Error(err)
		}
		p.Signal(syscall.SIGTERM)
		if args[1] == "1h" {
			p.Expect("shutting down")
			p.Signal(syscall.SIGINT)
		}
		p.Ends(0, "1 connections, 0 of them open, 1 broken, 0 unreachable; 1 bytes there, 1 back")
	}
}

func testReset(t *testing.T, path string) {
	for _, byServer := range []bool{true, false} {
		seen := make(chan error, 1)
		see := func(c *net.TCPConn) {
			_, err := io.ReadAll(c)
			seen <- err
		}
		p := program.Start(t, path, "-listen", "127.0.0.1:0", "-to", target(t, func(c *net.TCPConn) {
			if _, err := io.ReadFull(c, make([]byte, 1)); err != nil { // so that both ends are there
				seen <- err
			} else if byServer {
				c.SetLinger(0)
				c.Close()
			} else {
				c.Write([]byte("y"))
				see(c)
			}
		}))
		c := dial(t, p.Expect("listening "))
		c.Write([]byte("x"))
		if byServer {
			see(c)
		} else {
			io.ReadFull(c, make([]byte, 1))
			c.SetLinger(0)
			c.Close()
		}
		select {
		case err := <-seen:
			if !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the other side saw %v", err)
			}
		case <-time.After(program.Patience):
			t.Fatal("the other side has seen nothing")
		}
		p.Signal(syscall.SIGINT)
		p.Ends(0, "1 connections, 0 of them open, 1 broken, 0 unreachable")
	}
}

func testUnreachable(t *testing.T, path string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	p := program.Start(t, path, "-listen", "127.0.0.1:0", "-to", ln.Addr().String())
	c, err := net.DialTimeout("tcp", p.Expect("listening "), program.Patience)
	if err == nil { // or the reset was faster
		defer c.Close()
		c.SetDeadline(time.Now().Add(program.Patience))
		_, err = io.ReadAll(c)
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client saw %v", err)
	}
	p.Signal(syscall.SIGINT)
	p.Ends(0, "1 connections, 0 of them open, 1 broken, 1 unreachable")
}

// Random bytes from connections that end in every way leave the proxy as it was.
func testGarbage(t *testing.T, path string) {
	to := target(t, func(c *net.TCPConn) {
		io.Copy(c, c)
		c.Close()
	})
	p := program.Start(t, path, "-listen", "127.0.0.1:0", "-to", to)
	addr := p.Expect("listening ")
	program.Garbage(t, "tcp", addr)
	c := dial(t, addr)
	if _, err := c.Write([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	c.CloseWrite()
	if got, err := io.ReadAll(c); err != nil || string(got) != "still here" {
		t.Errorf("%q came back, %v", got, err)
	}
	p.Signal(syscall.SIGINT)
	p.Ends(0)
}
