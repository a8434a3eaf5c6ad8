package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestGet(t *testing.T) {
	r := newRig(t, options{})
	for _, c := range []struct{ path, body, kind string }{
		{"/", "<h1>home</h1>\n", "text/html; charset=utf-8"},
		{"/index.html", "<h1>home</h1>\n", "text/html; charset=utf-8"},
		{"/a.txt", "0123456789", "text/plain; charset=utf-8"},
		{"/a.txt?query", "0123456789", "text/plain; charset=utf-8"},
		{"http://elsewhere/a.txt", "0123456789", "text/plain; charset=utf-8"},
		{"/%61.txt", "0123456789", "text/plain; charset=utf-8"},
		{"/with%20space.txt", "space", "text/plain; charset=utf-8"},
		{"/empty.css", "", "text/css; charset=utf-8"},
		{"/sub/", "sub", "text/html; charset=utf-8"},
		{"/sub/../a.txt", "0123456789", "text/plain; charset=utf-8"},
		{"//a.txt", "0123456789", "text/plain; charset=utf-8"},
	} {
		for range 2 { // the second time from the cache
			a, body := r.get(c.path)
			r.same(c.path, a.StatusCode, 200)
			r.same(c.path, body, c.body)
			r.same(c.path, a.Header.Get("Content-Type"), c.kind)
			r.same(c.path, a.Header.Get("Last-Modified"), modified.Format(http.TimeFormat))
			r.same(c.path, a.ContentLength, int64(len(c.body)))
			if _, err := http.ParseTime(a.Header.Get("Date")); err != nil {
				t.Error(err)
			}
		}
	}
	if _, body := r.get("/big.bin"); !bytes.Equal(body, content(bigSize)) {
		t.Error("a large file does not come as it is")
	}
	a, body := r.ask(request11("HEAD", "/a.txt"))
	r.same("HEAD", a.StatusCode, 200)
	r.same("HEAD", body, "")
	r.same("HEAD", a.ContentLength, int64(10))
	a, _ = r.get("/sub")
	r.same("a folder without a slash", a.StatusCode, 301)
	r.same("a folder without a slash", a.Header.Get("Location"), "/sub/")
}

func TestErrors(t *testing.T) {
	r := newRig(t, options{})
	for text, status := range map[string]int{
		request11("GET", "/none"):                                     404,
		request11("GET", "/bare/"):                                    404, // nothing is listed
		request11("GET", "/a.txt/"):                                   404,
		request11("GET", "/../secret"):                                404,
		request11("GET", "/%2e%2e/secret"):                            404,
		request11("GET", "/..%2fsecret"):                              404,
		request11("GET", "/sub/../../secret"):                         404,
		request11("GET", "/link"):                                     404, // which leads out of the root
		request11("GET", "/%"):                                        400,
		request11("GET", "/%zz"):                                      400,
		request11("GET", "/a.txt%00"):                                 400,
		request11("GET", "*"):                                         400,
		request11("POST", "/a.txt"):                                   405,
		request11("OPTIONS", "*"):                                     405,
		"GET /a.txt HTTP/1.1\r\n\r\n":                                 400, // without Host
		"GET /a.txt HTTP/1.1\r\nConnection: close\r\n\r\n":            400,
		request11("GET", "/a.txt", "Host: y"):                         400,
		request11("GET", "/a.txt", "Content-Length: 5") + "hello":     400,
		request11("GET", "/a.txt", "Transfer-Encoding: chunked"):      400,
		request11("GET", "/a.txt", "Bad Name: x"):                     400,
		request11("GET", "/a.txt", "Name : x"):                        400,
		request11("GET", "/a.txt", "X: 1", " folded"):                 400,
		request11("GET", "/a.txt", "nothing"):                         400,
		"GET /a.txt HTTP/2.0\r\n\r\n":                                 505,
		"GET /a.txt\r\n\r\n":                                          400,
		"GET  /a.txt HTTP/1.1\r\nHost: x\r\n\r\n":                     400,
		"garbage\r\n\r\n":                                             400,
		"\x16\x03\x01\x02\x00\n":                                      400,
		request11("GET", "/"+strings.Repeat("a", 20_000)):             414,
		request11("GET", "/a.txt", "X: "+strings.Repeat("a", 20_000)): 431,
	} {
		a, body := r.ask(text)
		r.same(fmt.Sprintf("%.60q", text), a.StatusCode, status)
		if strings.Contains(string(body), "secret") {
			t.Errorf("%.60q tells what is outside", text)
		}
		if status == 405 {
			r.same("Allow", a.Header.Get("Allow"), "GET, HEAD")
		}
	}
	if _, err := os.Lstat(filepath.Join(r.dir, "inner")); err != nil {
		return // the system has no links, or not for us
	}
	a, body := r.get("/inner") // a link that stays inside
	r.same("a link", a.StatusCode, 200)
	r.same("a link", body, "0123456789")
}

