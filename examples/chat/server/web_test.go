package server

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"example.com/pike/tcp"
)

// get is a request for a page; fields that are given are added.
func get(target string, fields ...string) string {
	return "GET " + target + " HTTP/1.1\r\n" + strings.Join(append([]string{"Host: 127.0.0.1"}, fields...), "\r\n") + "\r\n\r\n"
}

// answers wants a status, and the body.
func (b *surfer) answers(status int) (*http.Response, string) {
	b.h.t.Helper()
	r := b.response()
	body, _ := io.ReadAll(r.Body)
	if r.StatusCode != status {
		b.h.t.Fatalf("the answer is %d %q, want %d", r.StatusCode, body, status)
	}
	return r, string(body)
}

// TestPage has the files of the page come over one connection, with fields that keep a browser to them.
func TestPage(t *testing.T) {
	h := newHall(t, Options{}).withWeb(WebOptions{})
	b := h.surf(nil)
	for path, kind := range map[string]string{
		"/": "text/html", "/live": "text/html", "/chat.css": "text/css", "/chat.js": "text/javascript", "/?x=y": "text/html",
	} {
		b.conn.WriteString(get(path))
		r, body := b.answers(http.StatusOK)
		if r.Header.Get("Content-Type") != kind+"; charset=utf-8" || len(body) < 100 || r.Close {
			t.Errorf("%s: %+v", path, r)
		}
		safe(t, r)
		b.conn.WriteString(get(path, "If-None-Match: \"old\", "+r.Header.Get("ETag")))
		if r, body := b.answers(http.StatusNotModified); body != "" || r.Header.Get("ETag") == "" {
			t.Errorf("%s: %+v", path, r)
		}
	}
	b.conn.WriteString(get("/none") + "\r\n" + get("/"))
	r, _ := b.answers(http.StatusNotFound)
	safe(t, r)
	b.answers(http.StatusOK)
	b.conn.WriteString(strings.Replace(get("/"), "GET", "HEAD", 1))
	h.until("a head", func() bool { return bytes.HasSuffix(b.raw, headEnd) })
	size := fmt.Sprint("Content-Length: ", len(files["/"].body))
	if head := string(b.raw); !strings.HasPrefix(head, "HTTP/1.1 200 OK") || !strings.Contains(head, size) {
		t.Errorf("%q", head)
	}
	b.raw = nil
	b.conn.WriteString(get("/", "Connection: close"))
	if r, _ := b.answers(http.StatusOK); !r.Close {
		t.Errorf("%+v", r)
	}
	h.until("the end", func() bool { return b.eof })
	b.conn.Close()
	h.until("the end of the connection", func() bool { return h.srv.conns == 0 && len(h.srv.web.visits) == 0 })
}

// safe holds that an answer has the fields that docs/security.md tells of, and none that asks to be sent back.
func safe(t *testing.T, r *http.Response) {
	t.Helper()
	policy := r.Header.Get("Content-Security-Policy")
	for _, part := range []string{
		"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
	} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy is %q, without %q", policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") || r.Header.Get("X-Content-Type-Options") != "nosniff" ||
		r.Header.Get("Referrer-Policy") != "no-referrer" || r.Header.Get("Set-Cookie") != "" {
		t.Errorf("%+v", r.Header)
	}
}

// TestBadRequests has requests that are none, or none that there are.
func TestBadRequests(t *testing.T) {
	h := newHall(t, Options{}).withWeb(WebOptions{})
	for request, status := range map[string]int{
		"hello\r\n\r\n": 400, "GET /\r\n\r\n": 400, "GET / HTTP/1.1\r\n\r\n": 400, "GET / HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n": 400,
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": 505, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\nhello": 400,
		"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
		"GET / HTTP/1.1\nHost: 127.0.0.1\n\nGET /x HTTP/1.1\r\n\r\n":                       400, // others may see two
		strings.Replace(get("/"), "GET", "POST", 1):                                        405,
		strings.Replace(get("/"), "GET", "BREW", 1):                                        405,
		get("/", "X: "+strings.Repeat("x", headMost)):                                      431,
		"CONNECT example.com:80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n":                       400,
		"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n":                                     403, // it leads here: DNS rebinding
		get("/", "Origin: http://evil.example"):                                            403,
		get("/ws"):                                                                         426,
	} {
		b := h.surf(nil)
		b.conn.WriteString(request + get("/")) // what is behind it is not answered
		r, _ := b.answers(status)
		if !r.Close {
			t.Errorf("%.80q: it goes on", request)
		}
		safe(t, r)
		h.until("the end", func() bool { return b.eof })
		if len(b.raw) > 0 {
			t.Errorf("%.80q: there is more, %q", request, b.raw)
		}
		b.conn.Close()
	}
	h.until("the ends", func() bool { return h.srv.conns == 0 })
}

