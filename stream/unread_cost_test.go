//go:build !kqfake

// The model of kqueue allocates, and figures of it would tell nothing.

package stream_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/system"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// halves has c read messages that are as long as their first four bytes say, and unread what is not whole.
func halves(c *tcp.Conn, whole func(c *tcp.Conn, p []byte)) {
	c.OnRead = func(c *tcp.Conn, p []byte) {
		for len(p) >= 4 {
			n := int(binary.LittleEndian.Uint32(p))
			if n > len(p) {
				c.Need(n)
				break
			}
			whole(c, p[:n])
			p = p[n:]
		}
		c.Unread(p)
	}
}

// message is one of n bytes.
func message(n int) []byte {
	p := make([]byte, n)
	binary.LittleEndian.PutUint32(p, uint32(n))
	return p
}

// A trip sends a message in two halves, and waits for the answer.
func trip(r *rig, size int) func() {
	client, server := r.pair()
	back, seen := 0, 0
	halves(server, func(c *tcp.Conn, p []byte) { c.Write(p) })
	read := server.OnRead
	server.OnRead = func(c *tcp.Conn, p []byte) { seen++; read(c, p) }
	client.OnRead = func(_ *tcp.Conn, p []byte) { back += len(p) }
	m := message(size)
	return func() {
		client.Write(m[:size/2])
		for was := seen; seen == was; {
			r.turn()
		}
		client.Write(m[size/2:])
		for want := back + size; back < want; {
			r.turn()
		}
	}
}

// An echo of messages that come in halves takes no memory, be they small, or so large that they come in many
// pieces.
func TestUnreadAllocatesNothing(t *testing.T) {
	if checked {
		t.Skip("the checks of race and debug builds allocate")
	}
	p, err := system.Open("")
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{8, 3000, 100_000, 1 << 20} {
		r := newRig(t, loop.Options{Poller: frozen{p, p.Now()}}) // so that nothing is given back meanwhile
		echo := trip(r, size)
		for range 10 {
			echo()
		}
		if n := testing.AllocsPerRun(20, echo); n > 0 {
			t.Errorf("%v allocations for a message of %d bytes", n, size)
		}
		if p, err = system.Open(""); err != nil {
			t.Fatal(err)
		}
	}
	p.Close()
}

// With nothing unread there is no memory, not even for what else is rare; and what the loop has kept for
// others goes in quiet times.
func TestMemoryOfUnread(t *testing.T) {
	r := newSimRig(t)
	const crowd = 200
	all := make([]*tcp.Conn, crowd)
	peers := make([]*tcp.Conn, crowd)
	for i := range all {
		peers[i], all[i] = r.pair()
		halves(all[i], func(*tcp.Conn, []byte) {})
		peers[i].Write(message(100_000)[:50_000])
	}
	r.pass(ms)
	room := 0
	for _, c := range all {
		in := stream.InputOf(c)
		if in == nil || in.Len != 50_000 {
			t.Fatalf("%+v is unread", in)
		}
		room += in.Room
	}
	if room > crowd<<17 {
		t.Errorf("%d bytes for %d", room, crowd*50_000)
	}
	for _, c := range peers {
		c.Write(make([]byte, 50_000))
	}
	r.pass(ms)
	for _, c := range all {
		if stream.InputOf(c) != nil || stream.Rare(c) {
			t.Fatal("memory of a connection with nothing unread")
		}
	}
	r.pass(5 * time.Second)
	if n := stream.Kept(r.lp); n > 512<<10 {
		t.Errorf("%d bytes are kept", n)
	}
}

// A message of a megabyte that comes in pieces of 64 KiB is copied twice at most, with Need once; and who says that
// a megabyte will follow gets no megabyte for that.
func TestCopiesOfALargeMessage(t *testing.T) {
	const size, piece = 1 << 20, 64 << 10
	for name, most := range map[string]int{"Need": 1, "no Need": 2} {
		r := newSimRig(t)
		peer, c := r.pairOf(&tcp.Options{ReadLimit: 2 * size}, nil)
		calls := 0
		c.OnRead = func(c *tcp.Conn, p []byte) {
			calls++
			if len(p) < size {
				c.Unread(p)
				if name == "Need" {
					c.Need(size)
				}
			}
		}
		copied, was := 0, stream.Input{}
		for sent := 0; sent < size; sent += piece {
			peer.Write(make([]byte, piece))
			want := sent + piece
			r.until("the piece is there", func() bool {
				in := stream.InputOf(c)
				return in != nil && in.Len == want || want == size && in == nil
			})
			copied += piece
			if in := stream.InputOf(c); in != nil {
				if in.First != was.First || in.From != was.From {
					copied += was.Len
				}
				was = *in
			}
		}
		if copied > most*size {
			t.Errorf("%s: %d bytes were copied", name, copied)
		}
		t.Logf("%s: each byte was copied %.2f times, OnRead called %d times", name, float64(copied)/size, calls)
	}
	r := newSimRig(t)
	peer, c := r.pair()
	c.OnRead = func(c *tcp.Conn, p []byte) { c.Unread(p); c.Need(size) }
	peer.Write(message(size)[:4])
	r.until("it is unread", func() bool { return stream.InputOf(c) != nil })
	if in := stream.InputOf(c); in.Room > 16<<10 {
		t.Errorf("%d bytes for 4", in.Room)
	}
}

// BenchmarkUnread is an echo of messages in two halves, whose first is unread.
func BenchmarkUnread(b *testing.B) {
	for _, size := range []int{64, 16 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			echo := trip(newRig(b), size)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				echo()
			}
		})
	}
}
