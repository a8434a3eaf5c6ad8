package sim_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

func unacked(e *end) int { return e.s.(poller.Acker).Unacked() }

// TestUnacked holds that an acknowledgement takes the way back, and sometimes the
// delay of a receiver that hopes for more.
func TestUnacked(t *testing.T) {
	link := sim.Link{Latency: 10 * time.Millisecond}
	prompt, delayed := 0, 0
	for seed := range uint64(100) {
		n, _, _ := two(t, seed, sim.Config{Link: link})
		a, b := n.pair()
		start := n.Now()
		a.send([]byte("x"))
		n.until("it is received", func() bool { return len(b.got) == 1 })
		if k := unacked(a); k != 1 {
			t.Fatalf("%d bytes are unacknowledged when it has just arrived", k)
		}
		for unacked(a) > 0 {
			n.turn(time.Millisecond)
		}
		took := n.Now().Sub(start)
		within(t, "that", took, 20*time.Millisecond, 63*time.Millisecond)
		if took < 23*time.Millisecond {
			prompt++
		} else {
			delayed++
		}
		a.s.Shutdown()
		if k := unacked(a); k != 1 {
			t.Fatalf("%d is unacknowledged of the end", k)
		}
		n.turn(23 * time.Millisecond)
		if k := unacked(a); k != 0 {
			t.Fatalf("%d is unacknowledged when the end has been", k)
		}
	}
	if prompt < 50 || delayed < 10 {
		t.Errorf("%d prompt, %d delayed", prompt, delayed)
	}
}

// TestLostAcknowledgement cuts the way back while a segment is on its way.
func TestLostAcknowledgement(t *testing.T) {
	n, a, b := two(t, 1, sim.Config{Link: sim.Link{Latency: 10 * time.Millisecond}})
	x, y := n.pair()
	x.send([]byte("x"))
	n.turn(5 * time.Millisecond)
	n.CutFor(a, b, 10*time.Second)
	n.until("it is received", func() bool { return len(y.got) == 1 })
	n.turn(9 * time.Second)
	if k := unacked(x); k != 1 {
		t.Errorf("%d bytes are unacknowledged of one whose acknowledgement was lost", k)
	}
	n.turn(10 * time.Second)
	if k := unacked(x); k != 0 {
		t.Errorf("%d bytes are unacknowledged when the network has long worked", k)
	}

	// One that never comes ends the connection, as data that never arrives does.
	x.send([]byte("x"))
	n.turn(5 * time.Millisecond)
	n.Cut(a, b)
	n.until("the sender gives up", func() bool { return x.err != nil })
	if !errors.Is(x.err, syscall.ETIMEDOUT) || len(y.got) != 2 || unacked(x) != 1 {
		t.Errorf("%v; %d bytes have arrived, %d are unacknowledged", x.err, len(y.got), unacked(x))
	}
}

// TestResetOvertakesWhatWasLost has a segment on its way that has to be sent again:
// when its sender is no more it is not.
func TestResetOvertakesWhatWasLost(t *testing.T) {
	n, _, _ := two(t, 1, sim.Config{Rules: []sim.Rule{{Fault: sim.Stall, After: 1000, For: time.Second}}})
	a, b := n.pair()
	a.send(pattern(1000))
	a.send(pattern(1000)) // stalls
	a.s.Reset()
	n.until("it is reset", func() bool { return b.err != nil })
	if len(b.got) != 1000 || n.Now() > poller.Time(100*time.Millisecond) {
		t.Errorf("%d bytes received when it was reset at %v", len(b.got), n.Now().Sub(0))
	}
}

// TestCloseWhileThePeerTalks is what tcp.Conn.Close lingers for (RFC 1122, 4.2.2.13): a
// system answers what arrives for a closed socket by a reset, and has then not sent
// what the peer's window did not allow.
func TestCloseWhileThePeerTalks(t *testing.T) {
	n, _, _ := two(t, 1, sim.Config{SendBuffer: 100_000, RecvBuffer: 10_000})
	a, b := n.pair()
	b.s.Stop()
	a.send(pattern(50_000))
	a.s.Close()
	n.turn(time.Second)
	b.send([]byte("still talking"))
	n.turn(time.Second)
	b.s.Start()
	n.until("it is reset", func() bool { return b.err != nil })
	if len(b.got) != 10_000 || !errors.Is(b.err, syscall.ECONNRESET) {
		t.Errorf("received %d bytes, then %v", len(b.got), b.err)
	}
}

// TestRoomComesWithTheFirstAcknowledgement has one that is delayed overtaken by the
// next, which covers both: a sender that waits for room must not wait for the first.
func TestRoomComesWithTheFirstAcknowledgement(t *testing.T) {
	for seed := range uint64(200) {
		n, _, _ := two(t, seed, sim.Config{SendBuffer: 3000})
		a, _ := n.pair()
		a.send(pattern(1000))
		a.send(pattern(1500))
		a.send(pattern(9000))
		for idle := 0; a.sending; n.turn(time.Millisecond) {
			if idle++; unacked(a) > 0 {
				idle = 0
			} else if idle == 3 {
				t.Fatalf("seed %d: nothing is unacknowledged, and the Send waits with %d bytes", seed, a.s.Unsent())
			}
		}
	}
}
