package proxyproto_test

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/stream/layer"
	"example.com/pike/stream/proxyproto"
)

var trusting = &proxyproto.Options{Trusted: loopback}

// A layered has a stream, as a connection has it.
type layered struct{ s poller.Stream }

func (l layered) Layer() poller.Stream { return l.s }

// TestServer sends each right header, at once with what is behind it: the addresses are those
// of the header, or the connection's own, and every byte behind it arrives.
func TestServer(t *testing.T) {
	for _, c := range good {
		for _, destination := range []bool{false, true} {
			r := server(t, &proxyproto.Options{Trusted: loopback, Destination: destination})
			cl, sv := r.pair()
			sv.s.Start()
			cl.send(c.text + "and behind it")
			r.until("all has arrived", func() bool { return string(sv.got) == "and behind it" })
			peer, local := cl.s.Addr(), r.ln.Addr()
			if c.want.Relayed() {
				if peer = c.want.Source; destination {
					local = c.want.Destination
				}
			}
			if sv.s.Peer() != peer || sv.s.Addr() != local {
				t.Errorf("%s: from %v to %v, want %v to %v", c.name, sv.s.Peer(), sv.s.Addr(), peer, local)
			}
			if h, ok := proxyproto.Of(layered{sv.s}); !ok || h.Transport != c.want.Transport || h.Local != c.want.Local {
				t.Errorf("%s: the header is %+v, %v", c.name, h, ok)
			}
			cl.s.Shutdown()
			r.until("the end is told", func() bool { return sv.end == io.EOF })
			sv.s.Close()
			r.until("it is closed", func() bool { return sv.closed })
		}
	}
}

// TestServerByteByByte has everything come in pieces of each small size.
func TestServerByteByByte(t *testing.T) {
	text := binaryHeader(0x21, 0x11, ports4+tlv(1, "h2")+tlv(2, strings.Repeat("host.example", 20)))
	for _, header := range []string{text, "PROXY TCP4 10.0.0.1 10.0.0.2 12345 443\r\n"} {
		for size := 1; size < 20; size++ {
			r := server(t, trusting)
			cl, sv := r.pair()
			all := header + "and behind it"
			for i := 0; i < len(all); i += size {
				if sv.told > 0 && i < len(header) {
					t.Fatalf("ready after %d bytes of %d", i, len(header))
				}
				cl.send(all[i:min(i+size, len(all))])
				r.settle()
				sv.s.Start()
			}
			sv.ready()
			if string(sv.got) != "and behind it" || sv.s.Peer() != ip("10.0.0.1:12345") {
				t.Errorf("pieces of %d: %q from %v", size, sv.got, sv.s.Peer())
			}
		}
	}
}

// TestServerFails has what never becomes ready say why.
func TestServerFails(t *testing.T) {
	wrong := func(step string) func(error) bool {
		return func(err error) bool {
			var h *proxyproto.HeaderError
			return errors.As(err, &h) && h.Step == step
		}
	}
	is := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	others := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	header := "PROXY TCP4 10.0.0.1 10.0.0.2 12345 443\r\n"
	for _, c := range []struct {
		name string
		o    *proxyproto.Options
		text string
		end  func(s poller.Stream)
		want func(error) bool
	}{
		{"HTTP", trusting, "GET / HTTP/1.1\r\n\r\n", nil, wrong("signature")},
		{"nobody is trusted", nil, header, nil, is(proxyproto.ErrUntrusted)},
		{"others are trusted", &proxyproto.Options{Trusted: others}, header, nil, is(proxyproto.ErrUntrusted)},
		{"unix is trusted", &proxyproto.Options{TrustUnix: true}, header, nil, is(proxyproto.ErrUntrusted)},
		{"ends before", trusting, "", poller.Stream.Shutdown, is(io.ErrUnexpectedEOF)},
		{"ends within", trusting, header[:20], poller.Stream.Shutdown, is(io.ErrUnexpectedEOF)},
		{"is reset", trusting, header[:20], poller.Stream.Reset, is(syscall.ECONNRESET)},
		{"4097 bytes", trusting, binaryHeader(0x21, 0x11, ports4+strings.Repeat("x", 4085)), nil, wrong("length")},
		{"a bound of 28", &proxyproto.Options{Trusted: loopback, MaxHeader: 28}, binaryHeader(0x21, 0x11, ports4+tlv(4, "")), nil,
			wrong("length")},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := server(t, c.o)
			cl, sv := r.pair()
			peer := cl.s.Addr()
			sv.s.Start()
			if c.text != "" {
				cl.send(c.text)
			}
			if c.end != nil {
				r.settle() // or a reset overtakes it
				c.end(cl.s)
			}
			r.until("it has failed", func() bool { return sv.told > 0 })
			if !c.want(sv.err) || len(sv.got) > 0 {
				t.Errorf("%v, and %q", sv.err, sv.got)
			}
			if h, ok := proxyproto.Of(layered{sv.s}); ok || sv.s.Peer() != peer {
				t.Errorf("it has the header %+v, and the peer %v", h, sv.s.Peer())
			}
			r.settle()
			sv.s.Close()
			r.until("it is closed", func() bool { return sv.closed })
			if sv.told != 1 || len(sv.got) > 0 || sv.end != nil {
				t.Errorf("told %d times, then %q and %v", sv.told, sv.got, sv.end)
			}
		})
	}
}

