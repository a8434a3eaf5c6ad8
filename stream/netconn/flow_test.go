package netconn_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/stream"
	"example.com/pike/stream/netconn"
)

// random is n bytes that are the same for the same seed.
func random(seed uint64, n int) []byte {
	p := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	r.Read(p)
	return p
}

// writeInPieces writes all of p, in pieces of up to a size.
func writeInPieces(w io.Writer, p []byte, most int) error {
	for len(p) > 0 {
		n := min(1+rand.IntN(most), len(p))
		if _, err := w.Write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// Pieces of every size arrive whole and in order, both ways at once, and nothing that was written is lost on Close.
func TestNothingIsLostOnClose(t *testing.T) {
	r := newRig(t)
	for _, most := range []int{1, 100, 5_000, 9_000, 100_000, 2 << 20} {
		p := r.pair()
		size := min(4<<20, 20_000*most)
		there, back := random(1, size), random(2, size)
		got := readAll(p.peer)
		wrote := make(chan error, 2)
		go func() {
			err := writeInPieces(p.peer, back, most)
			p.peer.CloseWrite()
			wrote <- err
		}()
		read := readAll(p.nc)
		go func() { wrote <- writeInPieces(p.nc, there, most) }()
		no(t, within(t, "a writer", wrote))
		no(t, within(t, "a writer", wrote))
		if sha256.Sum256(within(t, "what comes back", read)) != sha256.Sum256(back) {
			t.Errorf("pieces of up to %d: what came back is something else", most)
		}
		no(t, p.nc.Close())
		if sha256.Sum256(within(t, "what was written", got)) != sha256.Sum256(there) {
			t.Errorf("pieces of up to %d: what arrived is something else", most)
		}
	}
}

// What is written right before Close arrives, however little the loop had time for it.
func TestWriteAndClose(t *testing.T) {
	r := newRig(t)
	for i := range 200 {
		p := r.pair()
		want := random(uint64(i), 1+rand.IntN(20_000))
		if _, err := p.nc.Write(want); err != nil {
			t.Fatal(err)
		}
		p.nc.Close()
		if got := within(t, "what was written", readAll(p.peer)); !bytes.Equal(got, want) {
			t.Fatalf("%d bytes arrived of %d", len(got), len(want))
		}
	}
}

// A peer that does not read holds Write up, and what is queued for it is bounded.
func TestWriteWaitsForThePeer(t *testing.T) {
	for _, piece := range []int{1000, 1 << 20} {
		r := newRig(t)
		p := r.pair()
		want := random(3, 16<<20)
		var written atomic.Int64
		wrote := make(chan error, 1)
		go func() {
			for rest := want; len(rest) > 0; {
				n, err := p.nc.Write(rest[:min(piece, len(rest))])
				written.Add(int64(n))
				if err != nil {
					wrote <- err
					return
				}
				rest = rest[n:]
			}
			p.nc.CloseWrite()
			wrote <- nil
		}()
		last := int64(-1) // it has come to a halt when nothing is written for a while
		until(t, "Write waits", func() bool {
			now := written.Load()
			still := now == last && buffered(r, p.c) > 0
			last = now
			time.Sleep(50 * time.Millisecond)
			return still
		})
		if n := buffered(r, p.c); n > netconn.WriteMost {
			t.Errorf("%d bytes are queued", n)
		}
		got := readAll(p.peer)
		no(t, within(t, "the writer", wrote))
		if !bytes.Equal(within(t, "all", got), want) {
			t.Error("what arrived is something else")
		}
	}
}

func buffered(r *rig, c *stream.Conn) (n int) {
	r.do(func() { n = c.Buffered() })
	return n
}

// Without a reader reading pauses, so that the peer is slowed down; with one it goes on.
func TestReadingPauses(t *testing.T) {
	r := newRig(t)
	p := r.pair()
	want := random(4, 16<<20)
	wrote := make(chan error, 1)
	go func() {
		_, err := p.peer.Write(want)
		p.peer.CloseWrite()
		wrote <- err
	}()
	until(t, "reading pauses", func() bool { return netconn.Kept(p.nc) >= 64<<10 })
	time.Sleep(50 * time.Millisecond)
	if kept := netconn.Kept(p.nc); kept > netconn.ReadMost {
		t.Errorf("%d bytes are kept", kept)
	}
	select {
	case <-wrote:
		t.Error("the peer was not slowed down")
	default:
	}
	got := readAll(p.nc)
	no(t, within(t, "the peer", wrote))
	if !bytes.Equal(within(t, "all", got), want) {
		t.Error("what arrived is something else")
	}
	if kept := netconn.Kept(p.nc); kept != 0 {
		t.Errorf("%d bytes are kept in the end", kept)
	}
}

// What connections hold while much is unread goes back when it was read, or they are closed.
func TestMemoryGoesBack(t *testing.T) {
	const conns = 64
	r := newRig(t)
	heap := func() int64 {
		runtime.GC()
		runtime.GC() // what a sync.Pool keeps survives one
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	var all []pair
	for range conns {
		all = append(all, r.pair())
	}
	before := heap()
	flood := make([]byte, 32<<10)
	for _, p := range all {
		if _, err := p.peer.Write(flood); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range all {
		until(t, "all is there", func() bool { return netconn.Kept(p.nc) == len(flood) })
	}
	if held := heap() - before; held < conns*int64(len(flood)) {
		t.Fatalf("only %d bytes are held: the test measures something else", held)
	}
	for i, p := range all {
		if i%2 == 0 {
			p.nc.Close()
		} else if _, err := io.ReadFull(p.nc, flood); err != nil {
			t.Fatal(err)
		}
	}
	if held := heap() - before; held > conns*int64(len(flood))/4 {
		t.Errorf("%d bytes are held in the end", held)
	}
}

// Writes of several goroutines are not mixed, whatever their size.
func TestWritesAreNotMixed(t *testing.T) {
	const writers, messages = 8, 40
	r := newRig(t)
	p := r.pair()
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range messages {
				m := bytes.Repeat([]byte{byte(w)}, 5+i*977)
				binary.BigEndian.PutUint32(m[1:], uint32(len(m)))
				if _, err := p.nc.Write(m); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			for range writers * messages {
				var head [5]byte
				if _, err := io.ReadFull(p.peer, head[:]); err != nil {
					return err
				}
				rest := make([]byte, binary.BigEndian.Uint32(head[1:])-5)
				if _, err := io.ReadFull(p.peer, rest); err != nil {
					return err
				}
				if n := bytes.Count(rest, head[:1]); n != len(rest) {
					return fmt.Errorf("%d bytes of %d in a message are another's", len(rest)-n, len(rest))
				}
			}
			return nil
		}()
	}()
	no(t, within(t, "the reader", done))
	together(t, "the writers", &all)
}

// Of several Reads each gets bytes that no other gets, and together they get all.
func TestReadsShare(t *testing.T) {
	r := newRig(t)
	p := r.pair()
	want := random(5, 4<<20)
	var sum, n atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			b := make([]byte, 3000)
			for {
				got, err := p.nc.Read(b)
				for _, x := range b[:got] {
					sum.Add(int64(x))
				}
				n.Add(int64(got))
				if err == io.EOF {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	if err := writeInPieces(p.peer, want, 10_000); err != nil {
		t.Fatal(err)
	}
	p.peer.CloseWrite()
	together(t, "the readers", &all)
	for _, x := range want {
		sum.Add(-int64(x))
	}
	if n.Load() != int64(len(want)) || sum.Load() != 0 {
		t.Errorf("%d bytes of %d were read, and their sum is off by %d", n.Load(), len(want), sum.Load())
	}
}

// Whatever many goroutines do at once, each call returns, and after Close none does anything.
func TestEverythingAtOnce(t *testing.T) {
	r := newRig(t)
	for range 20 {
		p := r.pair()
		go io.Copy(p.peer, p.peer)
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				b := make([]byte, 20_000)
				for {
					if _, err := p.nc.Read(b); errors.Is(err, net.ErrClosed) {
						return
					}
				}
			})
			all.Go(func() {
				for {
					if _, err := p.nc.Write(make([]byte, i*9000+1)); errors.Is(err, net.ErrClosed) {
						return
					}
				}
			})
			all.Go(func() {
				for d := time.Duration(0); ; d = (d + 37*time.Microsecond) % time.Millisecond {
					if err := p.nc.SetDeadline(time.Now().Add(d)); errors.Is(err, net.ErrClosed) {
						return
					}
					runtime.Gosched()
				}
			})
		}
		time.Sleep(5 * time.Millisecond)
		for range 3 {
			all.Go(func() { p.nc.Close() })
		}
		together(t, "every call", &all)
	}
}
