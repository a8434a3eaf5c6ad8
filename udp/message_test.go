package udp_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"example.com/pike/udp"
)

func TestMessageRefuses(t *testing.T) {
	lp := newLoop(t)
	c := listen(t, lp, anyV4, nil)
	good := udp.Message{Data: []byte("x"), Peer: nobody}
	for _, bad := range []udp.Message{
		{Data: []byte("to nobody")},
		{Data: []byte("x"), Peer: nobody, Segment: -1},
		{Data: []byte("x"), Peer: nobody, Control: udp.Control{Interface: -1}},
	} {
		is(t, c.WriteMessage(bad), os.ErrInvalid)
		n, err := c.WriteBatch([]udp.Message{good, bad, good})
		is(t, err, os.ErrInvalid)
		equal(t, "queued", n, 1)
		n, err = c.WriteBuffers([]udp.Message{bad, good}, func(error) { t.Error("done of what was refused") })
		is(t, err, os.ErrInvalid)
		equal(t, "queued", n, 0)
	}
	_, err := c.WriteBuffers([]udp.Message{good}, nil)
	is(t, err, os.ErrInvalid)
	n, _ := c.Buffered()
	equal(t, "datagrams queued", n, 3)
	settle(t, lp)
}

// An echo server on a wildcard address answers from the address it was asked at,
// and hears the ECN bits.
func TestControl(t *testing.T) {
	lp := newLoop(t)
	o := &udp.Options{RecvPacketInfo: true, RecvTrafficClass: true}
	server, err := udp.Listen(lp, "0.0.0.0:0", o)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this system does not tell what an IP header says: ", err)
	}
	no(t, err)
	var classes []uint8
	server.OnReadBatch = func(c *udp.Conn, ms []udp.Message) {
		for i := range ms {
			equal(t, "local address", ms[i].Local, netip.MustParseAddr("127.0.0.1"))
			if ms[i].Interface <= 0 {
				t.Errorf("interface %d", ms[i].Interface)
			}
			classes = append(classes, slices.Repeat([]uint8{ms[i].TrafficClass}, ms[i].Count())...)
			ms[i].TrafficClass = 0
		}
		n, err := c.WriteBatch(ms)
		no(t, err)
		equal(t, "queued", n, len(ms))
	}
	client := listen(t, lp, anyV4, nil)
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), server.LocalAddr().Port())
	got := 0
	client.OnRead = func(_ *udp.Conn, p []byte, from netip.AddrPort) {
		equal(t, "sender", from, at)
		got++
	}
	want := []uint8{udp.ECT0, udp.ECT0, udp.CE, udp.ECT1, 0xb8 | udp.ECT0, udp.NotECT}
	for _, class := range want {
		m := udp.Message{Data: []byte(strings.Repeat("x", 30)), Peer: at, Control: udp.Control{TrafficClass: class}}
		no(t, client.WriteMessage(m))
	}
	runUntil(t, lp, "all are answered", func() bool { return got == len(want) })
	equal(t, "classes", fmt.Sprint(classes), fmt.Sprint(want))
}
