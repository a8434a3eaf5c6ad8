//go:build unix

package main

import (
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/examples/internal/program"
)

func TestEmbed(t *testing.T) {
	path := program.Build(t)
	for _, mode := range []string{"watched", "frames"} {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			t.Run(mode+" "+sig.String(), func(t *testing.T) {
				p := program.Start(t, path, "-listen", "127.0.0.1:0", "-tick", "20ms", "-frames="+strconv.FormatBool(mode == "frames"))
				c := echo(t, p.Expect("listening on "))
				defer c.Close() // an open connection does not keep the program from ending
				p.Expect("tick")
				p.Expect("tick")
				p.Signal(sig)
				p.Ends(0, sig.String(), "ended after ")
			})
		}
	}
	t.Run("nothing to do takes no turns", func(t *testing.T) {
		p := program.Start(t, path, "-listen", "127.0.0.1:0", "-tick", "1h")
		echo(t, p.Expect("listening on ")).Close()
		time.Sleep(200 * time.Millisecond)
		p.Signal(syscall.SIGINT)
		p.Ends(0)
		_, text, _ := strings.Cut(p.Output(), "ended after ")
		text, _, _ = strings.Cut(text, " ")
		if n, err := strconv.Atoi(text); err != nil || n > 30 {
			t.Errorf("%s turns for one connection (%v)", text, err)
		}
	})
	t.Run("garbage", func(t *testing.T) {
		p := program.Start(t, path, "-listen", "127.0.0.1:0", "-tick", "1h")
		addr := p.Expect("listening on ")
		program.Garbage(t, "tcp", addr)
		echo(t, addr).Close()
		p.Signal(syscall.SIGINT)
		p.Ends(0, "ended after ")
	})
	t.Run("bad flags", func(t *testing.T) {
		program.Start(t, path, "-tick", "0s").Ends(2, "embed: no arguments;")
		program.Start(t, path, "-listen", "nowhere").Ends(1, "embed: listen tcp nowhere")
	})
}

// echo has a first message echoed, and leaves the connection open.
func echo(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(program.Patience))
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
		t.Fatalf("echo %q, %v", got, err)
	}
	return c
}
