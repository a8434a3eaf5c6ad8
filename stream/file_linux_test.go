package stream_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/system"
	"example.com/pike/stream"
	"example.com/pike/stream/layer"
	"example.com/pike/tcp"
)

// dropped drops f from the cache, and reports whether it is not there any more.
func dropped(f *os.File) bool {
	if f.Sync() != nil || unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) != nil {
		return false
	}
	p, err := system.Open("")
	if err != nil {
		return false
	}
	defer p.Close()
	st, _ := f.Stat()
	r, ok := p.(poller.FileReader)
	if !ok {
		return false
	}
	_, err = r.ReadFile(f.Fd(), make([]byte, 1), st.Size()-1) // near the end, as a look has some read that is behind it
	unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	return errors.Is(err, poller.ErrNotCached)
}

// A counting executor counts its jobs.
type countingExecutor struct{ jobs atomic.Int32 }

func (e *countingExecutor) Submit(job func()) error {
	e.jobs.Add(1)
	go job()
	return nil
}

// A file that is not cached is read on the executor, and one that is cached is not. Both arrive.
func TestSendFileOfWhatIsNotCached(t *testing.T) {
	const size = 4 << 20
	for name, o := range map[string]*tcp.Options{"by the system": nil, "layered": {Layer: layer.Identity{}}} {
		t.Run(name, func(t *testing.T) {
			e := new(countingExecutor)
			r := newRig(t, loop.Options{Executor: e})
			client, server := r.pairOf(o, nil)
			f := r.whole(size)
			if !dropped(f) {
				t.Skip("the file system does not say what is cached, or keeps it")
			}
			send := func() (jobs int32) {
				before := e.jobs.Load()
				var p pattern
				client.OnRead = func(_ *tcp.Conn, b []byte) { r.no(p.check(b)) }
				told := false
				r.no(server.SendFile(f, 0, -1, func(err error) { r.no(err); told = true }))
				r.until("all is received", func() bool { return told && p.at == size })
				return e.jobs.Load() - before
			}
			cold := send()
			warm := send()
			t.Logf("%d jobs when it was not cached, %d when it was", cold, warm)
			if cold == 0 || warm != 0 {
				t.Errorf("%d jobs when the file was not cached, and %d when it was", cold, warm)
			}
		})
	}
}

// A file whose owner is another is read, because mincore says of it that all is cached.
func TestSendFileOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	e := new(countingExecutor)
	r := newRig(t, loop.Options{Executor: e})
	client, server := r.pair()
	f := r.whole(1 << 20)
	r.no(f.Chown(12345, 12345))
	var p pattern
	client.OnRead = func(_ *tcp.Conn, b []byte) { r.no(p.check(b)) }
	r.no(server.SendFile(f, 0, -1, nil))
	r.until("all is received", func() bool { return p.at == 1<<20 })
}

// What is sent to a hundred readers that take nothing is in nobody's memory, but for a piece of each
// where it has to be read; and it arrives.
func TestSendFileToManyReaders(t *testing.T) {
	readers, size := 100, 10<<20
	if testing.Short() || checked {
		readers, size = 20, 2<<20
	}
	for name, o := range map[string]*tcp.Options{"by the system": nil, "layered": {Layer: layer.Identity{}}} {
		if testLayerCount > 0 && o == nil {
			continue // all go through a layer
		}
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			f := r.whole(size)
			heard, told := 0, 0
			var clients []*tcp.Conn
			var servers []*tcp.Conn
			for range readers {
				client, server := r.pairOf(o, nil)
				client.OnRead = func(_ *tcp.Conn, p []byte) { heard += len(p) }
				client.PauseRead()
				clients, servers = append(clients, client), append(servers, server)
			}
			live := func() int {
				runtime.GC()
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return int(m.HeapAlloc)
			}
			before := live()
			for _, c := range servers {
				r.no(c.SendFile(f, 0, -1, func(err error) { r.no(err); told++ }))
			}
			r.rest(50 * time.Millisecond)
			took, queued := live()-before, stream.Queued(r.lp)
			t.Logf("%d bytes of heap and %d queued for %d readers", took, queued, readers)
			most := readers * (3 << 10)
			if o != nil {
				most += readers * (64<<10 + 1<<10)
			} else if queued != 0 {
				t.Errorf("%d bytes are queued", queued)
			}
			if took > most {
				t.Errorf("%d bytes of heap for %d readers, at most %d", took, readers, most)
			}
			for _, c := range clients {
				c.ResumeRead()
			}
			r.until("all is received", func() bool { return heard == readers*size && told == readers })
		})
	}
}

// BenchmarkSendFile sends 16 MiB over the loopback, both ends on one loop: cached, dropped from the cache
// before each time, and by reading and writing.
func BenchmarkSendFile(b *testing.B) {
	for _, size := range []int{4 << 10, 64 << 10, 16 << 20} {
		for _, c := range []struct {
			name string
			o    *tcp.Options
			cold bool
		}{{"cached", nil, false}, {"layered", &tcp.Options{Layer: layer.Identity{}}, false}, {"cold", nil, true}} {
			b.Run(fmt.Sprintf("%d/%s", size, c.name), func(b *testing.B) {
				r := newRig(b)
				client, server := r.pairOf(c.o, nil)
				f := r.whole(size)
				heard := 0
				client.OnRead = func(_ *tcp.Conn, p []byte) { heard += len(p) }
				b.SetBytes(int64(size))
				for b.Loop() {
					if c.cold {
						b.StopTimer()
						dropped(f)
						b.StartTimer()
					}
					want := heard + size
					r.no(server.SendFile(f, 0, -1, nil))
					for heard < want {
						r.lp.RunOnce()
					}
				}
			})
		}
	}
}
