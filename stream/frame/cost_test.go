//go:build !race && !pikedebug && !kqfake

// The checks of race and debug builds allocate, and so does the model of kqueue.

package frame_test

import (
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/poller/system"
	"example.com/pike/stream/frame"
	"example.com/pike/tcp"
)

// A frozen poller has a clock that stands still, so that nothing is given back meanwhile.
type frozen struct {
	poller.Poller
	now poller.Time
}

func (f frozen) Now() poller.Time { return f.now }

// frozenRig is a rig on the system.
func frozenRig(t testing.TB) *rig {
	p, err := system.Open("")
	if err != nil {
		t.Skip(err)
	}
	return rigOf(t, loop.Options{Poller: frozen{p, p.Now()}})
}

// echo sends 10 frames of n bytes in two pieces, and waits for the answers.
func echo(r *rig, n int, split splitting) func() {
	var all []byte
	word := frame.Length{Size: 4}
	body := make([]byte, n)
	for range 10 {
		all, _ = frame.AppendLength(all, word, body)
	}
	frames := 0
	var answer []byte
	peer, _ := r.pair(nil, func(c *tcp.Conn) {
		r.no(split(c, func(c *tcp.Conn, p []byte) {
			frames++
			answer, _ = frame.AppendLength(answer[:0], word, p)
			c.Write(answer)
		}))
	})
	back := 0
	peer.OnRead = func(_ *tcp.Conn, p []byte) { back += len(p) }
	half := len(all) - n/2
	return func() {
		peer.Write(all[:half])
		want, answers := frames+9, back+len(all)
		r.until("the first nine", func() bool { return frames >= want })
		peer.Write(all[half:])
		r.until("all", func() bool { return back >= answers })
	}
}

// A frame takes no memory of its own.
func TestFramesAllocateNothing(t *testing.T) {
	for name, split := range splittings {
		for _, n := range []int{10, 5000, 50_000} {
			r := frozenRig(t)
			trip := echo(r, n, split)
			for range 10 {
				trip()
			}
			if allocs := testing.AllocsPerRun(20, trip); allocs > 0 {
				t.Errorf("%s, %d bytes: %v allocations for 10 frames", name, n, allocs)
			}
		}
	}
}

var splittings = map[string]splitting{
	"Split":   by(frame.Length{Size: 4}.Split, 1<<20),
	"SplitBy": sized,
}

func sized(c *tcp.Conn, fn func(*tcp.Conn, []byte)) error {
	return frame.SplitBy(c, frame.Length{Size: 4}, 1<<20, fn)
}

// counting is a Splitter that counts how often it is asked.
type counting struct {
	frame.Length
	calls *int
}

func (s counting) Split(data []byte, atEOF bool) (int, []byte, error) {
	*s.calls++
	return s.Length.Split(data, atEOF)
}

// A message of a megabyte that comes in pieces of 64 KiB is looked at twice: for its length, and when it is there.
func TestLargeFrameIsLookedAtTwice(t *testing.T) {
	r := newRig(t, 1, sim.None())
	calls, frames := 0, 0
	peer, _ := r.pair(nil, func(c *tcp.Conn) {
		r.no(frame.SplitBy(c, counting{frame.Length{Size: 4}, &calls}, 1<<20, func(_ *tcp.Conn, p []byte) { frames++ }))
	})
	p, err := frame.AppendLength(nil, frame.Length{Size: 4}, make([]byte, 1<<20-4))
	r.no(err)
	for ; len(p) > 0; p = p[min(64<<10, len(p)):] {
		peer.Write(p[:min(64<<10, len(p))])
		r.pass(time.Millisecond)
	}
	if frames != 1 || calls != 2 {
		t.Errorf("%d frames, looked at %d times", frames, calls)
	}
}

// BenchmarkFrame is an echo of ten frames.
func BenchmarkFrame(b *testing.B) {
	for _, n := range []int{16, 1000} {
		trip := echo(frozenRig(b), n, sized)
		b.Run(map[int]string{16: "16", 1000: "1000"}[n], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				trip()
			}
		})
	}
}
