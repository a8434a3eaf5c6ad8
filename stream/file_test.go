package stream_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/stream/layer"
	"example.com/pike/tcp"
)

// fileOf is a file of the next n bytes of p.
func fileOf(t testing.TB, p *pattern, n int) *os.File {
	t.Helper()
	f, err := os.CreateTemp("", "pike")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.Close()
		os.Remove(f.Name()) // not by TempDir, whose removal Wine refuses
	})
	if _, err := f.Write(p.next(n)); err != nil {
		t.Fatal(err)
	}
	return f
}

// whole is a file of n bytes.
func (r *rig) whole(n int) *os.File {
	r.Helper()
	return fileOf(r, new(pattern), n)
}

// senders are the ways that a file can take: by the system, where it does that, read for a layer, and
// on a simulated network.
func senders(t *testing.T, test func(t *testing.T, r *rig, o *tcp.Options)) {
	t.Helper()
	everywhere(t, func(t *testing.T, r *rig) { test(t, r, &tcp.Options{WriteBuffer: 128 << 10}) })
	t.Run("layered", func(t *testing.T) { test(t, newRig(t), &tcp.Options{Layer: layer.Identity{}, WriteBuffer: 128 << 10}) })
}

// Every byte of files and writes arrives once, in the order in which they were queued, and done is
// called in that order, too. OnWrite comes after all of it.
func TestSendFileKeepsTheOrder(t *testing.T) {
	senders(t, func(t *testing.T, r *rig, o *tcp.Options) {
		client, server := r.pairOf(o, nil)
		f := r.whole(1 << 20)
		rng := rand.New(rand.NewPCG(1, 2))
		var want, got []byte
		client.OnRead = func(_ *tcp.Conn, p []byte) { got = append(got, p...) }
		wrote := 0
		server.OnWrite = func(c *tcp.Conn) {
			if wrote++; c.Buffered() != 0 {
				t.Errorf("OnWrite with %d bytes queued", c.Buffered())
			}
		}
		var all, text pattern
		content := all.next(1 << 20)
		queued, told := 0, 0
		done := func() func(error) {
			i := queued
			queued++
			return func(err error) {
				if r.no(err); i != told {
					t.Errorf("done %d is called, and %d is due", i, told)
				}
				told++
			}
		}
		for i := range 120 {
			switch n := rng.IntN(5); n {
			case 0, 1:
				p := text.next(rng.IntN(3000))
				server.Write(p)
				want = append(want, p...)
			case 2:
				p := text.next(1 + rng.IntN(30_000))
				r.no(server.WriteBuffers([][]byte{p}, done()))
				want = append(want, p...)
			default:
				off := rng.IntN(1 << 20)
				size := rng.IntN(min(1<<20-off, []int{2000, 20_000, 200_000, 1 << 20}[i%4]) + 1)
				fn := done()
				if n == 3 {
					fn, queued = nil, queued-1
				}
				r.no(server.SendFile(f, int64(off), int64(size), fn))
				want = append(want, content[off:off+size]...)
			}
			if i%7 == 0 {
				r.turns(1)
			}
		}
		r.until("all is received", func() bool { return len(got) == len(want) && told == queued })
		if !bytes.Equal(got, want) {
			t.Error("what was received is not what was sent")
		}
		r.until("OnWrite is called", func() bool { return wrote > 0 })
		if at, err := f.Seek(0, io.SeekCurrent); at != 1<<20 || err != nil {
			t.Errorf("the place in the file is %d, %v", at, err)
		}
		r.no(server.Close())
		r.run()
	})
}

// The end of the file, nothing, and all of it after the connection is made.
func TestSendFileExtents(t *testing.T) {
	senders(t, func(t *testing.T, r *rig, o *tcp.Options) {
		f := r.whole(100_000)
		var got []byte
		ln := r.listen(nil, func(c *tcp.Conn) { c.OnRead = func(_ *tcp.Conn, p []byte) { got = append(got, p...) } })
		told := 0
		done := func(err error) { r.no(err); told++ }
		c, err := tcp.Dial(r.lp, ln.LocalAddr().String(), o, func(_ *tcp.Conn, err error) {
			if r.no(err); told > 0 {
				t.Error("done is called before the connection is made")
			}
		})
		r.no(err)
		r.no(c.SendFile(f, 0, -1, done)) // queued
		r.no(c.SendFile(f, 100, 0, done))
		r.no(c.SendFile(f, 99_990, -1, done))
		r.no(c.SendFile(f, 100_000, -1, done))
		r.no(c.SendFile(f, 200_000, -1, done))
		r.until("all is told", func() bool { return told == 5 && len(got) == 100_010 })
		want := new(pattern).next(100_000)
		if !bytes.Equal(got, append(want, want[99_990:]...)) {
			t.Error("what was received is not what was sent")
		}
		r.no(ln.Close())
		r.no(c.Close())
		r.run()
	})
}

