package server

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/gobwas/ws"

	"example.com/pike/tcp"
)

// sampleKey and sampleAccept are those of RFC 6455, 1.3.
const (
	sampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// A surfer is the other end of a connection of HTTP, and of WebSocket when it was upgraded, with what it has been sent.
type surfer struct {
	h      *hall
	conn   *tcp.Conn
	raw    []byte // not taken apart yet
	frames []ws.Frame
	pings  int
	ws     bool
	eof    bool
	gone   bool
	err    error // of OnClose
}

// withWeb has a hall serve a page.
func (h *hall) withWeb(o WebOptions) *hall {
	h.t.Helper()
	if _, err := h.srv.ListenWeb("127.0.0.1:0", o); err != nil {
		h.t.Fatal(err)
	}
	return h
}

// surf connects to the page.
func (h *hall) surf(o *tcp.Options) *surfer {
	h.t.Helper()
	b := &surfer{h: h}
	made := false
	conn, err := tcp.Dial(h.lp, h.srv.web.Addr().String(), o, func(c *tcp.Conn, err error) {
		if err != nil {
			h.t.Fatal(err)
		}
		made = true
		c.OnRead = func(_ *tcp.Conn, p []byte) { b.received(p) }
		c.OnEOF = func(*tcp.Conn) { b.eof = true }
		c.OnClose = func(_ *tcp.Conn, err error) { b.gone, b.err = true, err }
	})
	if err != nil {
		h.t.Fatal(err)
	}
	b.conn = conn
	h.until("a connection", func() bool { return made })
	return b
}

func (b *surfer) received(p []byte) {
	b.raw = append(b.raw, p...)
	if b.ws {
		b.parse()
	}
}

// parse takes frames apart that are whole.
func (b *surfer) parse() {
	for {
		f, rest, ok := nextFrame(b.raw)
		if !ok {
			return
		}
		b.raw = rest
		if f.Header.Masked || f.Header.Rsv != 0 {
			b.h.t.Fatalf("the server sends %+v", f.Header)
		}
		if f.Header.OpCode == ws.OpPing {
			b.pings++
		} else {
			b.frames = append(b.frames, f)
		}
	}
}

// nextFrame takes a frame off what was received, if it is whole.
func nextFrame(p []byte) (f ws.Frame, rest []byte, ok bool) {
	src := bytes.NewReader(p)
	h, err := ws.ReadHeader(src)
	if err != nil || h.Length > int64(src.Len()) {
		return f, p, false
	}
	begin := len(p) - src.Len()
	end := begin + int(h.Length)
	return ws.Frame{Header: h, Payload: p[begin:end:end]}, p[end:], true
}

// upgradeOf is a request for a WebSocket; fields that are given take the place of the usual ones, or leave them out.
func upgradeOf(target string, fields ...string) string {
	all := []string{"Host: 127.0.0.1", "Upgrade: websocket", "Connection: keep-alive, Upgrade", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: " + sampleKey}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ":")
		all = slices.DeleteFunc(all, func(s string) bool { return strings.HasPrefix(s, name+":") })
		if value != "" {
			all = append(all, f)
		}
	}
	return "GET " + target + " HTTP/1.1\r\n" + strings.Join(all, "\r\n") + "\r\n\r\n"
}

// response waits for the head of an answer, and takes its body.
func (b *surfer) response() *http.Response {
	b.h.t.Helper()
	var r *http.Response
	b.h.until("an answer", func() bool {
		if b.gone && len(b.raw) == 0 {
			b.h.t.Fatalf("the connection is gone: %v", b.err)
		}
		buf := bufio.NewReaderSize(bytes.NewReader(b.raw), len(b.raw)+16)
		var err error
		if r, err = http.ReadResponse(buf, &http.Request{Method: "GET"}); err != nil {
			return false
		}
		n := 0
		if r.StatusCode != 101 && r.ContentLength > 0 {
			n = int(r.ContentLength)
		}
		if buf.Buffered() < n {
			return false
		}
		body := make([]byte, n)
		io.ReadFull(buf, body)
		r.Body = bodyOf(body)
		rest, _ := buf.Peek(buf.Buffered())
		b.raw = bytes.Clone(rest)
		return true
	})
	return r
}

type body struct{ *bytes.Reader }

func bodyOf(p []byte) body { return body{bytes.NewReader(p)} }
func (body) Close() error  { return nil }

// join connects to the chat by WebSocket, and has read the greeting.
func (h *hall) join(target string, fields ...string) *surfer {
	h.t.Helper()
	b := h.surf(nil)
	b.conn.WriteString(upgradeOf(target, fields...))
	if r := b.response(); r.StatusCode != 101 || r.Header.Get("Sec-WebSocket-Accept") != sampleAccept {
		h.t.Fatalf("the answer is %+v", r)
	}
	b.ws = true
	b.parse()
	return b
}

// browser is a browser in #lobby of that name, who has read up to its own joining.
func (h *hall) browser(name string) *surfer {
	h.t.Helper()
	b := h.join("/ws?name=" + name)
	b.expect("* welcome, " + name + "; /help lists the commands")
	b.next("* " + name + " joined #lobby")
	return b
}

// masked is a frame as a client sends it.
func masked(f ws.Frame) []byte {
	return ws.MustCompileFrame(ws.MaskFrameInPlaceWith(f, [4]byte{0x37, 0xfa, 0x21, 0x3d}))
}

// frame is one with a payload of its own.
func frameOf(opcode ws.OpCode, fin bool, payload string) ws.Frame {
	return ws.NewFrame(opcode, fin, []byte(payload))
}

func (b *surfer) send(lines ...string) {
	for _, l := range lines {
		b.conn.Write(masked(frameOf(ws.OpText, true, l)))
	}
}

// take is the next frame that is no ping.
func (b *surfer) take() ws.Frame {
	b.h.t.Helper()
	b.h.until("a frame", func() bool { return len(b.frames) > 0 || b.gone })
	if len(b.frames) == 0 {
		b.h.t.Fatalf("the connection is gone: %v", b.err)
	}
	f := b.frames[0]
	b.frames = b.frames[1:]
	return f
}

// text is the next line, without the id of a message.
func (b *surfer) text() string {
	b.h.t.Helper()
	f := b.take()
	if f.Header.OpCode != ws.OpText || !f.Header.Fin {
		b.h.t.Fatalf("got %+v %q instead of text", f.Header, f.Payload)
	}
	return unstamped(string(f.Payload))
}

func unstamped(line string) string {
	if strings.HasPrefix(line, "@") {
		_, line, _ = strings.Cut(line, " ")
	}
	return line
}

func (b *surfer) next(prefix string) string {
	b.h.t.Helper()
	for {
		if l := b.text(); strings.HasPrefix(l, prefix) {
			return l
		}
	}
}

func (b *surfer) expect(want ...string) {
	b.h.t.Helper()
	for _, w := range want {
		if got := b.text(); got != w {
			b.h.t.Fatalf("got %q, want %q", got, w)
		}
	}
}

// closes wants a close frame next, and then the end of the stream.
func (b *surfer) closes(status ws.StatusCode) {
	b.h.t.Helper()
	f := b.take()
	if f.Header.OpCode != ws.OpClose {
		b.h.t.Fatalf("got %+v %q instead of a close frame", f.Header, f.Payload)
	}
	got, _ := ws.ParseCloseFrameData(f.Payload)
	if len(f.Payload) == 0 {
		got = ws.StatusNoStatusRcvd
	}
	if got != status {
		b.h.t.Fatalf("closed with %d %q, want %d", got, f.Payload, status)
	}
	b.h.until("the end of the stream", func() bool { return b.eof || b.gone })
}
