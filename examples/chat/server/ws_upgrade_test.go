package server

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// TestUpgrade has requests for a WebSocket, right ones and wrong ones.
func TestUpgrade(t *testing.T) {
	h := newHall(t, Options{}).withWeb(WebOptions{Hosts: []string{"chat.example.org"}})
	port := h.srv.web.Addr().String()
	for name, c := range map[string]struct {
		status int
		fields []string
	}{
		"plain":             {101, nil},
		"its own page":      {101, []string{"Host: " + port, "Origin: http://" + port}},
		"localhost":         {101, []string{"Host: LOCALHOST:7080", "Origin: http://localhost:7080"}},
		"IPv6":              {101, []string{"Host: [::1]:7080", "Origin: https://[::1]:7080"}},
		"a host that may":   {101, []string{"Host: chat.example.org", "Origin: https://chat.example.org"}},
		"its page, by us":   {101, []string{"Origin: https://chat.example.org"}},
		"tokens in lists":   {101, []string{"Connection: x, UPGRADE", "Upgrade: h2c, WebSocket"}},
		"a protocol":        {101, []string{"Sec-WebSocket-Protocol: chat"}},
		"compression":       {101, []string{"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"}},
		"another's page":    {403, []string{"Origin: http://evil.example"}},
		"another port":      {403, []string{"Host: 127.0.0.1:7080", "Origin: http://127.0.0.1:8080"}},
		"no page at all":    {403, []string{"Origin: null"}},
		"a file":            {403, []string{"Origin: file://"}},
		"an odd scheme":     {403, []string{"Origin: gopher://127.0.0.1"}},
		"no origin":         {403, []string{"Origin: ::"}},
		"another's name":    {403, []string{"Host: evil.example", "Origin: http://evil.example"}},
		"no upgrade":        {426, []string{"Upgrade:"}},
		"no connection":     {426, []string{"Connection: keep-alive"}},
		"an old version":    {426, []string{"Sec-WebSocket-Version: 8"}},
		"no version":        {426, []string{"Sec-WebSocket-Version:"}},
		"two versions":      {426, []string{"X: x\r\nSec-WebSocket-Version: 8"}},
		"two keys":          {400, []string{"X: x\r\nSec-WebSocket-Key: " + sampleKey}},
		"two origins":       {403, []string{"Origin: http://127.0.0.1\r\nOrigin: http://127.0.0.1"}},
		"no key":            {400, []string{"Sec-WebSocket-Key:"}},
		"a short key":       {400, []string{"Sec-WebSocket-Key: AAAA"}},
		"a key in no code":  {400, []string{"Sec-WebSocket-Key: ????????????????????????"}},
		"a wrong query":     {400, []string{"target /ws?name=%zz"}},
		"a body":            {400, []string{"Content-Length: 3"}},
		"another's version": {426, []string{"version HTTP/1.0"}},
		"another method":    {405, []string{"method POST"}},
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			b := h.surf(nil)
			b.conn.WriteString(requestOf(c.fields))
			r, _ := b.answers(c.status)
			if c.status != 101 {
				h.until("the end", func() bool { return b.eof })
				b.conn.Close()
				return
			}
			if r.Header.Get("Sec-WebSocket-Accept") != sampleAccept || r.Header.Get("Sec-WebSocket-Extensions") != "" ||
				r.Header.Get("Sec-WebSocket-Protocol") != "" {
				t.Errorf("%+v", r.Header)
			}
			b.ws = true
			b.parse()
			b.next("* welcome, guest-")
			b.conn.Write(masked(ws.NewCloseFrame(nil)))
			b.next("* guest-")
			b.closes(ws.StatusNoStatusRcvd)
		})
	}
	h.t = t
	for range 60 { // where the system does not say what a peer has taken, a Close waits a second
		if h.srv.conns > 0 {
			h.pass(time.Second)
		}
	}
	h.until("the ends", func() bool { return h.srv.conns == 0 })
}

// requestOf is a request for a WebSocket, and its fields; three words begin what is no field.
func requestOf(fields []string) string {
	method, target, version := "GET", "/ws", "HTTP/1.1"
	var rest []string
	for _, f := range fields {
		switch word, value, _ := strings.Cut(f, " "); word {
		case "method":
			method = value
		case "target":
			target = value
		case "version":
			version = value
		default:
			rest = append(rest, f)
		}
	}
	_, after, _ := strings.Cut(upgradeOf(target, rest...), "\r\n")
	return method + " " + target + " " + version + "\r\n" + after
}

// TestAcceptKey is the sample of RFC 6455, 1.3.
func TestAcceptKey(t *testing.T) {
	if got := acceptKey(sampleKey); got != sampleAccept {
		t.Errorf("%q", got)
	}
}

// TestPublicHost has any name lead to a server that others reach, too.
func TestPublicHost(t *testing.T) {
	w := &Web{hosts: []string{"other.example"}}
	for origin, want := range map[string]bool{"http://chat.example:80": true, "http://OTHER.example": true, "http://evil.example": false} {
		r := &http.Request{Host: "chat.example:80", Header: http.Header{"Origin": {origin}}}
		if got := w.origin(r, netip.MustParseAddrPort("192.0.2.1:80")); got != want {
			t.Errorf("%s: %v", origin, got)
		}
	}
}

// TestJoining has the address of a WebSocket ask for a name and rooms.
func TestJoining(t *testing.T) {
	h := newHall(t, Options{}).withWeb(WebOptions{})
	a := h.join("/ws?name=ann&room=go&room=Den&room=GO&room=no%20room")
	a.expect("* welcome, ann; /help lists the commands", "* ann joined #go", "* ann joined #Den")
	b := h.join("/ws?name=ANN&room=go")
	b.expect("* welcome, guest-1; /help lists the commands", "! ANN is taken", "* guest-1 joined #go")
	a.expect("* guest-1 joined #go")
	c := h.join("/ws?name=guest-9")
	c.expect("* welcome, guest-2; /help lists the commands", "! only the server gives out guest names", "* guest-2 joined #lobby")
	a.send("hi", "/in #go hello")
	a.expect("[#Den] ann: hi", "[#go] ann: hello")
	b.expect("[#go] ann: hello")
}
