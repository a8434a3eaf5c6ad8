package server

import (
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"example.com/pike/tcp"
)

// FuzzWeb sends the page's port anything, in pieces whose lengths are the second argument. Whatever it is, the connection
// ends when its client does, and a member is served as before.
func FuzzWeb(f *testing.F) {
	f.Add([]byte(get("/")+get("/chat.js")+get("/none")), []byte{9, 1, 30})
	f.Add([]byte(upgradeOf("/ws?name=ann&room=go")+string(masked(text("hi")))), []byte{200})
	f.Add([]byte(get("/live/events")+"more"), []byte{})
	f.Add([]byte("\r\n\r\n\x00GET"), []byte{1})
	f.Fuzz(func(t *testing.T, input, cuts []byte) { fuzz(t, "", input, cuts) })
}

// FuzzFrames sends anything behind an upgrade.
func FuzzFrames(f *testing.F) {
	for _, c := range wsCases {
		var stream []byte
		for _, fr := range c.frames {
			stream = append(stream, masked(ws.Frame{Header: fr.Header, Payload: []byte(string(fr.Payload))})...)
		}
		if len(stream) < 5000 {
			f.Add(stream, []byte{3, 50})
		}
	}
	f.Fuzz(func(t *testing.T, input, cuts []byte) { fuzz(t, upgradeOf("/ws?name=ann"), input, cuts) })
}

func fuzz(t *testing.T, before string, input, cuts []byte) {
	h := newHall(t, Options{}).withWeb(WebOptions{})
	m := h.browser("bob")
	b := h.surf(nil)
	b.conn.WriteString(before)
	for _, n := range cuts {
		k := min(int(n), len(input))
		b.conn.Write(input[:k])
		input = input[k:]
		h.lp.RunNoWait()
	}
	b.conn.Write(input)
	b.conn.CloseWrite()
	h.until("the end of the connection", func() bool { return b.eof || b.gone })
	b.conn.OnRead = func(*tcp.Conn, []byte) {}
	b.conn.Close()
	h.until("the server to be rid of it", func() bool { return h.srv.conns == 1 })
	m.send("/bogus")
	for {
		l := m.text()
		if !protocol.MatchString(l) || !utf8.ValidString(l) {
			t.Errorf("%q", l)
		}
		if l == "! unknown command /bogus; /help lists the commands" {
			break
		}
	}
	if h.srv.Clients() != 1 || len(h.srv.web.visits)+len(h.srv.web.live.watchers) != 0 {
		t.Errorf("%d clients, %d visits", h.srv.Clients(), len(h.srv.web.visits))
	}
}

// FuzzClosing has an answer to a close frame be one that may be sent.
func FuzzClosing(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{3, 232, 'x'})
	f.Fuzz(func(t *testing.T, payload []byte) {
		answer, err := closing(payload)
		if err != nil {
			if why, ok := err.(*refusal); !ok || why.status != ws.StatusProtocolError && why.status != ws.StatusInvalidFramePayloadData {
				t.Errorf("%v", err)
			}
			return
		}
		if n := len(answer); n != 0 && (n != 2 || n > len(payload)) {
			t.Errorf("%q", answer)
		}
	})
}
