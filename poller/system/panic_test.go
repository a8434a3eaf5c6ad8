package system_test

import (
	"testing"
	"time"

	"example.com/pike/poller"
)

// caught polls until done, through the panics of handlers, and returns how many
// there were.
func caught(t *testing.T, p poller.Poller, what string, done func() bool) (panics int) {
	t.Helper()
	for end := p.Now().Add(10 * time.Second); !done(); {
		if p.Now() > end {
			t.Fatalf("waited in vain until %s", what)
		}
		func() {
			defer func() {
				if recover() != nil {
					panics++
				}
			}()
			if err := p.Poll(end); err != nil {
				t.Fatal("Poll: ", err)
			}
		}()
	}
	return panics
}

// TestPanicsLoseNothing has handlers panic out of Poll while others of the batch
// wait for their turn: the next Polls tell them, also where the system tells a thing
// once.
func TestPanicsLoseNothing(t *testing.T) {
	const n = 6
	each(t, func(t *testing.T, p poller.Poller) {
		received, closed := 0, 0
		var from, to []*stream
		for range n {
			a, b := pair(t, p, local)
			b.received = func([]byte, error) {
				received++
				panic("in Received")
			}
			b.closed = func() {
				closed++
				panic("in Closed")
			}
			from, to = append(from, a), append(to, b)
		}
		for _, a := range from {
			a.TrySend([]byte("x"))
		}
		pause(t, p, time.Millisecond)
		for _, b := range to {
			b.Start()
		}
		left := 0
		panics := caught(t, p, "all have received", func() bool {
			if q, ok := p.(poller.Pender); ok && received > 0 && received < n && q.Pending() {
				left++
			}
			return received == n
		})
		// Whoever waits on the poller's descriptor must know that there is more to come.
		if _, ok := p.(poller.Pender); ok && left == 0 {
			t.Error("a batch that a panic has cut short is never pending")
		}
		for _, b := range to {
			b.Close()
		}
		panics += caught(t, p, "all are closed", func() bool { return closed == n })
		if panics != 2*n {
			t.Errorf("%d panics, want %d", panics, 2*n)
		}
	})
}

// TestPanicInAcceptedLosesNothing has several connections wait.
func TestPanicInAcceptedLosesNothing(t *testing.T) {
	const n = 6
	each(t, func(t *testing.T, p poller.Poller) {
		l := listen(t, p, local)
		accepted := 0
		l.accepted = func(poller.Stream) poller.StreamHandler {
			accepted++
			panic("in Accepted")
		}
		for range n {
			dial(t, p, l.Addr())
		}
		l.Start()
		if panics := caught(t, p, "all are accepted", func() bool { return accepted == n }); panics != n {
			t.Errorf("%d panics, want %d", panics, n)
		}
	})
}

// TestPanicMidwayLosesNothing has a handler panic at each of many pieces, while the
// system has more: no new event will tell of that.
func TestPanicMidwayLosesNothing(t *testing.T) {
	const size = 512 << 10
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		received := 0
		b.received = func(p []byte, err error) {
			received += len(p)
			panic("in Received")
		}
		b.Start()
		sent := false
		a.sent = func(error) { sent = true }
		sent = a.Send([][]byte{make([]byte, size)})
		caught(t, p, "all is sent and received", func() bool { return sent && received == size })
	})
}

// TestPanicMidwayLosesNoDatagram has a handler panic at each batch.
func TestPanicMidwayLosesNoDatagram(t *testing.T) {
	const n = 50
	each(t, func(t *testing.T, p poller.Poller) {
		received := 0
		a, b := new(packet), new(packet)
		b.received = func(ms []poller.Message, err error) {
			received += len(ms)
			panic("in Received")
		}
		for _, s := range []*packet{a, b} {
			var err error
			if s.Packet, err = p.Bind(local, nil, s); err != nil {
				t.Fatal("Bind: ", err)
			}
		}
		b.Start()
		for want := 1; want <= n; want++ {
			if !a.Send([]poller.Message{{Data: []byte("x"), Peer: b.Addr().AddrPort}}) {
				t.Fatal("one datagram did not fit")
			}
			if want%7 == 0 {
				caught(t, p, "all have arrived", func() bool { return received == want })
			}
		}
		caught(t, p, "all have arrived", func() bool { return received == n })
	})
}
