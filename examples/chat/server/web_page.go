package server

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"net/http"
)

//go:embed page/chat.html page/chat.css page/chat.js
var embedded embed.FS

// A file is one that browsers get.
type file struct {
	kind string
	tag  string // in quotes, other for every content
	body []byte
}

// files are what there is, by path. The page shows the live view if that is its path.
var files = func() map[string]*file {
	load := func(name, kind string) *file {
		body, err := embedded.ReadFile("page/" + name)
		if err != nil {
			panic(err) // the program is not whole
		}
		return &file{kind: kind + "; charset=utf-8", tag: fmt.Sprintf(`"%x"`, sha256.Sum256(body)), body: body}
	}
	html := load("chat.html", "text/html")
	return map[string]*file{
		"/": html, "/live": html,
		"/chat.css": load("chat.css", "text/css"), "/chat.js": load("chat.js", "text/javascript"),
	}
}()

// fields are those of all answers. A browser that keeps to them runs nothing but chat.js, talks to nobody but this server,
// shows the page in no other's frame, and tells no other where it was.
const fields = "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n" +
	"X-Content-Type-Options: nosniff\r\n" +
	"Referrer-Policy: no-referrer\r\n" +
	"Cross-Origin-Resource-Policy: same-origin\r\n"

// An answer is the head of one of HTTP.
type answer []byte

func newAnswer(status int, keep bool) *answer {
	a := answer(fmt.Appendf(nil, "HTTP/1.1 %d %s\r\n%s", status, http.StatusText(status), fields))
	if !keep {
		a.field("Connection", "close")
	}
	return &a
}

func (a *answer) field(name, value string) { *a = fmt.Appendf(*a, "%s: %s\r\n", name, value) }

// with is the whole answer. Browsers ask each time whether what they have is still right.
func (a *answer) with(body []byte) []byte {
	return append(append(*a, "Cache-Control: no-cache\r\n\r\n"...), body...)
}