// What is refused at once leaves the connection as it was.
func TestSendFileRefuses(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		client, server := r.pair()
		heard := 0
		client.OnRead = func(_ *tcp.Conn, p []byte) { heard += len(p) }
		never := func(error) { t.Error("done is called for what was refused") }
		f := r.whole(1000)
		closed := r.whole(10)
		r.no(closed.Close())
		dir, err := os.Open(os.TempDir())
		r.no(err)
		defer dir.Close()
		pr, pw, err := os.Pipe()
		r.no(err)
		defer pr.Close()
		defer pw.Close()
		r.is(server.SendFile(nil, 0, 1, never), os.ErrInvalid)
		r.is(server.SendFile(dir, 0, -1, never), os.ErrInvalid)
		r.is(server.SendFile(pr, 0, 1, never), os.ErrInvalid)
		r.is(server.SendFile(f, -1, 1, never), os.ErrInvalid)
		if server.SendFile(closed, 0, 1, never) == nil {
			t.Error("a file that is closed is no error")
		}
		r.is(server.SendFile(f, 0, 1001, never), io.ErrUnexpectedEOF)
		r.is(server.SendFile(f, 1000, 1, never), io.ErrUnexpectedEOF)
		err = server.SendFile(f, 999, 2, never)
		var op *net.OpError
		if !errors.As(err, &op) || op.Op != "send file" || op.Addr.String() != server.RemoteAddr().String() {
			t.Errorf("the error is %v, which is to name the operation and the peer", err)
		}
		told := false
		r.no(server.SendFile(f, 0, 1000, func(err error) { r.no(err); told = true }))
		r.until("it is sent all the same", func() bool { return told && heard == 1000 })
		r.no(server.CloseWrite())
		r.is(server.SendFile(f, 0, 1, never), syscall.EPIPE)
		r.no(server.Close())
		r.is(server.SendFile(f, 0, 1, never), net.ErrClosed)
		r.no(client.Close())
		r.run()
	})
}

// A file that has become shorter ends the connection as Abort does: the peer sees a reset, and no end.
func TestSendFileOfAFileThatBecomesShorter(t *testing.T) {
	senders(t, func(t *testing.T, r *rig, o *tcp.Options) {
		client, server := r.pairOf(o, nil)
		f := r.whole(300_000)
		client.PauseRead()
		ended := false
		client.OnEOF = func(*tcp.Conn) { t.Error("the peer sees an orderly end") }
		client.OnClose = func(*tcp.Conn, error) { ended = true }
		var told, why error
		server.OnClose = func(_ *tcp.Conn, err error) { why = err }
		r.no(server.SendFile(f, 0, -1, nil))
		r.no(server.SendFile(f, 200_000, -1, func(err error) { told = err }))
		r.no(server.WriteBuffers([][]byte{make([]byte, 1000)}, func(err error) { r.is(err, io.ErrUnexpectedEOF) }))
		r.no(f.Truncate(250_000))
		r.no(client.ResumeRead())
		r.until("both have ended", func() bool { return ended && why != nil })
		r.is(told, io.ErrUnexpectedEOF)
		r.is(why, io.ErrUnexpectedEOF)
		if text := why.Error(); !strings.Contains(text, "send file") || !strings.Contains(text, "->") {
			t.Errorf("the reason is %q, which is to name the operation and the address", text)
		}
		var loss *stream.LossError
		if !errors.As(why, &loss) || loss.Unsent < 1000 {
			t.Errorf("the reason is %v, which is to say what was lost", why)
		}
		r.run()
	})
}

