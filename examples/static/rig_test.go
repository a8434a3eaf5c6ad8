package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/pike/examples/internal/program"
	"example.com/pike/loop"
)

// content is what a file of n bytes has.
func content(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*131 + i/251)
	}
	return b
}

const bigSize = 1500_000

var modified = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// site is a folder with files, beside one that must not be seen.
func site(t testing.TB) string {
	t.Helper()
	base, err := os.MkdirTemp("", "static")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	dir := filepath.Join(base, "site")
	for name, text := range map[string][]byte{
		"site/index.html": []byte("<h1>home</h1>\n"), "site/a.txt": []byte("0123456789"), "site/big.bin": content(bigSize),
		"site/empty.css": {}, "site/with space.txt": []byte("space"), "site/sub/index.html": []byte("sub"), "site/bare/x.js": []byte("x"),
		"secret": []byte("secret"),
	} {
		path := filepath.Join(base, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, modified, modified); err != nil {
			t.Fatal(err)
		}
	}
	os.Symlink(filepath.Join(base, "secret"), filepath.Join(dir, "link"))
	os.Symlink("a.txt", filepath.Join(dir, "inner"))
	return dir
}

// A rig is a server that runs in this process.
type rig struct {
	testing.TB
	addr, dir string
	s         *server
}

func newRig(t testing.TB, o options) *rig {
	t.Helper()
	dir := site(t)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o.listen = "127.0.0.1:0"
	if o.head == 0 {
		o.head = time.Minute
	}
	s, err := listen(lp, root, o)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- lp.Run() }()
	t.Cleanup(func() {
		lp.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		lp.Close()
		s.cache.clear()
		root.Close()
	})
	return &rig{t, s.ln.LocalAddr().String(), dir, s}
}

func (r *rig) dial() net.Conn {
	r.Helper()
	c, err := net.DialTimeout("tcp", r.addr, program.Patience)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(program.Patience))
	return c
}

// ask sends text as it is, and reads the answer with package http, whose idea of HTTP is the one to agree with.
func (r *rig) ask(text string) (*http.Response, []byte) {
	r.Helper()
	c := r.dial()
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		r.Fatal(err)
	}
	return r.answer(bufio.NewReader(c), text)
}

func (r *rig) answer(in *bufio.Reader, text string) (*http.Response, []byte) {
	r.Helper()
	method := "GET"
	if len(text) > 5 && text[:5] == "HEAD " {
		method = "HEAD"
	}
	a, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		r.Fatalf("%.80q: %v", text, err)
	}
	body, err := io.ReadAll(a.Body)
	if err != nil {
		r.Fatalf("%.80q: %v", text, err)
	}
	return a, body
}

func (r *rig) get(path string, fields ...string) (*http.Response, []byte) {
	r.Helper()
	return r.ask(request11("GET", path, fields...))
}

func request11(method, path string, fields ...string) string {
	text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\n", method, path)
	for _, f := range fields {
		text += f + "\r\n"
	}
	return text + "\r\n"
}

func (r *rig) same(what string, got, want any) {
	r.Helper()
	if g, ok := got.([]byte); ok {
		if !bytes.Equal(g, []byte(fmt.Sprint(want))) {
			r.Errorf("%s: %.80q, want %.80q", what, g, want)
		}
		return
	}
	if got != want {
		r.Errorf("%s: %v, want %v", what, got, want)
	}
}
