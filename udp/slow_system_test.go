package udp_test

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/system"
	"example.com/pike/udp"
)

// A slowPoller is one whose datagram sockets take room messages of a Send, and
// then as many in each Poll, as a system does whose send buffer is full. It
// counts what is asked of it.
type slowPoller struct {
	poller.Poller
	room            int
	sends, upcalls  int
	waiting, behind []*slowPacket
}

func newSlowLoop(t *testing.T, room int) (*loop.Loop, *slowPoller) {
	p, err := system.Open("")
	if err != nil {
		t.Skip("no backend for this system yet: ", err)
	}
	slow := &slowPoller{Poller: p, room: room}
	return newLoop(t, loop.Options{Poller: slow}), slow
}

func (p *slowPoller) Bind(a poller.Addr, o *poller.Options, h poller.PacketHandler) (poller.Packet, error) {
	s := &slowPacket{p: p, PacketHandler: h}
	var err error
	s.Packet, err = p.Poller.Bind(a, o, s)
	return s, err
}

func (p *slowPoller) Poll(deadline poller.Time) error {
	if len(p.waiting) > 0 {
		deadline = 0
	}
	p.waiting, p.behind = p.behind[:0], p.waiting
	for _, s := range p.behind {
		s.proceed()
	}
	return p.Poller.Poll(deadline)
}

type slowPacket struct {
	poller.Packet
	poller.PacketHandler
	p      *slowPoller
	out    []poller.Message // not sent yet
	sent   int
	closed bool
}

func (s *slowPacket) Send(ms []poller.Message) bool {
	s.p.sends++
	n := min(len(ms), s.p.room)
	if !s.Packet.Send(ms[:n]) {
		panic("the system's own buffer is full")
	}
	if n == len(ms) {
		return true
	}
	s.out, s.sent = ms[n:], n
	s.p.waiting = append(s.p.waiting, s)
	return false
}

func (s *slowPacket) proceed() {
	if s.closed {
		return
	}
	n := min(len(s.out), s.p.room)
	s.Packet.Send(s.out[:n])
	s.out, s.sent = s.out[n:], s.sent+n
	if len(s.out) > 0 {
		s.p.waiting = append(s.p.waiting, s)
		return
	}
	s.PacketHandler.Sent(s.sent, nil)
}

func (s *slowPacket) Close() {
	s.closed = true
	s.Packet.Close()
}

func (s *slowPacket) Received(ms []poller.Message, err error) {
	s.p.upcalls++
	s.PacketHandler.Received(ms, err)
}

func (s *slowPacket) Closed() {
	if len(s.out) > 0 {
		s.out = nil
		s.PacketHandler.Sent(s.sent, net.ErrClosed)
	}
	s.PacketHandler.Closed()
}

// Whatever one callback writes is one Send, and what arrives together is one
// upcall: an echo server costs a share of a call for each datagram.
func TestBatching(t *testing.T) {
	const n = 32
	lp, p := newSlowLoop(t, 1000)
	server, client := listen(t, lp, anyV4, nil), listen(t, lp, anyV4, nil)
	server.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) { writeTo(t, c, string(p), from) }
	got := 0
	client.OnRead = func(*udp.Conn, []byte, netip.AddrPort) {
		if got++; got == n {
			client.Close()
			server.Close()
		}
	}
	for i := range n {
		writeTo(t, client, fmt.Sprint(i), server.LocalAddr())
	}
	for _, c := range []*udp.Conn{server, client} { // until all has arrived
		no(t, server.PauseRead())
		no(t, client.PauseRead())
		settle(t, lp)
		no(t, c.ResumeRead())
		_, err := lp.RunNoWait()
		no(t, err)
	}
	run(t, lp)
	equal(t, "echoes", got, n)
	equal(t, "sends", p.sends, 2)
	equal(t, "upcalls", p.upcalls, 2)
}

