package loop_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/timer"
)

// OnKind is told of each kind once, until another one comes.
func TestOnKind(t *testing.T) {
	var seen []string
	w := sim.New(1, sim.Config{})
	lp := newLoop(t, loop.Options{Poller: w.Host("host"), OnKind: func(kind string) { seen = append(seen, kind) }})
	no(t, lp.Post(func() { seen = append(seen, "-") }))
	no(t, lp.Post(func() { seen = append(seen, "-") }))
	for i := range 2 {
		_, err := timer.After(lp, time.Duration(i+1)*time.Second, func() { seen = append(seen, "+") })
		no(t, err)
	}
	run(t, lp)
	if want := []string{"post", "-", "-", "timer.Timer", "+", "+"}; !slices.Equal(seen, want) {
		t.Errorf("%q, want %q", seen, want)
	}
}

// A trace has the callbacks as regions. It may be turned on while the loop runs.
func TestTraceHasCallbacks(t *testing.T) {
	if trace.IsEnabled() {
		t.Skip("the test itself is traced")
	}
	var out bytes.Buffer
	lp := newLoop(t, loop.Options{})
	no(t, lp.Post(func() {
		no(t, trace.Start(&out))
		_, err := timer.After(lp, time.Millisecond, func() {
			_, err := timer.After(lp, time.Millisecond, func() { no(t, lp.Post(trace.Stop)) })
			no(t, err)
		})
		no(t, err)
	}))
	run(t, lp)
	if !bytes.Contains(out.Bytes(), []byte("timer.Timer")) {
		t.Error("the trace does not know of timers")
	}
}

// A profile of the processor then tells what each kind of callback has cost (go tool pprof -tags).
func ExampleOptions_onKind() {
	contexts := map[string]context.Context{}
	lp, err := loop.New(loop.Options{OnKind: func(kind string) {
		ctx, ok := contexts[kind]
		if !ok { // once a kind, because it allocates
			ctx = pprof.WithLabels(context.Background(), pprof.Labels("callback", kind))
			contexts[kind] = ctx
		}
		pprof.SetGoroutineLabels(ctx)
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lp.Close()
	lp.Post(func() { fmt.Println("hello") })
	if err := lp.Run(); err != nil {
		fmt.Println(err)
	}
	// Output: hello
}

// This is all that /debug/vars needs: expvar.Publish("loop", expvar.Func(func() any { return lp.Metrics() })). Who
// wants the last minute asks once a minute, and takes the difference.
func ExampleLoop_Metrics() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lp.Close()
	before := lp.Metrics()
	timer.After(lp, time.Millisecond, func() {})
	if err := lp.Run(); err != nil {
		fmt.Println(err)
		return
	}
	m := lp.Metrics()
	since := m.Since(&before)
	fmt.Println("timers and posts:", since.Lag.Count)
	fmt.Println("99 of 100 were less than a second late:", since.Lag.Quantile(0.99) < time.Second)
	// Output:
	// timers and posts: 1
	// 99 of 100 were less than a second late: true
}

func ExampleLoop_Explain() {
	w := sim.New(1, sim.Config{}) // so that the time left is known
	lp, err := loop.New(loop.Options{Poller: w.Host("host")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lp.Close()
	timer.Every(lp, time.Minute, func() {})
	var b bytes.Buffer
	lp.Explain(&b)
	fmt.Print(b.String())
	// Output:
	// 1 handle keeps the loop running; 1 timeout is armed, which expires in 1m0s
	//   timer.Timer      fires in 1m0s, then every 1m0s
}