func TestRanges(t *testing.T) {
	r := newRig(t, options{})
	first, _ := r.get("/a.txt")
	tag, date := first.Header.Get("ETag"), first.Header.Get("Last-Modified")
	for _, c := range []struct {
		fields       string
		status       int
		body, extent string
	}{
		{"Range: bytes=0-0", 206, "0", "bytes 0-0/10"},
		{"Range: bytes=2-4", 206, "234", "bytes 2-4/10"},
		{"Range: bytes=7-", 206, "789", "bytes 7-9/10"},
		{"Range: bytes=7-100", 206, "789", "bytes 7-9/10"},
		{"Range: bytes=-3", 206, "789", "bytes 7-9/10"},
		{"Range: bytes=-100", 206, "0123456789", "bytes 0-9/10"},
		{"Range: bytes=10-", 416, "", "bytes */10"},
		{"Range: bytes=-0", 416, "", "bytes */10"},
		{"Range: bytes=4-2", 200, "0123456789", ""},
		{"Range: bytes=a-b", 200, "0123456789", ""},
		{"Range: bytes=+1-2", 200, "0123456789", ""},
		{"Range: bytes=99999999999999999999-", 200, "0123456789", ""},
		{"Range: bytes=-", 200, "0123456789", ""},
		{"Range: lines=1-2", 200, "0123456789", ""},
		{"Range: bytes=0-1,3-4", 200, "0123456789", ""},
		{"Range: bytes=2-4\r\nIf-Range: " + tag, 206, "234", "bytes 2-4/10"},
		{"Range: bytes=2-4\r\nIf-Range: " + date, 206, "234", "bytes 2-4/10"},
		{"Range: bytes=2-4\r\nIf-Range: \"other\"", 200, "0123456789", ""},
		{"Range: bytes=2-4\r\nIf-Range: Mon, 02 Jan 2006 15:04:05 GMT", 200, "0123456789", ""},
		{"If-Modified-Since: " + date, 304, "", ""},
		{"If-Modified-Since: " + modified.Add(time.Hour).Format(http.TimeFormat), 304, "", ""},
		{"If-Modified-Since: " + modified.Add(time.Hour).Format(time.RFC850), 304, "", ""},
		{"If-Modified-Since: " + modified.Add(time.Hour).Format(time.ANSIC), 304, "", ""},
		{"If-Modified-Since: " + modified.Add(-time.Hour).Format(http.TimeFormat), 200, "0123456789", ""},
		{"If-Modified-Since: yesterday", 200, "0123456789", ""},
		{"If-None-Match: " + tag, 304, "", ""},
		{"If-None-Match: \"x\", W/" + tag, 304, "", ""},
		{"If-None-Match: *", 304, "", ""},
		{"If-None-Match: \"x\"\r\nIf-Modified-Since: " + date, 200, "0123456789", ""},
	} {
		a, body := r.get("/a.txt", c.fields)
		r.same(c.fields, a.StatusCode, c.status)
		r.same(c.fields, body, c.body)
		r.same(c.fields, a.Header.Get("Content-Range"), c.extent)
	}
	a, body := r.get("/big.bin", "Range: bytes=1000000-1299999")
	if want := content(bigSize)[1_000_000:1_300_000]; a.StatusCode != 206 || !bytes.Equal(body, want) {
		t.Error("a part of a large file is not that part")
	}
	a, _ = r.get("/empty.css", "Range: bytes=0-")
	r.same("a range of nothing", a.StatusCode, 416)
}

// Which connections stay, and which answers say so.
func TestKeepAlive(t *testing.T) {
	r := newRig(t, options{})
	for text, stays := range map[string]bool{
		request11("GET", "/a.txt"):                               true,
		request11("HEAD", "/a.txt"):                              true,
		request11("GET", "/none"):                                true,
		request11("GET", "/a.txt", "Connection: close"):          false,
		request11("GET", "/a.txt", "Connection: TE, Close"):      false,
		"GET /a.txt HTTP/1.0\r\n\r\n":                            false,
		"GET /a.txt HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n":  true,
		"\r\nGET /a.txt HTTP/1.1\nhost: with bare line ends\n\n": true,
		request11("POST", "/a.txt"):                              false,
	} {
		c := r.dial()
		in := bufio.NewReader(c)
		for range 3 {
			io.WriteString(c, text)
			a, _ := r.answer(in, text)
			r.same(fmt.Sprintf("%q", text), !a.Close, stays)
			if !stays {
				if _, err := in.ReadByte(); err != io.EOF {
					t.Errorf("%q: the connection does not end: %v", text, err)
				}
				break
			}
		}
		c.Close()
	}
}

