package server

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"strconv"

	"example.com/pike/stream"
	"example.com/pike/tcp"
)

var headEnd = []byte("\r\n\r\n")

// request answers the requests in p, one after the other. The beginning of one it leaves unread. Who sends it a byte at
// a time has no more time than others, because the deadline is from the end of the answer before.
func (w *Web) request(conn *tcp.Conn, p []byte) {
	v := conn.Context.(*visit)
	for !conn.Closing() {
		p = bytes.TrimLeft(p, "\r\n") // RFC 9112, 2.2
		n := bytes.Index(p, headEnd)
		switch {
		case n > headMost || n < 0 && len(p) > headMost:
			w.refuse(v, http.StatusRequestHeaderFieldsTooLarge)
			return
		case n < 0:
			conn.Unread(p)
			return
		}
		head := p[:n+len(headEnd)]
		p = p[len(head):]
		r, status := parse(head)
		if status != http.StatusOK {
			w.refuse(v, status)
			return
		}
		if w.answer(v, r); v.done {
			conn.Unread(p) // for who has it now
			return
		}
		conn.SetReadDeadline(headTime)
	}
}

// parse reads a request that ends with its head. Where it ends somewhere else for net/http, nobody knows which request
// others see (RFC 9112, 11.2).
func parse(head []byte) (r *http.Request, status int) {
	src := bytes.NewReader(head)
	buf := bufio.NewReaderSize(src, len(head))
	r, err := http.ReadRequest(buf)
	switch {
	case err != nil || src.Len() > 0 || buf.Buffered() > 0:
		return nil, http.StatusBadRequest
	case r.ProtoMajor != 1:
		return nil, http.StatusHTTPVersionNotSupported
	case r.ContentLength != 0 || r.Host == "" && r.ProtoAtLeast(1, 1) || r.URL.Path == "":
		return nil, http.StatusBadRequest
	}
	return r, http.StatusOK
}

// answer answers a request.
func (w *Web) answer(v *visit, r *http.Request) {
	conn := v.conn
	if !w.origin(r, conn.LocalAddr().AddrPort) {
		w.refuse(v, http.StatusForbidden)
		return
	}
	switch path := r.URL.Path; {
	case path == "/ws":
		w.upgrade(v, r)
	case r.Method != "GET" && r.Method != "HEAD":
		w.refuse(v, http.StatusMethodNotAllowed)
	case path == "/live/events" && r.Method == "GET":
		w.live.watch(v, r)
	default:
		w.page(v, r)
	}
}

// page answers with a file of the page.
func (w *Web) page(v *visit, r *http.Request) {
	f, ok := files[r.URL.Path]
	keep := r.ProtoAtLeast(1, 1) && !r.Close
	a := newAnswer(http.StatusOK, keep)
	switch {
	case !ok:
		a = newAnswer(http.StatusNotFound, keep)
		f = &file{kind: "text/plain; charset=utf-8", body: []byte("404 there is no such page\n")}
	case hasToken(r.Header["If-None-Match"], f.tag):
		a = newAnswer(http.StatusNotModified, keep)
		a.field("ETag", f.tag)
		f = &file{}
	default:
		a.field("ETag", f.tag)
	}
	if f.body != nil {
		a.field("Content-Type", f.kind)
		a.field("Content-Length", strconv.Itoa(len(f.body)))
	}
	body := f.body
	if r.Method == "HEAD" {
		body = nil
	}
	v.conn.Write(a.with(body))
	if !keep {
		v.end()
	}
}

// refuse says what is wrong with a request, and ends the connection.
func (w *Web) refuse(v *visit, status int) {
	text := strconv.Itoa(status) + " " + http.StatusText(status) + "\n"
	a := newAnswer(status, false)
	switch status {
	case http.StatusMethodNotAllowed:
		a.field("Allow", "GET, HEAD")
	case http.StatusUpgradeRequired:
		a.field("Upgrade", "websocket")
		a.field("Sec-WebSocket-Version", "13")
	}
	a.field("Content-Type", "text/plain; charset=utf-8")
	a.field("Content-Length", strconv.Itoa(len(text)))
	v.conn.Write(a.with([]byte(text)))
	v.end()
}

// end is after the last answer. The client is to close: what it still sends would destroy the answer if we did (RFC 9112,
// 9.6). The deadline of its request holds.
func (v *visit) end() {
	v.done = true
	v.conn.OnRead = stream.Discard
	v.conn.CloseWrite()
}

// upgrade makes a WebSocket of a visit.
func (w *Web) upgrade(v *visit, r *http.Request) {
	conn := v.conn
	if status := upgradable(r); status != http.StatusSwitchingProtocols {
		w.refuse(v, status)
		return
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		w.refuse(v, http.StatusBadRequest)
		return
	}
	conn.SetReadDeadline(0)
	v.done = true
	w.forget(v)
	conn.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		acceptKey(r.Header.Get("Sec-WebSocket-Key")) + "\r\n\r\n")
	w.begin(conn, joiningOf(q))
}
