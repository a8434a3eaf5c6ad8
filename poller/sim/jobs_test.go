package sim_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// A waitingJob arranges on a loop that wait returns in a job, some time after the job
// has begun, by what the loop does.
type waitingJob func(lp *loop.Loop) (wait func())

// later is some time, in which others have much to do.
const later = 50 * time.Millisecond

var waitingJobs = map[string]waitingJob{
	"a channel that is closed": func(lp *loop.Loop) func() {
		ch := make(chan struct{})
		timer.After(lp, later, func() { close(ch) })
		return func() { <-ch }
	},
	"a channel that is received from": func(lp *loop.Loop) func() {
		ch := make(chan int)
		timer.After(lp, later, func() { <-ch })
		return func() { ch <- 1 }
	},
	"a select": func(lp *loop.Loop) func() {
		ch, never := make(chan int, 1), make(chan int)
		timer.After(lp, later, func() { ch <- 1 })
		return func() {
			select {
			case <-ch:
			case <-never:
			}
		}
	},
	"a Mutex": func(lp *loop.Loop) func() {
		mu := new(sync.Mutex)
		mu.Lock()
		timer.After(lp, later, func() { mu.Unlock() })
		return func() { mu.Lock(); defer mu.Unlock() }
	},
	"an RWMutex": func(lp *loop.Loop) func() {
		mu := new(sync.RWMutex)
		mu.Lock()
		timer.After(lp, later, func() { mu.Unlock() })
		return func() { mu.RLock(); defer mu.RUnlock() }
	},
	"a WaitGroup": func(lp *loop.Loop) func() {
		wg := new(sync.WaitGroup)
		wg.Add(1)
		timer.After(lp, later, wg.Done)
		return wg.Wait
	},
	"a Cond": func(lp *loop.Loop) func() {
		mu, done := new(sync.Mutex), false
		c := sync.NewCond(mu)
		timer.After(lp, later, func() {
			mu.Lock()
			defer mu.Unlock()
			done = true
			c.Broadcast()
		})
		return func() {
			mu.Lock()
			defer mu.Unlock()
			for !done {
				c.Wait()
			}
		}
	},
	"replies to Post": func(lp *loop.Loop) func() {
		return func() {
			for i := range 5 {
				reply := make(chan int)
				lp.Post(func() { go func() {}(); reply <- i })
				if <-reply != i {
					panic("another's reply")
				}
			}
		}
	},
	"replies to a buffered channel": func(lp *loop.Loop) func() {
		return func() {
			for i := range 5 {
				reply := make(chan int, 1)
				lp.Post(func() { reply <- i })
				<-reply
			}
		}
	},
	"a context": func(lp *loop.Loop) func() {
		ctx, cancel := context.WithCancel(context.Background())
		timer.After(lp, later, cancel)
		return func() { <-ctx.Done() }
	},
	"another job": func(lp *loop.Loop) func() {
		ch, back := make(chan int), make(chan int)
		timer.After(lp, later, func() {
			loop.Work(context.Background(), lp, func(context.Context) (int, error) { ch <- 1; return <-back, nil }, func(int, error) {})
		})
		return func() { back <- <-ch }
	},
	"a goroutine of its own that waits": func(lp *loop.Loop) func() {
		ch := make(chan struct{})
		timer.After(lp, later, func() { close(ch) })
		return func() {
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() { <-ch })
			}
			wg.Wait()
		}
	},
	"net.Pipe": func(lp *loop.Loop) func() {
		a, b := net.Pipe()
		timer.After(lp, later, func() { a.Close() })
		return func() { io.ReadAll(b) }
	},
}

// busyWorld runs a job beside an exchange of two hosts, and reports when it ended.
func busyWorld(w *sim.World, arrange waitingJob) (ended time.Duration, err error) {
	w.Daemon(w.Host("srv"), func(h *sim.Host) error {
		return loop.RunOn(h, func(lp *loop.Loop) error {
			ln, err := tcp.Listen(lp, ":7", nil)
			if err == nil {
				ln.OnAccept = func(c *tcp.Conn) { c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) } }
			}
			return err
		})
	})
	w.Go(w.Host("cli"), func(h *sim.Host) error {
		return loop.RunOn(h, func(lp *loop.Loop) error {
			tcp.Dial(lp, "srv:7", nil, func(c *tcp.Conn, err error) {
				if err != nil {
					return
				}
				c.OnRead = func(c *tcp.Conn, p []byte) {
					if lp.Now() < 1e8 {
						c.Write(p)
					} else {
						c.Close()
					}
				}
				c.WriteString("x")
			})
			wait := arrange(lp)
			_, err := loop.Work(context.Background(), lp,
				func(context.Context) (int, error) { wait(); return 7, nil },
				func(n int, err error) {
					ended = time.Duration(lp.Now())
					if n != 7 || err != nil {
						w.Errorf("done(%d, %v)", n, err)
					}
				})
			return err
		})
	})
	err = w.Run()
	return ended, err
}

