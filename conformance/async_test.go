package conformance

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"example.com/pike/loop"
	"example.com/pike/loop/workers"
	"example.com/pike/tcp"
)

var _ = add(line{id: "A1", name: "async", needs: realSystem, run: func(e *env) {
	lp := e.loop()
	var mu sync.Mutex
	calls, closes := 0, 0
	var async *loop.Async
	async, err := lp.NewAsync(func() {
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls == 3 {
			e.no(async.Close())
		}
		if calls > 3 {
			e.Errorf("call %d, after Close", calls)
		}
	})
	e.no(err)
	async.OnClose = func() { closes++ }
	ended := make(chan struct{})
	sender := func() {
		defer close(ended)
		for last := 0; last < 3; runtime.Gosched() {
			mu.Lock()
			if calls < last {
				e.Errorf("%d calls after %d", calls, last)
			}
			last = calls
			mu.Unlock()
			if err := async.Send(); err != nil && !errors.Is(err, net.ErrClosed) {
				e.Error(err)
			}
		}
	}
	var prepare *loop.Hook
	prepare = e.hooked(lp.NewPrepare(func() {
		go sender()
		e.no(prepare.Close())
	}))
	prepare.OnClose = func() { closes++ }
	e.run(lp)
	<-ended
	e.equal("calls", calls, 3)
	e.equal("close callbacks", closes, 2)
	e.is(async.Send(), net.ErrClosed)
}})

// A nil callback is a misuse here; what libuv's test is about, that a send wakes
// the loop whatever the callback does, is asked of an empty one.
var _ = add(line{id: "A2", name: "async without a callback", needs: realSystem, run: func(e *env) {
	lp := e.loop()
	_, err := lp.NewAsync(nil)
	e.is(err, os.ErrInvalid)
	async, err := lp.NewAsync(func() {})
	e.no(err)
	checks := 0
	var check *loop.Hook
	check = e.hooked(lp.NewCheck(func() {
		checks++
		e.no(check.Close())
		e.no(async.Close())
	}))
	sent := make(chan error, 1)
	go func() { sent <- async.Send() }()
	e.run(lp)
	if err := <-sent; err != nil && !errors.Is(err, net.ErrClosed) {
		e.Fatal(err)
	}
	e.equal("checks", checks, 1)
}})

var _ = add(line{id: "A3", name: "async pummel", needs: realSystem, run: func(e *env) {
	const sends = 10_000
	lp := e.loop()
	var sent atomic.Int32
	calls := 0
	var async *loop.Async
	async, err := lp.NewAsync(func() {
		calls++
		if sent.Load() == sends { // this call began after the last send did
			e.no(async.Close())
		}
	})
	e.no(err)
	go func() {
		for range sends {
			sent.Add(1)
			async.Send()
		}
	}()
	e.run(lp)
	if calls < 1 || calls > sends {
		e.Fatalf("%d calls for %d sends", calls, sends)
	}
}})

var _ = add(line{id: "A7", name: "cancel queued work", needs: realSystem, run: func(e *env) {
	const size, jobs = 4, 16
	pool, err := workers.New(workers.Options{Size: size})
	e.no(err)
	lp := e.loop(loop.Options{Executor: pool})
	release := make(chan struct{})
	blocked, canceled := 0, 0
	for range size {
		e.work(lp, func() { <-release }, func(err error) {
			e.no(err)
			blocked++
		})
	}
	for range jobs {
		j := e.work(lp, func() { e.Error("a job that was canceled runs") }, func(err error) {
			e.is(err, context.Canceled)
			if canceled++; canceled == jobs {
				close(release)
			}
		})
		e.equal("canceled", j.Cancel(), true)
	}
	e.run(lp)
	e.equal("results of canceled jobs", canceled, jobs)
	e.equal("results of the others", blocked, size)
	e.no(pool.Close())
}})

// held is an executor that begins no job until it is asked to.
type held struct{ jobs []func() }

func (h *held) Submit(job func()) error {
	h.jobs = append(h.jobs, job)
	return nil
}

var _ = add(line{id: "A8", name: "cancel is not synchronous", run: func(e *env) {
	queue := new(held)
	lp := e.loop(loop.Options{Executor: queue})
	results := 0
	j := e.work(lp, func() { e.Error("the job runs") }, func(err error) {
		e.is(err, context.Canceled)
		results++
	})
	e.equal("canceled", j.Cancel(), true)
	e.equal("results inside Cancel", results, 0)
	e.equal("canceled again", j.Cancel(), false)
	e.run(lp)
	e.equal("results", results, 1)
	for _, job := range queue.jobs { // the executor comes to it too late
		job()
	}
	e.run(lp)
	e.equal("results afterwards", results, 1)
}})

// libuv answers EBUSY, Cancel false.
var _ = add(line{id: "A9", name: "cancel running work", needs: realSystem, run: func(e *env) {
	lp := e.loop()
	begun, release := make(chan struct{}), make(chan struct{})
	results := 0
	j := e.work(lp, func() { close(begun); <-release }, func(err error) {
		e.no(err)
		results++
	})
	<-begun
	e.equal("canceled", j.Cancel(), false)
	close(release)
	e.run(lp)
	e.equal("results", results, 1)
	e.equal("canceled after the end", j.Cancel(), false)
}})

// lookup resolves a name as the packages of pike do: off the loop.
func (e *env) lookup(lp *loop.Loop, host string, done func([]netip.Addr, error)) {
	e.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience/2)
	_, err := loop.Work(ctx, lp, func(ctx context.Context) ([]netip.Addr, error) {
		return lp.Resolver().LookupNetIP(ctx, "ip", host)
	}, func(ips []netip.Addr, err error) {
		cancel()
		done(ips, err)
	})
	e.no(err)
}

var _ = add(line{id: "A12", name: "getaddrinfo fails", run: func(e *env) {
	const nobody = "example.invalid." // RFC 6761, 6.4
	lp := e.loop()
	_, err := tcp.Dial(lp, "", nil, func(*tcp.Conn, error) { e.Error("a dial of nothing called back") })
	if err == nil {
		e.Error("a dial of nothing began")
	}
	calls := 0
	e.lookup(lp, nobody, func(ips []netip.Addr, err error) {
		calls++
		if err == nil || len(ips) != 0 {
			e.Errorf("%s is %v, %v", nobody, ips, err)
		}
	})
	e.run(lp)
	e.equal("calls", calls, 1)
	if _, err := tcp.Listen(lp, nobody+":0", nil); err == nil { // resolves then and there
		e.Errorf("listening on %s", nobody)
	}
	e.equal("alive", lp.Alive(), false)
}})

var _ = add(line{id: "A14", name: "getaddrinfo concurrently", run: func(e *env) {
	lp := e.loop()
	var calls [10]int
	for i := range calls {
		e.lookup(lp, "localhost", func(ips []netip.Addr, err error) {
			if err == nil && len(ips) == 0 {
				e.Error("localhost has no address, and no error says why")
			}
			calls[i]++
		})
	}
	e.run(lp)
	e.equal("calls", calls, [10]int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1})
}})

var _ = add(line{id: "A15", name: "getnameinfo", skip: "pike's Resolver turns names into addresses only: the way back is " +
	"net.Resolver.LookupAddr inside loop.Work, and the standard library has no table from ports to services"})
