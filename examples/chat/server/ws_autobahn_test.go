package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// A wsCase is one of the Autobahn test suite that needs no compression, under its number there. want is what the server
// sends: "text" for a line, "pong x", or "close 1002", which is the last. The suite's echo of a text is here the line that
// a client gets of what it has said itself. Binary messages are refused, and long ones, which an echo would return.
type wsCase struct {
	id     string
	frames []ws.Frame
	want   string // divided by commas
}

// Frames as the table has them: those of a message that is not whole end in a plus.
func text(s string) ws.Frame       { return frameOf(ws.OpText, true, s) }
func textPlus(s string) ws.Frame   { return frameOf(ws.OpText, false, s) }
func more(s string) ws.Frame       { return frameOf(ws.OpContinuation, true, s) }
func morePlus(s string) ws.Frame   { return frameOf(ws.OpContinuation, false, s) }
func ping(s string) ws.Frame       { return frameOf(ws.OpPing, true, s) }
func pong(s string) ws.Frame       { return frameOf(ws.OpPong, true, s) }
func binary(s string) ws.Frame     { return frameOf(ws.OpBinary, true, s) }
func closeRaw(s string) ws.Frame   { return frameOf(ws.OpClose, true, s) }
func opcode(op ws.OpCode) ws.Frame { return frameOf(op, true, "") }

func rsv(bits byte, f ws.Frame) ws.Frame {
	f.Header.Rsv = bits
	return f
}

func closeWith(status ws.StatusCode, reason string) ws.Frame {
	return closeRaw(string(ws.NewCloseFrameBody(status, reason)))
}

// fragments cuts a text into frames of n bytes.
func fragments(s string, n int) (all []ws.Frame) {
	for i := 0; i < len(s); i += n {
		f := frameOf(ws.OpContinuation, i+n >= len(s), s[i:min(i+n, len(s))])
		if i == 0 {
			f.Header.OpCode = ws.OpText
		}
		all = append(all, f)
	}
	return all
}

// list is a list of frames.
func list(f ...ws.Frame) []ws.Frame { return f }

const greeting = "Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!!"

