package stream_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/tcp"
)

// A fleet is several loops, each on a goroutine of its own, and a server whose connections go from one to
// the other. It echoes.
type fleet struct {
	testing.TB
	loops []*loop.Loop
	addr  string
	ln    *tcp.Listener
	ended sync.WaitGroup
	open  atomic.Int64
	moves atomic.Int64
	stays atomic.Int64
	wrong atomic.Int64 // posts out of order
	fails atomic.Value // an error that nobody expects
}

func newFleet(t testing.TB, n int) *fleet {
	t.Helper()
	f := &fleet{TB: t}
	for range n {
		lp, err := loop.New(loop.Options{})
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip("no backend on this system yet: ", err)
		}
		f.no(err)
		_, err = lp.NewAsync(func() {})
		f.no(err)
		f.loops = append(f.loops, lp)
	}
	var err error
	f.ln, err = tcp.Listen(f.loops[0], loopback, &tcp.Options{DrainTimeout: patience})
	f.no(err)
	f.addr = f.ln.LocalAddr().String()
	f.ln.OnAccept = f.accept
	for _, lp := range f.loops {
		f.ended.Go(func() {
			if err := lp.Run(); err != nil {
				f.fails.Store(err)
			}
		})
	}
	return f
}

func (f *fleet) no(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fleet) accept(c *tcp.Conn) {
	f.open.Add(1)
	c.OnRead = func(c *tcp.Conn, p []byte) {
		c.Write(p)
		if rand.IntN(4) == 0 {
			f.move(c)
		}
		if c.Buffered() > 256<<10 {
			c.PauseRead()
		}
	}
	c.OnWrite = func(c *tcp.Conn) { c.ResumeRead() }
	c.OnClose = func(c *tcp.Conn, _ error) { f.open.Add(-1) }
	go f.post(c)
	f.move(c)
}

func (f *fleet) move(c *tcp.Conn) {
	c.MoveTo(f.loops[rand.IntN(len(f.loops))], func(c *tcp.Conn, err error) {
		switch {
		case err == nil:
			f.moves.Add(1)
		case errors.Is(err, net.ErrClosed), errors.Is(err, errors.ErrUnsupported):
			f.stays.Add(1)
		default:
			f.fails.Store(err)
		}
	})
}

// post posts from yet another goroutine, in order, until the connection closes.
func (f *fleet) post(c *tcp.Conn) {
	came := 0 // belongs to the loop that c is on
	for n := 1; ; n++ {
		err := c.Post(func(c *tcp.Conn) {
			if came++; came != n {
				f.wrong.Add(1)
			}
			c.LocalAddr() // which looks whether it is on its loop
		})
		if err != nil {
			return
		}
		if n%64 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// client sends size bytes, and wants them back.
func (f *fleet) client(size int) {
	c, err := net.DialTimeout("tcp", f.addr, patience)
	if err != nil {
		f.fails.Store(err)
		return
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	go func() {
		var out pattern
		for out.at < size {
			c.Write(out.next(min(size-out.at, 1+rand.IntN(40_000))))
		}
		c.(*net.TCPConn).CloseWrite()
	}()
	var in pattern
	for buf := make([]byte, 32<<10); ; {
		n, err := c.Read(buf)
		if wrong := in.check(buf[:n]); wrong != nil {
			f.fails.Store(wrong)
			return
		}
		if err == io.EOF && in.at == size {
			return
		}
		if err != nil {
			f.fails.Store(err)
			return
		}
	}
}

// clients has n of them at a time.
func (f *fleet) clients(n, size int) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() { f.client(size) })
	}
	all.Wait()
}

// end waits until every connection has ended, and closes the loops.
func (f *fleet) end() {
	f.Helper()
	for end := time.Now().Add(patience); f.open.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			f.Fatalf("%d connections are open", f.open.Load())
		}
	}
	counted := make(chan int, 1)
	f.no(f.loops[0].Post(func() { // behind what the others have told the listener
		f.loops[0].Post(func() { counted <- f.ln.Metrics().Open })
	}))
	if n := <-counted; n != 0 {
		f.Errorf("the listener counts %d open", n)
	}
	for _, lp := range f.loops {
		lp.Stop()
	}
	f.ended.Wait()
	for _, lp := range f.loops {
		f.no(lp.Close())
	}
	if err := f.fails.Load(); err != nil {
		f.Error(err)
	}
	if n := f.wrong.Load(); n > 0 {
		f.Errorf("%d posts came out of order", n)
	}
	if f.moves.Load()+f.stays.Load() == 0 {
		f.Error("nothing was moved")
	}
}

// Connections go from thread to thread while they receive, send, and are posted to.
func TestMovesBetweenThreads(t *testing.T) {
	size := 4 << 20
	if testing.Short() || checked {
		size = 256 << 10
	}
	f := newFleet(t, 3)
	f.clients(8, size)
	f.end()
	t.Logf("%d moves", f.moves.Load())
}

