package loop_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
)

// fileOf is a file with that in it.
func fileOf(t testing.TB, content []byte) *os.File {
	t.Helper()
	f, err := os.CreateTemp("", "pike")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close(); os.Remove(f.Name()) })
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	return f
}

// An executorOfFiles counts jobs.
type executorOfFiles struct{ jobs atomic.Int32 }

func (e *executorOfFiles) Submit(job func()) error {
	e.jobs.Add(1)
	go job()
	return nil
}

// ReadFile reads what f.ReadAt does, and tells it later and once, on a system and on a simulated host.
func TestReadFile(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 10_000)
	for name, o := range map[string]loop.Options{"system": {}, "simulator": {Poller: sim.New(1, sim.Config{}).Host("host")}} {
		t.Run(name, func(t *testing.T) {
			lp := newLoop(t, o)
			f := fileOf(t, content)
			closed := fileOf(t, nil)
			no(t, closed.Close())
			told := 0
			for _, c := range []struct {
				f       *os.File
				n       int
				off     int64
				want    int
				err     error
				another bool // any error will do
			}{
				{f, 10, 0, 10, nil, false}, {f, 70_000, 5, 70_000, nil, false}, {f, 0, 0, 0, nil, false},
				{f, 10, 99_995, 5, io.EOF, false}, {f, 10, 100_000, 0, io.EOF, false}, {f, 1, 1 << 40, 0, io.EOF, false},
				{closed, 10, 0, 0, nil, true},
			} {
				p, inside := make([]byte, c.n), true
				no(t, loop.ReadFile(lp, c.f, p, c.off, func(n int, err error) {
					told++
					if inside {
						t.Error("done is called inside ReadFile")
					}
					if n != c.want || c.another != (err != nil && !errors.Is(err, io.EOF)) || !c.another && !errors.Is(err, c.err) {
						t.Errorf("%d bytes at %d: %d, %v", c.n, c.off, n, err)
					}
					if n > 0 && !bytes.Equal(p[:n], content[c.off:][:n]) {
						t.Errorf("%d bytes at %d are not those of the file", c.n, c.off)
					}
				}))
				inside = false
			}
			no(t, lp.Run())
			equal(t, "calls of done", told, 7)
		})
	}
}

// What is cached takes no job.
func TestReadFileTakesNoJobForWhatIsCached(t *testing.T) {
	e := new(executorOfFiles)
	lp := newLoop(t, loop.Options{Executor: e})
	f, told := fileOf(t, []byte("cached")), false
	no(t, loop.ReadFile(lp, f, make([]byte, 6), 0, func(n int, err error) { no(t, err); told = n == 6 }))
	no(t, lp.Run())
	if !told {
		t.Error("it is not read")
	}
	if n := e.jobs.Load(); n > 0 && readsCached(t, f) {
		t.Errorf("%d jobs have read what is cached", n)
	}
}

func TestReadFileRefuses(t *testing.T) {
	lp := newLoop(t, loop.Options{})
	f := fileOf(t, nil)
	never := func(int, error) { t.Error("done is called for what was refused") }
	for _, err := range []error{
		loop.ReadFile(nil, f, nil, 0, never), loop.ReadFile(lp, nil, nil, 0, never),
		loop.ReadFile(lp, f, nil, -1, never), loop.ReadFile(lp, f, nil, 0, nil),
	} {
		if !errors.Is(err, os.ErrInvalid) || !strings.Contains(err.Error(), "read file") {
			t.Errorf("error %v, want os.ErrInvalid", err)
		}
	}
	no(t, lp.Close())
	if err := loop.ReadFile(lp, f, nil, 0, never); !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v, want net.ErrClosed", err)
	}
}

// A read of 4 KiB that are cached, by hand, by ReadFile, and by a job.
func BenchmarkReadFile(b *testing.B) {
	f := fileOf(b, make([]byte, 4<<10))
	p := make([]byte, 4<<10)
	b.Run("in place", func(b *testing.B) {
		for b.Loop() {
			f.ReadAt(p, 0)
		}
	})
	for name, read := range map[string]func(lp *loop.Loop, done func(int, error)){
		"ReadFile": func(lp *loop.Loop, done func(int, error)) { loop.ReadFile(lp, f, p, 0, done) },
		"Work": func(lp *loop.Loop, done func(int, error)) {
			loop.Work(context.Background(), lp, func(context.Context) (int, error) { return f.ReadAt(p, 0) }, done)
		},
	} {
		b.Run(name, func(b *testing.B) {
			lp, err := loop.New(loop.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer lp.Close()
			left := b.N
			var next func(int, error)
			next = func(int, error) {
				if left--; left >= 0 {
					read(lp, next)
				}
			}
			b.ResetTimer()
			next(0, nil)
			lp.Run()
		})
	}
}

func ExampleReadFile() {
	lp, _ := loop.New(loop.Options{})
	defer lp.Close()
	f, _ := os.Open("loop.go")
	defer f.Close()
	p := make([]byte, 10)
	loop.ReadFile(lp, f, p, 0, func(n int, err error) { fmt.Println(n, err) })
	lp.Run()
	// Output: 10 <nil>
}
