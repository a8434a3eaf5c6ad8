package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"example.com/pike/examples/internal/program"
)

// Linux shares connections out among the listeners of an address by a hash of their ports (socket(7), SO_REUSEPORT), so
// that every loop gets some.
func TestLoops(t *testing.T) {
	const conns = 64
	p := program.Start(t, program.Build(t), "-listen", "127.0.0.1:0", "-udp", "127.0.0.1:0", "-loops", "3")
	tcp, udp := p.Expect("listening tcp "), p.Expect("listening udp ")
	for range conns {
		if got := ask(t, tcp, []byte("hello")); string(got) != "hello" {
			t.Fatalf("%q came back", got)
		}
	}
	askPacket(t, udp, "hello")
	p.Signal(syscall.SIGTERM)
	p.Ends(0, "loop 0: tcp: ", "loop 1: tcp: ", "loop 2: tcp: ",
		fmt.Sprintf("\ntcp: %d connections, %d bytes; udp: 1 datagrams, 5 bytes\n", conns, 5*conns))
	if strings.Contains(p.Output(), "tcp: 0 connections") { // by chance once in 2^36 runs: 3*(2/3)^64
		t.Errorf("a loop was left without connections:\n%s", p.Output())
	}
}
