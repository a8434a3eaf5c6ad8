package load

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// serve answers every connection by f until the test ends.
func serve(t *testing.T, f func(net.Conn)) string {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
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
			go func() {
				defer c.Close()
				f(c)
			}()
		}
	}()
	return ln.Addr().String()
}

func runEcho(addr string, conns, size int) (*EchoReport, error) {
	return runEchoFor(addr, conns, size, 100*time.Millisecond)
}

func runEchoFor(addr string, conns, size int, window time.Duration) (*EchoReport, error) {
	e := echo{target: Target{Addr: addr}, span: span{20 * time.Millisecond, window}}
	e.init(size)
	defer e.close()
	if err := e.connect(conns); err != nil {
		return nil, err
	}
	return e.measure()
}

func TestEchoCounts(t *testing.T) {
	addr := serve(t, func(c net.Conn) { io.Copy(c, c) })
	for _, size := range []int{8, 64, 16 << 10, 8 << 20} {
		r, err := runEcho(addr, 3, size)
		// On a busy machine a large message may take longer than a window.
		for window := 400 * time.Millisecond; err != nil && window < 30*time.Second; window *= 4 {
			r, err = runEchoFor(addr, 3, size, window)
		}
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if r.Messages == 0 || r.P50 <= 0 || r.P50 > r.P999 {
			t.Errorf("%d bytes: %+v", size, r)
		}
	}
}

// TestEchoCatches holds the load to noticing every way in which a server can answer wrongly.
func TestEchoCatches(t *testing.T) {
	for what, c := range map[string]struct {
		server func(net.Conn)
		want   string
	}{
		"a flipped bit": {func(c net.Conn) {
			p := make([]byte, 64)
			for n := 0; ; n++ {
				if _, err := io.ReadFull(c, p); err != nil {
					return
				}
				if n == 5 {
					p[63] ^= 1
				}
				c.Write(p)
			}
		}, "wrong bytes at 63"},
		"an old message": {func(c net.Conn) {
			p := make([]byte, 64)
			io.ReadFull(c, p)
			for {
				c.Write(p)
				if _, err := io.ReadFull(c, make([]byte, 64)); err != nil {
					return
				}
			}
		}, "message 1: wrong bytes at 0"},
		"too much": {func(c net.Conn) {
			p := make([]byte, 65)
			io.ReadFull(c, p[:64])
			c.Write(p)
			io.Copy(io.Discard, c)
		}, "65 bytes came of 64 sent"},
		"a hang-up": {func(c net.Conn) {
			io.ReadFull(c, make([]byte, 64))
		}, "hung up"},
	} {
		_, err := runEcho(serve(t, c.server), 1, 64)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", what, err, c.want)
		}
	}
}