// A file that was closed too early ends the connection, too, and nothing of another file is sent.
func TestSendFileOfAFileThatIsClosedTooEarly(t *testing.T) {
	senders(t, func(t *testing.T, r *rig, o *tcp.Options) {
		client, server := r.pairOf(o, nil)
		client.PauseRead()
		f := r.whole(8 << 20)
		var told error
		r.no(server.SendFile(f, 0, -1, func(err error) { told = err }))
		r.turns(3)
		r.no(f.Close())
		r.no(client.ResumeRead())
		r.until("it is told", func() bool { return told != nil })
		if !errors.Is(told, os.ErrClosed) && !errors.Is(told, syscall.EBADF) {
			t.Errorf("the reason is %v", told)
		}
		r.run()
	})
}

// Close sends the file. Abort and CloseNow drop it, and say how much of it was lost.
func TestSendFileAndTheEnds(t *testing.T) {
	const size = 8 << 20
	senders(t, func(t *testing.T, r *rig, o *tcp.Options) {
		for name, end := range map[string]func(*tcp.Conn) error{
			"Close": (*tcp.Conn).Close, "CloseWrite": (*tcp.Conn).CloseWrite, "Abort": (*tcp.Conn).Abort, "CloseNow": (*tcp.Conn).CloseNow,
		} {
			client, server := r.pairOf(o, nil)
			f := r.whole(size)
			heard := 0
			client.OnRead = func(_ *tcp.Conn, p []byte) { heard += len(p) }
			client.PauseRead()
			told, closed := false, false
			var done, why error
			server.OnClose = func(_ *tcp.Conn, err error) { closed, why = true, err }
			r.no(server.SendFile(f, 0, -1, func(err error) { told, done = true, err }))
			r.turns(5)
			if told {
				t.Fatal("all is sent to a peer that does not read")
			}
			r.no(end(server))
			r.no(client.ResumeRead())
			orderly := name == "Close" || name == "CloseWrite"
			r.until("it has ended", func() bool { return closed && (!orderly || heard == size) })
			if !told {
				t.Errorf("%s: done is not called before OnClose", name)
			}
			if orderly {
				if done != nil || why != nil && why != io.EOF {
					t.Errorf("%s: %d bytes, done is told %v, OnClose %v", name, heard, done, why)
				}
				continue
			}
			var loss *stream.LossError
			if !errors.Is(done, stream.ErrAborted) || !errors.As(why, &loss) || loss.Unsent <= 0 ||
				loss.Unacked > 0 && loss.Unsent+loss.Unacked+heard < size {
				t.Errorf("%s: %d bytes, done is told %v, OnClose %v", name, heard, done, why)
			}
			client.CloseNow()
			r.run()
		}
	})
}

// DrainTimeout counts from when the peer took something last, however long the file takes.
func TestSendFileDrains(t *testing.T) {
	r := newSimRig(t)
	f := r.whole(4 << 20)
	for _, reads := range []bool{true, false} {
		client, server := r.pair()
		var why error
		closed, heard := false, 0
		server.OnClose = func(_ *tcp.Conn, err error) { closed, why = true, err }
		r.no(server.SetDrainTimeout(time.Second))
		client.PauseRead()
		client.OnRead = func(c *tcp.Conn, p []byte) { // 64 KiB in half a second
			heard += len(p)
			c.PauseRead()
			if reads {
				r.after(500*time.Millisecond, func() { c.ResumeRead() })
			}
		}
		r.no(server.SendFile(f, 0, -1, nil))
		r.turns(3)
		start := r.lp.Now()
		r.no(server.Close())
		r.no(client.ResumeRead())
		r.until("it has closed", func() bool { return closed })
		took := r.lp.Now().Sub(start)
		if reads && (why != nil || heard < 3<<20 || took < 10*time.Second) { // the last of it is on its way
			t.Errorf("a peer that reads slowly got %d bytes in %v, and the end is %v", heard, took, why)
		}
		if !reads && (!errors.Is(why, os.ErrDeadlineExceeded) || took > 3*time.Second) {
			t.Errorf("a peer that does not read held the close up for %v, and the end is %v", took, why)
		}
		client.CloseNow()
		r.run()
	}
}