// TestJobsThatWaitForTheLoop has them do so in every way there is, many times: each
// must end, and when must not depend on how fast the job's goroutine is.
func TestJobsThatWaitForTheLoop(t *testing.T) {
	worlds := uint64(10)
	if testing.Short() {
		worlds = 3
	}
	for what, arrange := range waitingJobs {
		t.Run(what, func(t *testing.T) {
			for seed := range worlds {
				run := func() (*sim.World, time.Duration) {
					var ended time.Duration
					w, err := sim.Once(seed, sim.Config{Faults: sim.Light()}, func(w *sim.World) (err error) {
						ended, err = busyWorld(w, arrange)
						return err
					})
					if err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
					return w, ended
				}
				a, ended := run()
				if b, again := run(); a.Hash() != b.Hash() || ended != again {
					t.Errorf("seed %d: the job is done at %v, then at %v; hashes %x and %x", seed, ended, again, a.Hash(), b.Hash())
				}
				if ended == 0 {
					t.Error("the job is not done")
				}
			}
		})
	}
}

// onHost runs a program on the only host of a world.
func onHost(setup func(w *sim.World, lp *loop.Loop) error) (*sim.World, error) {
	return sim.Once(1, sim.Config{}, func(w *sim.World) error {
		w.Go(w.Host("h"), func(h *sim.Host) error {
			return loop.RunOn(h, func(lp *loop.Loop) error { return setup(w, lp) })
		})
		return w.Run()
	})
}

func work(lp *loop.Loop, job func()) error {
	_, err := loop.Work(context.Background(), lp, func(context.Context) (int, error) { job(); return 0, nil }, func(int, error) {})
	return err
}

// TestJobThatNobodyReleases is a deadlock, and the report says where the job waits.
func TestJobThatNobodyReleases(t *testing.T) {
	never := make(chan int)
	t.Cleanup(func() { close(never) })
	var story strings.Builder
	_, err := sim.Once(1, sim.Config{Trace: &story}, func(w *sim.World) error {
		w.Go(w.Host("h"), func(h *sim.Host) error {
			return loop.RunOn(h, func(lp *loop.Loop) error { return work(lp, func() { <-never }) })
		})
		return w.Run()
	})
	if !errors.Is(err, sim.ErrDeadlock) {
		t.Fatalf("Run: %v", err)
	}
	for _, text := range []string{"deadlock at ", "job 1 waits: chan receive in ", "sim_test.TestJobThatNobodyReleases", "(jobs_test.go:"} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the report does not say %q:\n%v", text, err)
		}
	}
	if !strings.Contains(story.String(), "h: lets job 1 wait") {
		t.Errorf("the trace is\n%s", &story)
	}
}

// TestJobWaitsForItsGoroutines must not take such a job for one that waits for the
// world: it ends at the moment at which it has begun.
func TestJobWaitsForItsGoroutines(t *testing.T) {
	for what, job := range map[string]func(){
		"by itself": func() { time.Sleep(5 * time.Millisecond) },
		"child": func() {
			ch := make(chan int)
			go func() { time.Sleep(5 * time.Millisecond); close(ch) }()
			<-ch
		},
		"grandchild": func() {
			var wg sync.WaitGroup
			wg.Go(func() { wg.Go(func() { time.Sleep(5 * time.Millisecond) }) })
			wg.Wait()
		},
		"socket": func() {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return
			}
			defer ln.Close()
			go func() {
				time.Sleep(5 * time.Millisecond)
				net.Dial("tcp", ln.Addr().String())
			}()
			ln.Accept()
		},
	} {
		var story strings.Builder
		_, err := sim.Once(1, sim.Config{Trace: &story}, func(w *sim.World) error {
			w.Go(w.Host("h"), func(h *sim.Host) error {
				return loop.RunOn(h, func(lp *loop.Loop) error { return work(lp, job) })
			})
			return w.Run()
		})
		if err != nil || strings.Contains(story.String(), "lets job") || !strings.Contains(story.String(), "finished job 1") {
			t.Errorf("%s: %v\n%s", what, err, &story)
		}
	}
}