// A method that is called where the connection was is found out.
func TestMoveToAndCallsOnTheOldLoop(t *testing.T) {
	f := newFleet(t, 2)
	found, set := make(chan bool, 1), make(chan struct{})
	f.no(f.loops[0].Post(func() {
		defer close(set)
		f.ln.OnAccept = func(c *tcp.Conn) {
			f.open.Add(1)
			c.OnClose = func(*tcp.Conn, error) { f.open.Add(-1) }
			c.MoveTo(f.loops[1], func(c *tcp.Conn, err error) {
				if err != nil { // it stays with its loop on this system
					f.stays.Add(1)
					found <- errors.Is(err, errors.ErrUnsupported)
					c.Abort()
					return
				}
				f.moves.Add(1)
				f.loops[0].Post(func() { f.strangeCalls(c, found) })
			})
		}
	}))
	<-set // or the connection might be accepted before
	d, err := net.DialTimeout("tcp", f.addr, patience)
	f.no(err)
	select {
	case ok := <-found:
		if !ok {
			t.Error("a Write on the old loop was not found out")
		}
	case <-time.After(patience):
		t.Fatal("nothing was found out")
	}
	f.no(d.Close())
	f.end()
}

// strangeCalls calls c, which is on another loop, until that is found out: in ordinary builds it is while
// that loop waits.
func (f *fleet) strangeCalls(c *tcp.Conn, found chan bool) {
	ok := false
	for end := time.Now().Add(patience / 2); !ok && time.Now().Before(end); {
		func() {
			defer func() { ok = recover() != nil || ok }()
			ok = errors.Is(c.Unread(nil), loop.ErrOffLoop) // which changes nothing here
		}()
	}
	found <- ok
}

// A server whose connections move, come and go ends with what it had in the beginning.
func TestSoakMoves(t *testing.T) {
	f := newFleet(t, 3)
	f.clients(8, 64<<10) // what is made once
	f.settled()
	before := holds()
	for end := time.Now().Add(soakTime(t) / 2); time.Now().Before(end); {
		f.clients(16, 1+rand.IntN(128<<10))
	}
	f.settled()
	var after held
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		after = holds()
		if after.descriptors <= before.descriptors && after.goroutines <= before.goroutines && after.heap < before.heap+8<<20 ||
			time.Now().After(end) {
			break
		}
	}
	if after.descriptors > before.descriptors || after.goroutines > before.goroutines || after.heap > before.heap+8<<20 {
		t.Errorf("before: %+v, after %d moves: %+v", before, f.moves.Load(), after)
	}
	f.end()
}

// settled waits until no connection is open.
func (f *fleet) settled() {
	f.Helper()
	for end := time.Now().Add(patience); f.open.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			f.Fatalf("%d connections are open", f.open.Load())
		}
	}
}

// BenchmarkMoveTo is a connection that goes from one loop to another, on another thread, again and again.
func BenchmarkMoveTo(b *testing.B) {
	f := newFleet(b, 2)
	accepted := make(chan *tcp.Conn, 1)
	set := make(chan struct{})
	f.no(f.loops[0].Post(func() {
		f.ln.OnAccept = func(c *tcp.Conn) {
			f.open.Add(1)
			c.OnRead = func(*tcp.Conn, []byte) {}
			c.OnClose = func(*tcp.Conn, error) { f.open.Add(-1) }
			accepted <- c
		}
		close(set)
	}))
	<-set
	d, err := net.DialTimeout("tcp", f.addr, patience)
	f.no(err)
	defer d.Close()
	c := <-accepted
	done := make(chan error, 1)
	b.ReportAllocs()
	b.ResetTimer()
	n := b.N
	var next func(c *tcp.Conn, err error)
	next = func(c *tcp.Conn, err error) {
		if n--; err != nil || n < 0 {
			done <- err
			return
		}
		to := f.loops[0]
		if c.Loop() == to {
			to = f.loops[1]
		}
		if err := c.MoveTo(to, next); err != nil {
			done <- err
		}
	}
	f.no(c.Post(func(c *tcp.Conn) { next(c, nil) }))
	err = <-done
	b.StopTimer()
	f.moves.Add(int64(b.N))
	c.Post(func(c *tcp.Conn) { c.Abort() })
	f.end()
	f.no(err)
}

// BenchmarkMoveToOnOneThread is that without waking a thread.
func BenchmarkMoveToOnOneThread(b *testing.B) {
	r := &two{newRig(b), newRig(b)}
	r.keepRunning()
	_, c := r.pair()
	loops := []*rig{r.q, r.rig}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		to := loops[i%2]
		r.no(c.MoveTo(to.lp, nil))
		loops[1-i%2].turns(1)
		to.turns(1)
		if c.Loop() != to.lp {
			b.Fatal("it has not moved")
		}
	}
}