// What is in a file reaches no mark and no limit, and neither do the pieces of it that are read.
func TestSendFileAndTheLimits(t *testing.T) {
	senders(t, func(t *testing.T, r *rig, o *tcp.Options) {
		const limit = 20_000
		with := *o
		with.QueueLimit = &stream.QueueLimit{Bytes: limit}
		with.Watermarks = &stream.Watermarks{High: 16_000, OnHigh: func(c *tcp.Conn) { t.Errorf("OnHigh with %d bytes", c.Buffered()) }}
		client, server := r.pairOf(&with, nil)
		f := r.whole(3 << 20)
		heard, most, told := 0, 0, 0
		client.OnRead = func(_ *tcp.Conn, p []byte) { heard += len(p) }
		for range 3 {
			r.no(server.SendFile(f, 0, -1, func(err error) { r.no(err); told++ }))
		}
		r.until("all is received", func() bool {
			most = max(most, server.Buffered(), stream.Queued(r.lp))
			return heard == 9<<20 && told == 3
		})
		if most > limit/2 {
			t.Errorf("%d bytes of the file were queued, with a limit of %d", most, limit)
		}
		// A small file is copied only within the limit.
		client.PauseRead()
		small := r.whole(16 << 10)
		for range 100 {
			r.no(server.SendFile(small, 0, -1, func(err error) { r.no(err); told++ }))
		}
		if n := server.Buffered(); n > limit {
			t.Errorf("%d bytes are queued, with a limit of %d", n, limit)
		}
		server.SetWatermarks(nil)
		r.no(client.ResumeRead())
		r.until("all is received", func() bool { return told == 103 && heard == 9<<20+100*16<<10 })
	})
}

// A thing that would have to wait for the file is refused.
func TestSendFileIsInTheWay(t *testing.T) {
	r := newRig(t)
	client, server := r.pair()
	client.PauseRead()
	f := r.whole(8 << 20)
	told := false
	r.no(server.SendFile(f, 0, -1, func(err error) { r.no(err); told = true }))
	r.turns(3)
	r.is(server.StartLayer(layer.Identity{}, func(*tcp.Conn, error) {}), syscall.EBUSY)
	if _, err := server.NetConn(); err == nil || told {
		t.Errorf("NetConn is %v", err)
	}
	r.no(client.ResumeRead())
	r.until("all is sent", func() bool { return told })
}

// Executors that refuse end the connection with their reason, where the file has to be read.
func TestSendFileWithoutAnExecutor(t *testing.T) {
	refusal := errors.New("no")
	r := newRig(t, loop.Options{Poller: sim.New(1, sim.Config{}).Host("host"), Executor: refusing{refusal}})
	_, server := r.pair()
	var told error
	r.no(server.SendFile(r.whole(100_000), 0, -1, func(err error) { told = err }))
	r.until("it is told", func() bool { return told != nil })
	r.is(told, refusal)
	r.run()
}

type refusing struct{ err error }

func (e refusing) Submit(func()) error { return e.err }

// A connection that ends while a piece is read for it lets go of everything when the job ends.
func TestSendFileEndsDuringAJob(t *testing.T) {
	jobs := make(chan func(), 1)
	r := newRig(t, loop.Options{Executor: kept(jobs)})
	client, server := r.pairOf(&tcp.Options{Layer: layer.Identity{}}, nil)
	f := r.whole(1 << 20)
	if !dropped(f) {
		t.Skip("the file is cached, so that no job reads it")
	}
	closed := false
	var told error
	server.OnClose = func(*tcp.Conn, error) { closed = true }
	r.no(server.SendFile(f, 0, -1, func(err error) { told = err; f.Close() }))
	r.until("a job reads it", func() bool { return len(jobs) == 1 })
	r.no(server.Abort())
	r.until("it has closed", func() bool { return closed })
	r.is(told, stream.ErrAborted)
	(<-jobs)()
	client.CloseNow()
	r.run()
}

// kept is an executor whose jobs the test runs.
type kept chan func()

func (e kept) Submit(job func()) error {
	e <- job
	return nil
}

// The peer resets while a file is sent: done hears of it, once.
func TestSendFileToAPeerThatResets(t *testing.T) {
	senders(t, func(t *testing.T, r *rig, o *tcp.Options) {
		client, server := r.pairOf(o, nil)
		f := r.whole(8 << 20)
		client.PauseRead()
		told, closed := 0, false
		var why error
		server.OnClose = func(_ *tcp.Conn, err error) { closed = true }
		r.no(server.SendFile(f, 0, -1, func(err error) { told++; why = err }))
		r.turns(3)
		r.no(client.Abort())
		r.until("it has closed", func() bool { return closed })
		if told != 1 || why == nil || errors.Is(why, poller.ErrNotCached) {
			t.Errorf("done is called %d times, with %v", told, why)
		}
		r.run()
	})
}
