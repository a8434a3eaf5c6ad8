package netconn_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// The servers that are compared: the same goroutines, on package net's connections and on those of a loop.
var servers = map[string]func(b *testing.B) net.Listener{
	"net": func(b *testing.B) net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		no(b, err)
		return ln
	},
	"netconn": func(b *testing.B) net.Listener { return newRig(b).listen() },
}

// BenchmarkEcho is an echo by a goroutine for each connection. The clients are another process, so that
// cpu-ns/op is the server's processor time for a message.
func BenchmarkEcho(b *testing.B) {
	for _, load := range []struct{ conns, size int }{{1, 64}, {100, 64}, {100, 16 << 10}} {
		for _, name := range []string{"net", "netconn"} {
			b.Run(fmt.Sprintf("%s/%dx%d", name, load.conns, load.size), func(b *testing.B) {
				ln := servers[name](b)
				defer ln.Close()
				done := make(chan error, 1)
				go func() { done <- echo(ln, load.conns) }()
				runLoad(b, fmt.Sprintf("%s %d %d %d", ln.Addr(), load.conns, load.size, 1+b.N/load.conns))
				no(b, within(b, "the end of the connections", done))
			})
		}
	}
}

// echo serves a number of connections.
func echo(ln net.Listener, conns int) error {
	var all sync.WaitGroup
	for range conns {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		all.Go(func() {
			defer c.Close()
			p := make([]byte, 32<<10)
			for {
				n, err := c.Read(p)
				if err != nil {
					return
				}
				if _, err := c.Write(p[:n]); err != nil {
					return
				}
			}
		})
	}
	all.Wait()
	return nil
}

// runLoad measures what the clients' process causes here.
func runLoad(b *testing.B, load string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PIKE_NETCONN_LOAD="+load)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	no(b, err)
	out, err := cmd.StdoutPipe()
	no(b, err)
	no(b, cmd.Start())
	lines := bufio.NewReader(out)
	said := func(want string) {
		if line, err := lines.ReadString('\n'); line != want {
			b.Errorf("the clients say %q, %v", line, err)
		}
	}
	said("connected\n")
	began := cpuTime()
	b.ResetTimer()
	io.WriteString(in, "go\n")
	said("done\n")
	b.StopTimer()
	b.ReportMetric(float64(cpuTime()-began)/float64(b.N), "cpu-ns/op")
	in.Close()
	no(b, cmd.Wait())
}

// generate is the process of the clients.
func generate(load string) error {
	var addr string
	var conns, size, messages int
	if _, err := fmt.Fscan(strings.NewReader(load), &addr, &conns, &size, &messages); err != nil {
		return err
	}
	all := make([]net.Conn, conns)
	for i := range all {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		defer c.Close()
		all[i] = c
	}
	fmt.Println("connected")
	in := bufio.NewReader(os.Stdin)
	if _, err := in.ReadString('\n'); err != nil {
		return err
	}
	errs := make(chan error, conns)
	for _, c := range all {
		go func() {
			p := make([]byte, size)
			var err error
			for i := 0; i < messages && err == nil; i++ {
				if _, err = c.Write(p); err == nil {
					_, err = io.ReadFull(c, p)
				}
			}
			errs <- err
		}()
	}
	for range all {
		if err := <-errs; err != nil {
			return err
		}
	}
	fmt.Println("done")
	_, err := in.ReadByte()
	if err == io.EOF {
		err = nil
	}
	return err
}