// TestHalfRequest has requests that do not come to their end, at once or byte by byte, and one behind which nothing comes.
func TestHalfRequest(t *testing.T) {
	h := newHall(t, Options{}).withWeb(WebOptions{})
	slow, idle, gone := h.surf(nil), h.surf(nil), h.surf(nil)
	idle.conn.WriteString(get("/"))
	idle.answers(http.StatusOK)
	gone.conn.WriteString("GET / HT")
	gone.conn.CloseWrite()
	h.until("the end of half a request", func() bool { return gone.gone || gone.eof })
	gone.conn.Close()
	bytes := get("/ws")
	for i := 0; !slow.gone && !slow.eof; i++ {
		if i == len(bytes)-10 {
			t.Fatal("it may go on for ever")
		}
		slow.conn.WriteString(bytes[i : i+1])
		h.pass(headTime / 20)
	}
	h.pass(headTime)
	h.until("the other end", func() bool { return idle.gone || idle.eof })
	slow.conn.Close()
	idle.conn.Close()
	h.until("the ends", func() bool { return h.srv.conns == 0 && len(h.srv.web.visits) == 0 })
}

// TestManyVisits has more connections than may be, without a request. Those who came last are served.
func TestManyVisits(t *testing.T) {
	h := newHall(t, Options{}).withWeb(WebOptions{})
	var all []*surfer
	for range visitsMost + 10 {
		all = append(all, h.surf(nil))
	}
	h.until("the first to be cut off", func() bool {
		n := 0
		for _, b := range all {
			if b.gone || b.eof {
				n++
			}
		}
		return n >= 10
	})
	last := all[len(all)-1]
	last.conn.WriteString(get("/"))
	last.answers(http.StatusOK)
	if n := len(h.srv.web.visits); n != visitsMost {
		t.Errorf("%d visits", n)
	}
	for _, b := range all[:10] {
		if !b.gone && !b.eof {
			t.Error("others than the first were cut off")
		}
	}
}

// TestPageOfNoReader has somebody ask again and again, and take nothing.
func TestPageOfNoReader(t *testing.T) {
	h := newHall(t, Options{}).withWeb(WebOptions{})
	b := h.surf(&tcp.Options{ReadBuffer: 4096})
	b.conn.PauseRead()
	h.until("its end", func() bool {
		if h.srv.conns == 0 {
			return true
		}
		if b.conn.Buffered() < 1<<16 {
			b.conn.WriteString(strings.Repeat(get("/chat.js"), 50))
		}
		return false
	})
	if h.srv.Clients() != 0 {
		t.Error("it was counted")
	}
}

// TestWebAddress has a port that is taken, and a page that is served twice.
func TestWebAddress(t *testing.T) {
	h := newHall(t, Options{})
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()
	if _, err := h.srv.ListenWeb(addr, WebOptions{}); err == nil {
		t.Fatal("the port is not taken")
	}
	w, err := h.srv.ListenWeb(addr, WebOptions{Fallback: true})
	if err != nil || w.Addr().String() == addr || w.String() != "http://"+w.Addr().String() {
		t.Fatal(w, err)
	}
	if _, err := h.srv.ListenWeb("127.0.0.1:0", WebOptions{}); err == nil {
		t.Error("it is served twice")
	}
	b := h.surf(nil)
	b.conn.WriteString(get("/"))
	b.answers(http.StatusOK)
}

// TestShutdownOfVisits has connections that are not in the chat when the server ends: they do not keep it.
func TestShutdownOfVisits(t *testing.T) {
	h := newHall(t, Options{}).withWeb(WebOptions{})
	idle, half, watcher, deaf := h.surf(nil), h.surf(nil), h.surf(nil), h.surf(&tcp.Options{ReadBuffer: 4096})
	half.conn.WriteString("GET / HT")
	watcher.conn.WriteString(get("/live/events"))
	watcher.response()
	deaf.conn.PauseRead()
	for range 20 {
		deaf.conn.WriteString(get("/chat.js"))
	}
	member := h.browser("ann")
	h.srv.Shutdown()
	member.expect("* the server is shutting down")
	member.closes(1001)
	for range 3 {
		h.pass(courtesy + patience)
	}
	member.conn.Close()
	h.until("the end of the server", func() bool { return h.ended })
	h.until("the ends", func() bool {
		return (idle.gone || idle.eof) && (half.gone || half.eof) && (watcher.gone || watcher.eof)
	})
}
