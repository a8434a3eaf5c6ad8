package udp_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/udp"
)

// offloads are the ways to send and to receive: with what the system has, and
// without.
var offloads = map[string]*udp.Options{
	"offload":    {ReadBuffer: 1 << 20},
	"no offload": {ReadBuffer: 1 << 20, NoOffload: true},
}

// A hearer checks that of each sender every datagram arrives once, in order, as
// it was sent.
type hearer struct {
	t    *testing.T
	c    *udp.Conn
	next map[netip.AddrPort]uint32
	got  int
	runs int // received whole
}

func newHearer(t *testing.T, lp *loop.Loop, o *udp.Options, batch bool) *hearer {
	h := &hearer{t: t, c: listen(t, lp, anyV4, o), next: map[netip.AddrPort]uint32{}}
	if batch {
		h.c.OnReadBatch = func(_ *udp.Conn, ms []udp.Message) {
			for _, m := range ms {
				if m.Segment > 0 {
					h.runs++
				}
				for p := range m.Datagrams() {
					h.hear(p, m.Peer)
				}
			}
		}
	} else {
		h.c.OnRead = func(_ *udp.Conn, p []byte, from netip.AddrPort) { h.hear(p, from) }
	}
	return h
}

func (h *hearer) hear(p []byte, from netip.AddrPort) {
	h.t.Helper()
	want := numbered(h.next[from], len(p))
	if string(p) != string(want) {
		h.t.Fatalf("%d bytes from %v: not datagram %d, or changed on the way", len(p), from, h.next[from])
	}
	h.next[from]++
	h.got++
}

// numbered is the i-th datagram of a sender to a receiver.
func numbered(i uint32, size int) []byte {
	p := make([]byte, size)
	binary.LittleEndian.PutUint32(p, i)
	for j := 4; j < size; j++ {
		p[j] = byte(i*31 + uint32(j)*7)
	}
	return p
}

// A speaker sends in every way there is.
type speaker struct {
	c     *udp.Conn
	next  map[*hearer]uint32
	ended int // told by done functions
	asked int
}

// say writes count datagrams of a size, but for the last of them.
func (s *speaker) say(t *testing.T, rng *rand.Rand, to *hearer, count, size, last int) {
	t.Helper()
	peer := to.c.LocalAddr()
	var ms []udp.Message
	for i := range count {
		n := size
		if i == count-1 {
			n = last
		}
		ms = append(ms, udp.Message{Data: numbered(s.next[to], n), Peer: peer})
		s.next[to]++
	}
	done := func(err error) { no(t, err); s.ended++ }
	switch rng.IntN(5) {
	case 0:
		for _, m := range ms {
			_, err := s.c.WriteTo(m.Data, peer)
			no(t, err)
		}
	case 1:
		for _, m := range ms {
			no(t, s.c.WriteBuffer(m.Data, peer, done))
		}
		s.asked += count
	case 2:
		n, err := s.c.WriteBatch(ms)
		no(t, err)
		equal(t, "queued", n, count)
	case 3:
		n, err := s.c.WriteBuffers(ms, done)
		no(t, err)
		equal(t, "queued", n, count)
		s.asked += count
	case 4:
		run := udp.Message{Peer: peer, Segment: size}
		for _, m := range ms {
			run.Data = append(run.Data, m.Data...)
		}
		no(t, s.c.WriteMessage(run))
	}
}

// Whatever the sizes, counts and peers are, and whoever cuts and joins the runs,
// what arrives is what was sent.
func TestEveryDatagramArrivesOnce(t *testing.T) {
	for sending, so := range offloads {
		for receiving, ro := range offloads {
			t.Run(sending+" sending, "+receiving+" receiving", func(t *testing.T) {
				for seed := range uint64(4) {
					everyDatagram(t, rand.New(rand.NewPCG(seed, 7)), so, ro)
				}
			})
		}
	}
}