func TestSlowSystemKeepsOrder(t *testing.T) {
	const n = 100
	lp, _ := newSlowLoop(t, 7)
	server, client := listen(t, lp, anyV4, nil), listen(t, lp, anyV4, nil)
	got, ended, writes := 0, 0, 0
	server.OnRead = func(_ *udp.Conn, p []byte, _ netip.AddrPort) {
		equal(t, "datagram", string(p), fmt.Sprint(got))
		if got++; got == n {
			client.Close()
			server.Close()
		}
	}
	client.OnWrite = func(*udp.Conn) {
		writes++
		equal(t, "ended before OnWrite", ended, n/2)
	}
	send := func(i int) {
		if i%2 == 0 {
			writeTo(t, client, fmt.Sprint(i), server.LocalAddr())
			return
		}
		no(t, client.WriteBuffer([]byte(fmt.Sprint(i)), server.LocalAddr(), func(err error) {
			no(t, err)
			equal(t, "the datagram that ended", i, 2*ended+1)
			ended++
			left, _ := client.Buffered()
			if i < n/2 { // the others are queued, and nothing is in flight
				equal(t, "datagrams queued in done", left, n/2)
			} else {
				equal(t, "datagrams queued in done", left, 0)
			}
		}))
	}
	for i := range n / 2 {
		send(i)
	}
	_, err := lp.RunNoWait()
	no(t, err)
	// A poller does not say how far it is: all of a Send in flight counts.
	left, _ := client.Buffered()
	equal(t, "datagrams with the poller", left, n/2)
	for i := n / 2; i < n; i++ { // behind what is in flight
		send(i)
	}
	run(t, lp)
	equal(t, "received", got, n)
	equal(t, "ended", ended, n/2)
	equal(t, "calls of OnWrite", writes, 1)
}

func TestCloseDrainsASlowSystem(t *testing.T) {
	const n = 50
	lp, _ := newSlowLoop(t, 7)
	server, client := listen(t, lp, anyV4, nil), listen(t, lp, anyV4, nil)
	got, ended := 0, 0
	server.OnRead = func(c *udp.Conn, _ []byte, _ netip.AddrPort) {
		if got++; got == n {
			c.Close()
		}
	}
	client.OnClose = func(*udp.Conn) { equal(t, "ended before OnClose", ended, n) }
	for range n {
		no(t, client.WriteBuffer([]byte("x"), server.LocalAddr(), func(err error) { no(t, err); ended++ }))
	}
	_, err := lp.RunNoWait()
	no(t, err)
	no(t, client.Close())
	run(t, lp)
	equal(t, "received", got, n)
}

// Abort while the system takes its time: done says of each datagram whether it
// has been sent, and exactly those arrive.
func TestAbortOfASlowSystem(t *testing.T) {
	const n, room = 50, 7
	lp, _ := newSlowLoop(t, room)
	server, client := listen(t, lp, anyV4, nil), listen(t, lp, anyV4, nil)
	var got, sent, dropped int
	server.OnRead = func(*udp.Conn, []byte, netip.AddrPort) { got++ }
	for range n {
		no(t, client.WriteBuffer([]byte("x"), server.LocalAddr(), func(err error) {
			if err == nil {
				equal(t, "dropped before this was sent", dropped, 0)
				sent++
				return
			}
			opIs(t, err, "write", server.LocalAddr(), net.ErrClosed)
			dropped++
		}))
	}
	for range 3 {
		_, err := lp.RunNoWait()
		no(t, err)
	}
	no(t, client.Close())
	no(t, client.Abort()) // has had enough of waiting
	soon(t, lp, func() { server.Close() })
	run(t, lp)
	equal(t, "ended", sent+dropped, n)
	equal(t, "received", got, sent)
	if sent == 0 || dropped == 0 {
		t.Errorf("%d sent, %d dropped", sent, dropped)
	}
}

func TestUnrefWaitsForASlowSystem(t *testing.T) {
	const n = 20
	lp, _ := newSlowLoop(t, 7)
	client := listen(t, lp, anyV4, nil)
	client.Unref()
	ended := 0
	for range n {
		no(t, client.WriteBuffer([]byte("x"), nobody, func(err error) { no(t, err); ended++ }))
	}
	run(t, lp)
	equal(t, "ended", ended, n)
}
