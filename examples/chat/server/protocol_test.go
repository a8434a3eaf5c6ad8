package server

import (
	"regexp"
	"strings"
	"testing"

	"example.com/pike/examples/chat/line"
)

// protocol is every line that the server may send.
var protocol = regexp.MustCompile(`^(\[#[\w-]{1,20}\] ([\w-]{1,20}:|\* [\w-]{1,20}) .+|\[[\w-]{1,20} -> [\w-]{1,20}\] .+|[*!] .+)$`)

// FuzzClient sends a server anything, in pieces whose lengths are the second argument. Whatever it is, the sender and
// another client get lines of the protocol, and the other is served as before.
func FuzzClient(f *testing.F) {
	f.Add([]byte("hello\r\n/nick ann\n/join #go\nhi\n/msg bob psst\n/who\n/rooms\n/help\n/quit\n"), []byte{9, 1, 30})
	for _, l := range badInput {
		f.Add([]byte(l+"\n"), []byte{3})
	}
	f.Fuzz(func(t *testing.T, input, cuts []byte) {
		h := newHall(t, Options{})
		b := h.named("bob")
		a := h.dial()
		b.expect("* guest-2 joined #lobby")
		for _, n := range cuts {
			k := min(int(n), len(input))
			a.conn.Write(input[:k])
			input = input[k:]
			h.lp.RunNoWait()
		}
		a.conn.Write(input)
		a.conn.CloseWrite()
		h.until("the end of the connection", func() bool { return a.gone })
		b.send("/bogus")
		h.until("an answer", func() bool {
			return len(b.lines) > 0 && strings.HasPrefix(b.lines[len(b.lines)-1], "! unknown command /bogus")
		})
		for _, l := range append(a.lines, b.lines...) {
			if !protocol.MatchString(l) || string(line.Clean(nil, []byte(l))) != l {
				t.Errorf("%q", l)
			}
		}
		if h.srv.Clients() != 1 || h.srv.conns != 1 || len(h.srv.names) != 1 {
			t.Errorf("%d clients, %d connections, %d names", h.srv.Clients(), h.srv.conns, len(h.srv.names))
		}
	})
}

// TestProtocol holds that the expression above finds what must not be sent.
func TestProtocol(t *testing.T) {
	for _, l := range []string{
		"", "hello", "[#go] ann:", "[go] ann: x", "[#go] a b: x", "[#go] * a", "[#go] * a.b x", "*", "*x", "?", "[a ->b] c",
	} {
		if protocol.MatchString(l) {
			t.Errorf("%q passes", l)
		}
	}
	for l := range strings.Lines(help) {
		if l = strings.TrimSuffix(l, "\n"); !protocol.MatchString(l) {
			t.Errorf("%q does not pass", l)
		}
	}
}