func everyDatagram(t *testing.T, rng *rand.Rand, so, ro *udp.Options) {
	lp := newLoop(t)
	var hearers []*hearer
	for i := range 3 {
		hearers = append(hearers, newHearer(t, lp, ro, i%2 == 0))
	}
	var speakers []*speaker
	for range 3 {
		speakers = append(speakers, &speaker{c: listen(t, lp, anyV4, so), next: map[*hearer]uint32{}})
	}
	counts := []int{1, 1, 2, 3, 21, 45, 63, 64, 65, 129}
	for range 40 {
		sent, before := 0, 0
		for _, h := range hearers {
			before += h.got
		}
		for budget := 60_000; budget > 0; { // what the system's buffers hold
			count, size := counts[rng.IntN(len(counts))], 4+rng.IntN(1500)
			if rng.IntN(10) == 0 {
				size = 4 + rng.IntN(20_000)
			}
			size = max(4, min(size, 60_000/count))
			last := size
			if rng.IntN(3) == 0 {
				last = 4 + rng.IntN(size-3)
			}
			speakers[rng.IntN(3)].say(t, rng, hearers[rng.IntN(3)], count, size, last)
			sent += count
			budget -= count * (size + 600)
		}
		runUntil(t, lp, fmt.Sprint(sent, " datagrams more arrive"), func() bool {
			got := 0
			for _, h := range hearers {
				got += h.got
			}
			return got >= before+sent
		})
	}
	for _, s := range speakers {
		equal(t, "done", s.ended, s.asked)
	}
}

// runUntil runs turns until done.
func runUntil(t *testing.T, lp *loop.Loop, what string, done func() bool) {
	t.Helper()
	for stop := time.Now().Add(patience); !done(); {
		if time.Now().After(stop) {
			t.Fatalf("not after %v: %s", patience, what)
		}
		_, err := lp.RunNoWait()
		no(t, err)
	}
}

// A pause in the middle of a run keeps the rest of it, and gives it later, to
// whoever is there then.
func TestPauseInTheMiddleOfARun(t *testing.T) {
	lp := newLoop(t)
	h, s := newHearer(t, lp, offloads["offload"], false), listen(t, lp, anyV4, nil)
	h.c.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
		h.hear(p, from)
		if h.got%7 == 0 {
			no(t, c.PauseRead())
			lp.Post(func() { no(t, c.ResumeRead()) })
		}
	}
	for i := range uint32(40) {
		_, err := s.WriteTo(numbered(i, 100), h.c.LocalAddr())
		no(t, err)
	}
	runUntil(t, lp, "40 datagrams arrive", func() bool { return h.got == 40 })
}

// One error is told of a run, and the socket goes on.
func TestRunThatIsRefused(t *testing.T) {
	lp := newLoop(t)
	h, s := newHearer(t, lp, nil, true), listen(t, lp, anyV4, nil)
	var errs []error
	s.OnError = func(_ *udp.Conn, err error) { errs = append(errs, err) }
	peer := h.c.LocalAddr()
	no(t, s.WriteMessage(udp.Message{Data: numbered(0, 50), Peer: peer}))
	no(t, s.WriteMessage(udp.Message{Data: make([]byte, 3*tooBig), Peer: peer, Segment: tooBig}))
	no(t, s.WriteMessage(udp.Message{Data: numbered(1, 50), Peer: peer}))
	n, bytes := s.Buffered()
	equal(t, "datagrams queued", n, 5)
	equal(t, "bytes queued", bytes, 100+3*tooBig)
	runUntil(t, lp, "the others arrive", func() bool { return h.got == 2 })
	equal(t, "errors", len(errs), 1)
	opIs(t, errs[0], "write", peer, syscall.EMSGSIZE)
	n, bytes = s.Buffered()
	equal(t, "datagrams queued", n, 0)
	equal(t, "bytes queued", bytes, 0)
}
