//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/examples/internal/program"
)

// ask sends data in pieces, then ends that side, and returns all that is
// answered.
func ask(t *testing.T, addr string, pieces ...[]byte) []byte {
	t.Helper()
	network := "tcp"
	if strings.HasPrefix(addr, "/") {
		network = "unix"
	}
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(program.Patience))
	go func() {
		for _, p := range pieces {
			c.Write(p)
			time.Sleep(time.Millisecond) // so that the server sees them apart
		}
		c.(interface{ CloseWrite() error }).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func askPacket(t *testing.T, addr, data string) {
	t.Helper()
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(program.Patience))
	u := c.(*net.UDPConn) // the BSDs and macOS have small buffers, and send nothing larger (net.inet.udp.maxdgram)
	if err := errors.Join(u.SetWriteBuffer(1<<16), u.SetReadBuffer(1<<17)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, data); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	n, err := c.Read(buf)
	if err != nil || string(buf[:n]) != data {
		t.Fatalf("%q, %v", buf[:n], err)
	}
}

func TestEcho(t *testing.T) {
	path := program.Build(t)
	t.Run("echo", func(t *testing.T) { testEcho(t, path) })
	t.Run("frames", func(t *testing.T) { testFrames(t, path) })
	t.Run("proxied", func(t *testing.T) { testProxied(t, path) })
	t.Run("unix", func(t *testing.T) { testUnix(t, path) })
	t.Run("bad flags", func(t *testing.T) { testBadFlags(t, path) })
}

func testEcho(t *testing.T, path string) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run("TCP and UDP "+sig.String(), func(t *testing.T) {
			p := program.Start(t, path, "-listen", "127.0.0.1:0", "-udp", "127.0.0.1:0")
			tcp, udp := p.Expect("listening tcp "), p.Expect("listening udp ")
			for _, data := range [][]byte{{}, []byte("hello"), big} {
				if got := ask(t, tcp, data); !bytes.Equal(got, data) {
					t.Errorf("%d bytes came back of %d", len(got), len(data))
				}
			}
			askPacket(t, udp, "hello")
			askPacket(t, udp, "")
			askPacket(t, udp, string(big[:60000]))
			p.Signal(syscall.SIGQUIT)
			p.Expect(" keep the loop running")
			p.Expect("  stream.Listener  tcp " + tcp + ": accepts, 0 connections")
			p.Signal(sig)
			p.Ends(0, fmt.Sprintf("tcp: 3 connections, %d bytes; udp: 3 datagrams, 60005 bytes", len(big)+5))
		})
	}
	t.Run("garbage", func(t *testing.T) {
		p := program.Start(t, path, "-listen", "127.0.0.1:0", "-udp", "127.0.0.1:0", "-frame", "7")
		tcp, udp := p.Expect("listening tcp "), p.Expect("listening udp ")
		program.Garbage(t, "tcp", tcp)
		program.Garbage(t, "udp", udp)
		if got := ask(t, tcp, []byte("1234567")); string(got) != "1234567" {
			t.Errorf("%q came back", got)
		}
		p.Signal(syscall.SIGINT)
		p.Ends(0, "tcp: ")
	})
	t.Run("one of them", func(t *testing.T) {
		for flag, line := range map[string]string{"-listen": "listening tcp 127.0.0.1:", "-udp": "listening udp 127.0.0.1:"} {
			p := program.Start(t, path, flag, "127.0.0.1:0")
			p.Expect(line)
			p.Signal(syscall.SIGINT)
			p.Ends(0, "tcp: 0 connections, 0 bytes; udp: 0 datagrams, 0 bytes")
		}
	})
	t.Run("a connection that stays open", func(t *testing.T) {
		p := program.Start(t, path, "-listen", "127.0.0.1:0")
		c, err := net.Dial("tcp", p.Expect("listening tcp "))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(program.Patience))
		if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		p.Signal(syscall.SIGINT)
		p.Ends(0, "tcp: 1 connections, 5 bytes")
	})
}

func testFrames(t *testing.T, path string) {
	data := []byte("0123456789abcdefghijklmnopqrstuvwxyz")
	for _, frame := range []string{"1", "5", "16", "36", "64"} {
		t.Run(frame, func(t *testing.T) {
			p := program.Start(t, path, "-listen", "127.0.0.1:0", "-frame", frame)
			addr := p.Expect("listening tcp ")
			for _, pieces := range [][][]byte{
				{data},
				{data[:1], data[1:7], data[7:7], data[7:30], data[30:]},
				{data, data, data[:3]},
			} {
				want := bytes.Join(pieces, nil)
				if got := ask(t, addr, pieces...); !bytes.Equal(got, want) {
					t.Errorf("%q came back of %q", got, want)
				}
			}
			p.Signal(syscall.SIGINT)
			p.Ends(0, "tcp: 3 connections, 147 bytes")
		})
	}
}

// testProxied has the header taken off, and refuses who sends none.
func testProxied(t *testing.T, path string) {
	p := program.Start(t, path, "-listen", "127.0.0.1:0", "-proxy-protocol")
	addr := p.Expect("listening tcp ")
	header := []byte("PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\n")
	for _, pieces := range [][][]byte{{append(header, "hello"...)}, {header, []byte("hello")}, {header[:1], header[1:], []byte("hello")}} {
		if got := ask(t, addr, pieces...); string(got) != "hello" {
			t.Errorf("%q came back", got)
		}
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(program.Patience))
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	// A reset is as good an end: the server has not read all.
	if got, err := io.ReadAll(c); len(got) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("without a header %q came back, %v", got, err)
	}
	p.Expect(`signature: the connection begins with`)
	p.Signal(syscall.SIGINT)
	p.Ends(0, "tcp: 3 connections, 15 bytes")
}

func testBadFlags(t *testing.T, path string) {
	for _, args := range [][]string{
		{}, {"-frame", "-1", "-listen", "127.0.0.1:0"}, {"-loops", "-1", "-listen", "127.0.0.1:0"},
		{"-listen", "127.0.0.1:0", "now"}, {"-nonsense"}, {"-frame", "x"},
		{"-udp", "127.0.0.1:0", "-proxy-protocol"}, {"-unix", "s", "-proxy-protocol"},
		{"-listen", "127.0.0.1:0", "-mode", "0600"}, {"-unix", "s", "-mode", "1777"}, {"-unix", "s", "-mode", "9"},
	} {
		program.Start(t, path, args...).Ends(2, "Usage of")
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, args := range [][]string{
		{"-listen", taken.Addr().String()}, {"-listen", "nowhere"}, {"-udp", "127.0.0.1:65536"}, {"-udp", "203.0.113.9:0"},
		{"-unix", filepath.Join(t.TempDir(), "no", "folder")}, {"-unix", path}, // which is the program
	} {
		program.Start(t, path, args...).Ends(1, "echo: listen ")
	}
}