// A pipeline is answered in its order, whatever has to be looked up, however it is cut, and however large it is.
func TestPipelines(t *testing.T) {
	r := newRig(t, options{})
	paths := []string{"/a.txt", "/none", "/big.bin", "/sub/", "/", "/a.txt", "/sub"}
	for _, size := range []int{1, 100, 1 << 20} {
		c := r.dial()
		var text bytes.Buffer
		n := 42
		for i := range n {
			text.WriteString(request11("GET", paths[i%len(paths)], fmt.Sprint("X-N: ", i)))
		}
		go func() {
			for text.Len() > 0 {
				if _, err := c.Write(text.Next(size)); err != nil {
					return
				}
			}
			c.(interface{ CloseWrite() error }).CloseWrite()
		}()
		in := bufio.NewReader(c)
		for i := range n {
			a, body := r.answer(in, "")
			want := map[string]string{"/a.txt": "0123456789", "/sub/": "sub", "/": "<h1>home</h1>\n", "/none": "404 Not Found\n",
				"/sub": "301 Moved Permanently\n", "/big.bin": string(content(bigSize))}[paths[i%len(paths)]]
			if string(body) != want {
				t.Fatalf("pieces of %d: answer %d is %d %.40q, want %.40q", size, i, a.StatusCode, body, want)
			}
		}
		if _, err := in.ReadByte(); err != io.EOF {
			t.Errorf("after the end of the client comes %v", err)
		}
	}
}

// Who asks and does not read is not answered without end.
func TestPipelineOfWhoDoesNotRead(t *testing.T) {
	r := newRig(t, options{})
	c := r.dial()
	one := []byte(request11("GET", "/index.html"))
	go func() {
		for {
			if _, err := c.Write(bytes.Repeat(one, 100)); err != nil {
				return
			}
		}
	}()
	var most, last, at int
	for end := time.Now().Add(20 * time.Second); at < 20 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		got := make(chan int)
		r.s.lp.Post(func() { got <- r.s.requests })
		n := <-got
		if n == last && n > 0 {
			at++ // for so many looks nothing has happened
		} else {
			at = 0
		}
		most, last = max(most, n), n
	}
	if at < 20 {
		t.Errorf("%d requests of a client that does not read were answered, and there is no end", most)
	}
}

// A request that comes a byte at a time has no more time than others.
func TestSlowRequests(t *testing.T) {
	r := newRig(t, options{head: 300 * time.Millisecond})
	c := r.dial()
	text := request11("GET", "/a.txt", "X: "+strings.Repeat("a", 10_000))
	ended := make(chan int, 1)
	go func() {
		n := 0
		for ; n < len(text); n++ {
			if _, err := c.Write([]byte{text[n]}); err != nil {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		ended <- n
	}()
	if n := <-ended; n > 5000 {
		t.Errorf("%d bytes were taken, one at a time", n)
	}
	// One that comes in two pieces, in time, is answered, and the next has its time again.
	c = r.dial()
	in := bufio.NewReader(c)
	for range 3 {
		io.WriteString(c, "GET /a.txt HTTP/1.1\r\n")
		time.Sleep(150 * time.Millisecond)
		io.WriteString(c, "Host: x\r\n\r\n")
		_, body := r.answer(in, "")
		r.same("a slow request", body, "0123456789")
	}
}

// A file that changes is seen within a second, and one that gets shorter ends who waits for it.
func TestFilesThatChange(t *testing.T) {
	r := newRig(t, options{})
	r.get("/a.txt")
	if err := os.WriteFile(filepath.Join(r.dir, "a.txt"), []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		c := r.dial()
		io.WriteString(c, request11("GET", "/a.txt"))
		if a, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
			if body, err := io.ReadAll(a.Body); err == nil {
				if string(body) != "new" { // the old length was promised: it has to be cut off
					t.Fatalf("a whole answer is %q", body)
				}
				break
			}
		}
		if time.Now().After(end) {
			t.Fatal("a file that has changed is not seen")
		}
	}
}

// What is asked for by ever new names leaves at most filesMost files open.
func TestCacheIsBounded(t *testing.T) {
	r := newRig(t, options{})
	for i := range filesMost + 50 {
		r.get("/" + strings.Repeat("./", i) + "a.txt") // each is a target of its own
	}
	got := make(chan [2]int)
	r.s.lp.Post(func() { got <- [2]int{len(r.s.cache.files), len(r.s.cache.order)} })
	if n := <-got; n[0] != filesMost || n[1] != filesMost {
		t.Errorf("%d files are open, and %d in their order", n[0], n[1])
	}
}
