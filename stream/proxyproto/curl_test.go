package proxyproto_test

import (
	"bytes"
	"context"
	"os/exec"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/stream/proxyproto"
	"example.com/pike/tcp"
)

// TestCurl has another program send the header.
func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not here: ", err)
	}
	if help, _ := exec.Command(curl, "--help", "all").Output(); !bytes.Contains(help, []byte("--haproxy-protocol")) {
		t.Skip("this curl does not know the PROXY protocol")
	}
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer lp.Close()
	ln, err := tcp.Listen(lp, "127.0.0.1:0", &tcp.Options{Layer: proxyproto.Server(&proxyproto.Options{Trusted: loopback})})
	if err != nil {
		t.Fatal(err)
	}
	var header *proxyproto.Header
	ln.OnAccept = func(c *tcp.Conn) {
		header, _ = proxyproto.Of(c)
		c.OnRead = func(c *tcp.Conn, p []byte) {
			if !bytes.HasPrefix(p, []byte("GET / HTTP/1.1\r\n")) {
				t.Errorf("behind the header came %q", p)
			}
			c.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
			c.Close()
		}
	}
	var out []byte
	url := "http://" + ln.LocalAddr().String() + "/"
	_, err = loop.Work(context.Background(), lp, func(ctx context.Context) ([]byte, error) {
		return exec.CommandContext(ctx, curl, "-sS", "--max-time", "60", "--noproxy", "*", "--haproxy-protocol", url).CombinedOutput()
	}, func(printed []byte, err error) {
		if out = printed; err != nil {
			t.Error(err)
		}
		lp.Stop()
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := lp.Run(); err != nil {
		t.Fatal(err)
	}
	if string(out) != "hello" || header == nil || header.Version != 1 || header.Transport != proxyproto.TCP4 ||
		header.Destination != ln.LocalAddr() {
		t.Errorf("curl has printed %q, and sent %+v", out, header)
	}
}
