package proxyproto_test

import (
	"errors"
	"io"
	"testing"

	"example.com/pike/stream/proxyproto"
)

// FuzzServer holds the layer to Parse: whatever comes, and in whatever pieces, it is ready just if Parse
// finds a header, with the same addresses, and everything behind that arrives.
func FuzzServer(f *testing.F) {
	for _, c := range good {
		f.Add([]byte(c.text+"behind"), uint64(0), false)
		f.Add([]byte(c.text+"behind"), uint64(0x0102030405060708), true)
	}
	for _, c := range bad {
		f.Add([]byte(c.text), uint64(3), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, cuts uint64, late bool) {
		if len(b) > proxyproto.DefaultMaxHeader {
			b = b[:proxyproto.DefaultMaxHeader]
		}
		h, n, want := proxyproto.Parse(b)
		r := server(t, trusting)
		cl, sv := r.pair()
		if !late {
			sv.s.Start()
		}
		for rest := b; len(rest) > 0; cuts >>= 8 {
			piece := len(rest)
			if cuts != 0 {
				piece = min(piece, 1+int(cuts&0xff))
			}
			cl.send(string(rest[:piece]))
			r.settle()
			rest = rest[piece:]
		}
		cl.s.Shutdown()
		r.settle()
		sv.s.Start()
		r.until("it is decided", func() bool { return sv.told > 0 })
		if sv.err == nil {
			r.until("the end is told", func() bool { return sv.end != nil })
		}
		var wrong *proxyproto.HeaderError
		switch {
		case want == nil:
			peer := cl.s.Addr()
			if h.Relayed() {
				peer = h.Source
			}
			if sv.err != nil || string(sv.got) != string(b[n:]) || sv.end != io.EOF || sv.s.Peer() != peer {
				t.Fatalf("%v, then %q of %q, %v, from %v, want %v", sv.err, sv.got, b[n:], sv.end, sv.s.Peer(), peer)
			}
		case !errors.As(sv.err, &wrong):
			t.Fatalf("%v, want %v", sv.err, want)
		case want == proxyproto.ErrIncomplete:
			// What is too long for the layer is found before all of it is there.
			if wrong.Step != "length" && !errors.Is(sv.err, io.ErrUnexpectedEOF) {
				t.Fatalf("%v of what was not whole", sv.err)
			}
		default:
			var step *proxyproto.HeaderError
			if errors.As(want, &step); wrong.Step != step.Step && wrong.Step != "length" {
				t.Fatalf("%v, want %v", wrong, want)
			}
		}
	})
}
