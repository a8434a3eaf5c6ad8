package stream_test

import (
	"testing"
	"time"

	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

var simConfig = sim.Config{}

// everything is all that Options can watch over.
func everything() *tcp.Options {
	return &tcp.Options{
		IdleTimeout: time.Minute, ReadTimeout: time.Minute, WriteTimeout: time.Minute,
		Watermarks: &stream.Watermarks{High: 1 << 20, OnHigh: func(*tcp.Conn) {}, OnLow: func(*tcp.Conn) {}},
		QueueLimit: &stream.QueueLimit{Bytes: 1 << 30},
	}
}

// With every timeout and bound there is, an echo takes no memory.
func TestWatchedEchoAllocatesNothing(t *testing.T) {
	if checked {
		t.Skip("the checks of race and debug builds allocate")
	}
	for _, size := range []int{1, 2000, 300_000} {
		r := newRig(t)
		r.no(stream.SetLoopLimit(r.lp, &stream.QueueLimit{Bytes: 1 << 30}))
		client, server := r.pairOf(everything(), everything())
		r.no(server.SetReadDeadline(time.Hour))
		back := 0
		server.OnRead = func(c *tcp.Conn, p []byte) {
			r.no(c.SetReadDeadline(time.Hour)) // for each request anew
			c.Write(p)
		}
		client.OnRead = func(_ *tcp.Conn, p []byte) { back += len(p) }
		msg := make([]byte, size)
		trip := func() {
			client.Write(msg)
			for want := back + size; back < want; {
				if _, err := r.lp.RunNoWait(); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 100 { // until free lists and buffers have their sizes
			trip()
		}
		if n := testing.AllocsPerRun(200, trip); n != 0 {
			t.Errorf("%d bytes: %v allocations a round trip", size, n)
		}
	}
}

// No packet touches a timer: that is armed once, and looks when it expires. Only
// what is sent has it look a little earlier, once in a quarter of the timeout, whether
// the peer takes it.
func TestPacketsRearmNothing(t *testing.T) {
	for _, c := range []struct {
		o    *tcp.Options
		most int // times that it is armed anew in a minute less a second
	}{
		{&tcp.Options{ReadTimeout: time.Minute}, 0},
		{&tcp.Options{IdleTimeout: time.Minute, ReadTimeout: time.Minute}, 8}, // to look early, and back
		{everything(), 8},
	} {
		r := newSimRig(t)
		client, server := r.pairOf(c.o, nil)
		server.OnRead = func(sc *tcp.Conn, p []byte) {
			r.no(sc.SetReadDeadline(time.Hour))
			sc.Write(p)
		}
		due, armed := stream.Armed(server)
		r.equal("armed", armed, true)
		rearmed := 0
		for range 590 {
			client.WriteString("x")
			r.sleep(100*ms - ms/10)
			if at, _ := stream.Armed(server); at != due {
				due = at
				rearmed++
			}
		}
		if rearmed > c.most {
			t.Errorf("armed anew %d times in 590 packets", rearmed)
		}
	}
}

// What most connections do without costs nothing: neither the policy of a listener
// nor a dial that is over.
func TestNothingRareIsKept(t *testing.T) {
	r := newRig(t)
	o := &tcp.Options{Watermarks: &stream.Watermarks{High: 1}, QueueLimit: &stream.QueueLimit{Bytes: 1}, Timeout: time.Hour}
	dialed, accepted := r.pairOf(o, o)
	r.equal("of a dialed connection", stream.Rare(dialed), false)
	r.equal("of an accepted connection", stream.Rare(accepted), false)
	r.no(dialed.SetWatermarks(&stream.Watermarks{High: 2}))
	r.no(dialed.SetWriteTimeout(0))
	r.equal("of one with watermarks", stream.Rare(dialed), false)
}