var wsCases = append(append([]wsCase{
	{"1.1.1", list(text(""), ping("")), "pong "}, // an empty line is none
	{"1.1.2", list(text(strings.Repeat("*", 125))), "text"},
	{"1.1.3", list(text(strings.Repeat("*", 126))), "text"},
	{"1.1.4", list(text(strings.Repeat("*", 127))), "text"},
	{"1.1.5", list(text(strings.Repeat("*", 128))), "text"},
	{"1.1.6 the longest", list(text(strings.Repeat("*", lineMost))), "text"},
	{"1.1.6 longer", list(text(strings.Repeat("*", lineMost+1))), "close 1009"},
	{"1.1.6", list(text(strings.Repeat("*", 65535))), "close 1009"},
	{"1.1.7", list(text(strings.Repeat("*", 65536))), "close 1009"},
	{"1.2.1", list(binary("")), "close 1003"},
	{"1.2.2", list(binary(strings.Repeat("\xfe", 125))), "close 1003"},

	{"2.1", list(ping("")), "pong "},
	{"2.2", list(ping("Hello world!")), "pong Hello world!"},
	{"2.3", list(ping("\x00\xff\xfe\xfd\xfc\xfb\x00\xff")), "pong \x00\xff\xfe\xfd\xfc\xfb\x00\xff"},
	{"2.4", list(ping(strings.Repeat("\xfe", 125))), "pong " + strings.Repeat("\xfe", 125)},
	{"2.5", list(ping(strings.Repeat("\xfe", 126))), "close 1002"},
	{"2.7", list(pong(""), ping("x")), "pong x"},
	{"2.8", list(pong("unsolicited"), ping("x")), "pong x"},
	{"2.9", list(pong("unsolicited"), ping("y")), "pong y"},
	{"2.10", list(ping("0"), ping("1"), ping("2"), ping("3"), ping("4"), ping("5"), ping("6"), ping("7"), ping("8"), ping("9")),
		"pong 0,pong 1,pong 2,pong 3,pong 4,pong 5,pong 6,pong 7,pong 8,pong 9"},

	{"3.1", list(rsv(1, text("x"))), "close 1002"},
	{"3.2", list(text("x"), rsv(2, text("x")), ping("")), "text,close 1002"},
	{"3.3", list(text("x"), rsv(3, text("x")), ping("")), "text,close 1002"},
	{"3.4", list(text("x"), rsv(4, text("x")), ping("")), "text,close 1002"},
	{"3.5", list(rsv(5, binary("x"))), "close 1002"},
	{"3.6", list(rsv(6, ping("x"))), "close 1002"},
	{"3.7", list(rsv(7, closeRaw(""))), "close 1002"},

	{"4.1.1", list(opcode(3)), "close 1002"},
	{"4.1.2", list(opcode(4)), "close 1002"},
	{"4.1.3", list(text("x"), opcode(5), ping("")), "text,close 1002"},
	{"4.1.4", list(text("x"), opcode(6), ping("")), "text,close 1002"},
	{"4.1.5", list(text("x"), opcode(7), ping("")), "text,close 1002"},
	{"4.2.1", list(opcode(11)), "close 1002"},
	{"4.2.2", list(opcode(12)), "close 1002"},
	{"4.2.3", list(text("x"), opcode(13), ping("")), "text,close 1002"},
	{"4.2.4", list(text("x"), opcode(14), ping("")), "text,close 1002"},
	{"4.2.5", list(text("x"), opcode(15), ping("")), "text,close 1002"},

	{"5.1", list(frameOf(ws.OpPing, false, "fragment1"), more("fragment2")), "close 1002"},
	{"5.2", list(frameOf(ws.OpPong, false, "fragment1"), more("fragment2")), "close 1002"},
	{"5.3", list(textPlus("fragment1"), more("fragment2")), "text"},
	{"5.6", list(textPlus("fragment1"), ping("ping"), more("fragment2")), "pong ping,text"},
	{"5.9", list(more("fragment1"), text("x")), "close 1002"},
	{"5.12", list(morePlus("fragment1"), text("x")), "close 1002"},
	{"5.15", list(textPlus("fragment1"), more("fragment2"), morePlus("fragment3"), text("x")), "text,close 1002"},
	{"5.16", list(morePlus("1"), textPlus("2"), more("3")), "close 1002"},
	{"5.17", list(more("1"), textPlus("2"), more("3")), "close 1002"},
	{"5.18", list(textPlus("fragment1"), text("fragment2")), "close 1002"},
	{"5.19", list(textPlus("1"), morePlus("2"), ping("a"), morePlus("3"), morePlus("4"), ping("b"), more("5")), "pong a,pong b,text"},
	{"5.20 binary", list(frameOf(ws.OpBinary, false, "1"), more("2")), "close 1003"},
	{"5 too long by its parts", append(fragments(strings.Repeat("x", lineMost+1), 1000), ping("")), "close 1009"},
	{"5 the longest by its parts", fragments(strings.Repeat("x", lineMost), 7), "text"},

	{"6.1.1", list(text(""), ping("")), "pong "},
	{"6.1.2", list(textPlus(""), morePlus(""), more(""), ping("")), "pong "},
	{"6.1.3", list(textPlus(""), morePlus("middle frame payload"), more("")), "text"},
	{"6.2.1", list(text(greeting)), "text"},
	{"6.2.2", list(textPlus(greeting[:9]), more(greeting[9:])), "text"},
	{"6.2.3", fragments(greeting, 1), "text"},
	{"6.2.4", fragments("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", 1), "text"},
	{"6.3.1", list(text("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited")), "close 1007"},
	{"6.3.2", fragments("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", 1), "close 1007"},
	{"6.4.1", list(textPlus("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"), morePlus("\xf4\x90\x80\x80"), ping("")), "close 1007"},
	{"6.4.2", list(textPlus("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4"), morePlus("\x90"), ping("")), "close 1007"},
	{"6 a part of a rune at the end", list(text("x\xe1\xbd")), "close 1007"},
	{"6 a part of a rune at the end of its parts", list(textPlus("x\xe1"), more("\xbd")), "close 1007"},

	{"7.1.1", list(text("x"), closeRaw("")), "text,close 1005"},
	{"7.1.2", list(closeRaw(""), closeRaw("")), "close 1005"},
	{"7.1.3", list(closeRaw(""), ping("")), "close 1005"},
	{"7.1.4", list(closeRaw(""), text("x")), "close 1005"},
	{"7.1.5", list(textPlus("fragment1"), closeRaw(""), more("fragment2")), "close 1005"},
	{"7.3.1", list(closeRaw("")), "close 1005"},
	{"7.3.2", list(closeRaw("a")), "close 1002"},
	{"7.3.3", list(closeWith(1000, "")), "close 1000"},
	{"7.3.4", list(closeWith(1000, "Hello World!")), "close 1000"},
	{"7.3.5", list(closeWith(1000, strings.Repeat("*", 123))), "close 1000"},
	{"7.3.6", list(closeRaw("\x03\xe8" + strings.Repeat("*", 124))), "close 1002"},
	{"7.5.1", list(closeWith(1000, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited")), "close 1007"},
	{"7.5.1 of 1012", list(closeWith(1012, "\xff")), "close 1007"},
}, utf8Cases()...), closeCases()...)

// closeCases are 7.7.1 to 7.13.2: which status a close frame may have.
func closeCases() (all []wsCase) {
	for _, status := range []ws.StatusCode{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		all = append(all, wsCase{fmt.Sprint("7.7 of ", status), list(closeWith(status, "")), fmt.Sprint("close ", status)})
	}
	for _, status := range []ws.StatusCode{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		all = append(all, wsCase{fmt.Sprint("7.9 of ", status), list(closeWith(status, "")), "close 1002"})
	}
	return all
}

// utf8Cases are 6.5 to 6.23, after Markus Kuhn's file of malformed UTF-8.
func utf8Cases() (all []wsCase) {
	for id, s := range map[string]string{
		"6.6.2": "\xce\xba", "6.6.5": "\xce\xba\xe1\xbd\xb9", "6.6.7": "\xce\xba\xe1\xbd\xb9\xcf\x83",
		"6.6.9": "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc", "6.6.11": "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5",
		"6.7.1": "\x00", "6.7.2": "\u0080", "6.7.3": "\u0800", "6.7.4": "\U00010000",
		"6.9.1": "\x7f", "6.9.2": "\u07ff", "6.9.3": "\uffff", "6.9.4": "\U0010ffff",
		"6.11.1": "\ud7ff", "6.11.2": "\ue000", "6.11.3": "\ufffd", "6.11.4": "\U0010ffff",
		"6.22.1": "\ufffe", "6.22.2": "\uffff", "6.22.3": "\U0001fffe", "6.22.34": "\U0010ffff",
		"6.23.1": "\ufff9", "6.23.2": "\ufffa", "6.23.7": "\ufffd",
	} {
		all = append(all, wsCase{id, list(text(s)), "text"}) // a message, or that nothing of it can be shown
	}
	for id, s := range map[string]string{
		"6.6.1": "\xce", "6.6.3": "\xce\xba\xe1", "6.6.4": "\xce\xba\xe1\xbd", "6.6.6": "\xce\xba\xe1\xbd\xb9\xcf",
		"6.6.8": "\xce\xba\xe1\xbd\xb9\xcf\x83\xce", "6.6.10": "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce",
		"6.8.1": "\xf8\x88\x80\x80\x80", "6.8.2": "\xfc\x84\x80\x80\x80\x80",
		"6.10.1": "\xf7\xbf\xbf\xbf", "6.10.2": "\xfb\xbf\xbf\xbf\xbf", "6.10.3": "\xfd\xbf\xbf\xbf\xbf\xbf",
		"6.11.5": "\xf4\x90\x80\x80",
		"6.12.1": "\x80", "6.12.2": "\xbf", "6.12.3": "\x80\xbf", "6.12.8": "\x80\xbf\x80\xbf\x80\xbf\xbe",
		"6.13.1": "\xc0 \xc1 \xde \xdf ", "6.13.2": "\xe0 \xef ", "6.13.3": "\xf0 \xf7 ", "6.13.4": "\xf8 \xfb ", "6.13.5": "\xfc \xfd ",
		"6.14.1": "\xc0", "6.14.2": "\xe0\x80", "6.14.3": "\xf0\x80\x80", "6.14.6": "\xdf", "6.14.7": "\xef\xbf", "6.14.8": "\xf7\xbf\xbf",
		"6.15.1": "\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80" +
			"\xfc\x80\x80\x80\x80\xdf\xef\xbf\xf7\xbf\xbf\xfb\xbf\xbf\xbf\xfd\xbf\xbf\xbf\xbf",
		"6.16.1": "\xfe", "6.16.2": "\xff", "6.16.3": "\xfe\xfe\xff\xff",
		"6.17.1": "\xc0\xaf", "6.17.2": "\xe0\x80\xaf", "6.17.3": "\xf0\x80\x80\xaf", "6.17.4": "\xf8\x80\x80\x80\xaf",
		"6.18.1": "\xc1\xbf", "6.18.2": "\xe0\x9f\xbf", "6.18.3": "\xf0\x8f\xbf\xbf",
		"6.19.1": "\xc0\x80", "6.19.2": "\xe0\x80\x80", "6.19.3": "\xf0\x80\x80\x80",
		"6.20.1": "\xed\xa0\x80", "6.20.3": "\xed\xae\x80", "6.20.7": "\xed\xbf\xbf",
		"6.21.1": "\xed\xa0\x80\xed\xb0\x80", "6.21.8": "\xed\xaf\xbf\xed\xbf\xbf",
	} {
		all = append(all, wsCase{id, list(text(s)), "close 1007"})
	}
	return all
}

// TestAutobahn has each case come whole, and byte by byte.
func TestAutobahn(t *testing.T) {
	h := newHall(t, Options{}).withWeb(WebOptions{})
	for _, c := range wsCases {
		h.t = t
		var stream []byte
		for _, f := range c.frames {
			stream = append(stream, masked(ws.Frame{Header: f.Header, Payload: []byte(string(f.Payload))})...)
		}
		pieces := []int{len(stream)}
		if len(stream) < 1000 {
			pieces = append(pieces, 1)
		}
		for _, piece := range pieces {
			t.Run(fmt.Sprintf("%s/%d", c.id, piece), func(t *testing.T) {
				h.t = t
				got := h.exchange(stream, piece, strings.Count(c.want, ",")+1)
				if got != c.want {
					t.Errorf("got %.300q, want %.300q", got, c.want)
				}
			})
		}
	}
	h.t = t
	h.until("the ends", func() bool { return h.srv.Clients() == 0 })
}

// exchange sends bytes, in pieces, and says what comes back: so many frames, and nothing behind a close frame.
func (h *hall) exchange(stream []byte, piece, frames int) string {
	h.t.Helper()
	b := h.join(fmt.Sprint("/ws?room=", h.srv.guests)) // one that nobody has said anything in
	b.next("* guest-")
	for len(stream) > 0 {
		n := min(piece, len(stream))
		b.conn.Write(stream[:n])
		stream = stream[n:]
		h.lp.RunNoWait()
	}
	var got []string
	for range frames {
		switch f := b.take(); f.Header.OpCode {
		case ws.OpText:
			got = append(got, "text")
		case ws.OpPong:
			got = append(got, "pong "+string(f.Payload))
		case ws.OpClose:
			status := ws.StatusNoStatusRcvd
			if len(f.Payload) > 0 {
				status, _ = ws.ParseCloseFrameData(f.Payload)
			}
			got = append(got, fmt.Sprint("close ", status))
			h.until("the end", func() bool { return b.eof || b.gone })
		}
	}
	b.conn.Close()
	h.until("the end of the connection", func() bool { return b.gone })
	for _, f := range b.frames {
		got = append(got, fmt.Sprintf("and %+v", f.Header))
	}
	return strings.Join(got, ",")
}