// TestJobWaitsForGoroutinesOfAnEarlierOne has two jobs, as the steps of a TLS handshake are: what the first has
// begun goes on for the second, for longer than strangers are waited for.
func TestJobWaitsForGoroutinesOfAnEarlierOne(t *testing.T) {
	var story strings.Builder
	_, err := sim.Once(1, sim.Config{Trace: &story}, func(w *sim.World) error {
		w.Go(w.Host("h"), func(h *sim.Host) error {
			return loop.RunOn(h, func(lp *loop.Loop) error {
				turn, back := make(chan struct{}), make(chan struct{})
				first := func() {
					go func() {
						<-turn
						for end := time.Now().Add(120 * time.Millisecond); time.Now().Before(end); {
						}
						close(back)
					}()
				}
				second := func() { turn <- struct{}{}; <-back }
				timer.After(lp, later, func() { work(lp, second) })
				return work(lp, first)
			})
		})
		return w.Run()
	})
	if err != nil || strings.Contains(story.String(), "lets job") || !strings.Contains(story.String(), "finished job 2") {
		t.Errorf("%v\n%s", err, &story)
	}
}

// TestHowJobsEnd has them panic, exit and fail a world, at once and after waiting.
func TestHowJobsEnd(t *testing.T) {
	for _, waits := range []bool{false, true} {
		run := func(end func(w *sim.World)) error {
			_, err := onHost(func(w *sim.World, lp *loop.Loop) error {
				ch := make(chan int)
				timer.After(lp, time.Second, func() { close(ch) })
				return work(lp, func() {
					if waits {
						<-ch
					}
					end(w)
				})
			})
			return err
		}
		if err := run(func(*sim.World) { panic("lost") }); err == nil || !strings.HasPrefix(err.Error(), "panic: h: lost\n") {
			t.Errorf("waited %v, then panicked: %v", waits, err)
		}
		if err := run(func(*sim.World) { runtime.Goexit() }); err != nil {
			t.Errorf("waited %v, then exited: %v", waits, err)
		}
		if err := run(func(w *sim.World) { w.Errorf("wrong") }); err == nil || err.Error() != "wrong" {
			t.Errorf("waited %v, then failed the world: %v", waits, err)
		}
	}
}

// TestJobOfADeadProcess is released after the process was killed, and after the world
// has ended: no goroutine stays, and nothing happens to what has come after it.
func TestJobOfADeadProcess(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, end := range []string{"killed", "crashed", "over"} {
		lives := 0
		ch := make(chan int)
		_, err := sim.Once(1, sim.Config{}, func(w *sim.World) error {
			h := w.Host("h")
			h.Restart = time.Second
			w.Daemon(h, func(h *sim.Host) error {
				lives++
				defer func() {
					if end == "over" {
						close(ch)
					}
				}()
				return loop.RunOn(h, func(lp *loop.Loop) error {
					timer.Every(lp, time.Second, func() {})
					if lives > 1 {
						return nil
					}
					return work(lp, func() {
						<-ch
						lp.Post(func() { w.Errorf("a loop that is closed has called back") })
						h.LookupNetIP(context.Background(), "ip", "h")
					})
				})
			})
			w.Go(w.Host("other"), func(h *sim.Host) error {
				return loop.RunOn(h, func(lp *loop.Loop) error {
					_, err := timer.After(lp, time.Minute, func() {})
					return err
				})
			})
			switch end {
			case "killed":
				w.At(time.Second, h.Kill)
				w.At(5*time.Second, func() { close(ch) })
			case "crashed":
				w.At(time.Second, h.Crash)
				w.At(5*time.Second, func() { close(ch) })
			}
			return w.Run()
		})
		if err != nil {
			t.Errorf("%s: %v", end, err)
		}
	}
	for range 100 { // a goroutine that has ended may still be counted
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, and %d before", runtime.NumGoroutine(), before)
}

// TestJobThatHoldsALock posts with a mutex held that a callback wants: the world must
// not stand still for good.
func TestJobThatHoldsALock(t *testing.T) {
	posted := false
	_, err := onHost(func(w *sim.World, lp *loop.Loop) error {
		var mu sync.Mutex
		ch := make(chan int)
		timer.After(lp, time.Second, func() {
			close(ch)
			time.Sleep(10 * time.Millisecond) // of the real clock: the job has the mutex now
			mu.Lock()
			defer mu.Unlock()
		})
		return work(lp, func() {
			<-ch
			mu.Lock()
			defer mu.Unlock()
			lp.Post(func() { posted = true })
		})
	})
	if err != nil || !posted {
		t.Errorf("posted: %v; %v", posted, err)
	}
}