// TestServerMost takes a header of just as many bytes as are allowed, and what came with it.
func TestServerMost(t *testing.T) {
	text := binaryHeader(0x21, 0x11, ports4+tlv(0xe0, strings.Repeat("x", proxyproto.DefaultMaxHeader-16-len(ports4)-3)))
	behind := strings.Repeat("behind", 5000)
	for _, cut := range []int{0, 1, 15, 16, 17, len(text) - 1} {
		r := server(t, trusting)
		cl, sv := r.pair()
		sv.s.Start()
		if cut > 0 {
			cl.send(text[:cut])
			r.settle()
		}
		cl.send(text[cut:] + behind)
		r.until("all has arrived", func() bool { return len(sv.got) == len(behind) })
		if string(sv.got) != behind {
			t.Errorf("cut at %d: it is not what was sent", cut)
		}
	}
}

// TestServerTrust has trusted addresses in each form.
func TestServerTrust(t *testing.T) {
	for _, prefix := range []string{"127.0.0.1/32", "0.0.0.0/0", "::ffff:127.0.0.0/104"} {
		r := server(t, &proxyproto.Options{Trusted: []netip.Prefix{netip.MustParsePrefix(prefix)}})
		cl, sv := r.pair()
		cl.send("PROXY UNKNOWN\r\n")
		if sv.ready(); sv.s.Peer() != cl.s.Addr() {
			t.Error(sv.s.Peer())
		}
	}
	// Who is not trusted may be taken as it is, and nothing is taken off.
	r := server(t, &proxyproto.Options{PassUntrusted: true})
	cl, sv := r.pair()
	sv.ready() // it does not wait for a byte
	sv.s.Start()
	cl.send("PROXY TCP4 10.0.0.1 10.0.0.2 12345 443\r\n")
	r.until("it is data", func() bool { return len(sv.got) == 40 })
	if h, ok := proxyproto.Of(layered{sv.s}); ok || sv.s.Peer() != cl.s.Addr() {
		t.Errorf("it has the header %+v, and the peer %v", h, sv.s.Peer())
	}
}

// TestServerTrustUnix has a peer that has no address.
func TestServerTrustUnix(t *testing.T) {
	r := newRig(t, 1, sim.Faults{}, proxyproto.Server(&proxyproto.Options{TrustUnix: true}), layer.Identity{})
	ln, err := r.p.Listen(poller.Addr{Path: "/run/proxied"}, nil, r)
	if err != nil {
		t.Fatal(err)
	}
	ln.Start()
	r.ln = ln
	cl, sv := r.pair()
	cl.send("PROXY TCP4 10.0.0.1 10.0.0.2 12345 443\r\n")
	if sv.ready(); sv.s.Peer() != ip("10.0.0.1:12345") {
		t.Error(sv.s.Peer())
	}
}

// TestServerNoCopy has what came with the header, and everything later, be the poller's own memory.
func TestServerNoCopy(t *testing.T) {
	var below, above []*byte
	see := watched(func(p []byte) { below = append(below, &p[len(p)-1]) })
	r := newRig(t, 1, sim.Faults{}, layer.Stack{see, proxyproto.Server(trusting)}, layer.Identity{})
	cl, sv := r.pair()
	sv.received = func(p []byte) { above = append(above, unsafe.SliceData(p[len(p)-1:])) }
	sv.s.Start()
	for _, text := range []string{"PROXY UNK", "NOWN\r\nfirst", "second", "third"} {
		cl.send(text)
		r.settle()
	}
	if len(below) != 4 || len(above) != 3 {
		t.Fatalf("%d pieces came, and %d were told", len(below), len(above))
	}
	for i, p := range above {
		if p != below[i+1] {
			t.Errorf("piece %d was copied", i)
		}
	}
}

// watched is a layer that shows what passes it.
type watched func(p []byte)

type watching struct{ layer.Transparent }

type watcher struct {
	layer.Upcalls
	f watched
}

func (w watched) Wrap(below poller.Stream, h poller.StreamHandler, at poller.Place) (poller.Stream, poller.StreamHandler) {
	s := new(watching)
	in := watcher{s.Upcalls(), w}
	s.Init(below, h, in, at)
	return s, in
}

func (w watcher) Received(p []byte, err error) {
	if err == nil {
		w.f(p)
	}
	w.Upcalls.Received(p, err)
}

// TestServerSaysNothing has an owner send, and end its side, before the header was read: the peer hears
// nothing until it has shown that it is a proxy, and the owner has no answer before Connected.
func TestServerSaysNothing(t *testing.T) {
	for _, header := range []string{line, "GET / HTTP/1.1\r\n"} {
		r := server(t, trusting)
		var sv *end
		r.accepted = func(e *end) {
			sv = e
			if n := e.s.TrySend([]byte("welcome")); n != 0 {
				t.Errorf("TrySend took %d bytes", n)
			}
			sends(e, "welcome")
			e.s.Shutdown()
			e.connected = func() {
				if e.sent > 0 {
					t.Error("Sent before Connected")
				}
			}
		}
		cl := r.dial()
		r.settle()
		if sv.sent > 0 || len(cl.got) > 0 || cl.end != nil {
			t.Fatalf("%q was sent, and the end %v, to somebody who has said nothing", cl.got, cl.end)
		}
		cl.send(header)
		r.until("Send is answered", func() bool { return sv.sent == 1 })
		if header != line {
			if sv.sentErr == nil || sv.err == nil {
				t.Errorf("Connected(%v), Sent(%v)", sv.err, sv.sentErr)
			}
			continue
		}
		r.until("the end has come", func() bool { return cl.end == io.EOF })
		if string(cl.got) != "welcome" || sv.sentErr != nil {
			t.Errorf("%q, Sent(%v)", cl.got, sv.sentErr)
		}
	}
}
