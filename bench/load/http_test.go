package load

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/pike/bench/peers/work"
)

// serveWeb answers requests on a connection, the one with number wrong by spoil of what it should be.
func serveWeb(wrong int, spoil func(answer []byte) []byte) func(net.Conn) {
	return func(c net.Conn) {
		in := bufio.NewReader(c)
		for n := 0; ; n++ {
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			a := fmt.Appendf(nil, "%sContent-Length: %d\r\n\r\n", webBegins, WebBytes)
			if a = append(a, work.Pattern(WebBytes)...); n == wrong {
				a = spoil(a)
			}
			for _, p := range [][]byte{a[:10], a[10:40], a[40:1000], a[1000:]} { // a head and a body in pieces
				if _, err := c.Write(p); err != nil {
					return
				}
			}
		}
	}
}

func runWeb(addr string) (*EchoReport, error) {
	w := web{echo: echo{target: Target{Addr: addr}, span: span{20 * time.Millisecond, 300 * time.Millisecond}}}
	return w.load(3)
}

func TestWebCounts(t *testing.T) {
	r, err := runWeb(serve(t, serveWeb(-1, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if r.Messages == 0 || r.P50 <= 0 || r.P50 > r.P999 {
		t.Errorf("%+v", r)
	}
}

func TestWebFindsWhatIsWrong(t *testing.T) {
	for want, spoil := range map[string]func([]byte) []byte{
		"begins":        func(a []byte) []byte { return append([]byte("HTTP/1.1 404 Bad\r\n"), a...) },
		"byte 500 of":   func(a []byte) []byte { a[len(a)-WebBytes+500]++; return a },
		"bytes came":    func(a []byte) []byte { return append(a, "more"...) },
		"hung up|reset": func(a []byte) []byte { return nil },
	} {
		serveIt := serveWeb(5, spoil)
		if strings.Contains(want, "|") {
			serveIt = func(c net.Conn) {
				in := bufio.NewReader(c)
				for n := 0; n < 5; n++ {
					http.ReadRequest(in)
					fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s", webBegins, WebBytes, work.Pattern(WebBytes))
				}
			}
		}
		_, err := runWeb(serve(t, serveIt))
		found := false
		for text := range strings.SplitSeq(want, "|") {
			found = found || err != nil && strings.Contains(err.Error(), text)
		}
		if !found {
			t.Errorf("the load says %v, want %q", err, want)
		}
	}
}
