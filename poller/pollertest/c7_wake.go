package pollertest

import (
	"time"

	"example.com/pike/poller"
)

var wakeClauses = []clause{
	{name: "C7_wake_before_poll", test: wakeBeforePoll},
	{name: "C7_wake_ends_never", test: wakeEndsNever},
	{name: "C7_many_wakes_one_return", test: manyWakes},
	{name: "C7_wake_inside_an_upcall", test: wakeInUpcall},
	{name: "C7_wake_does_not_hide_sockets", test: wakeAndSockets},
}

func (r *rig) wake() {
	r.Helper()
	r.call("Wake", func() {
		if err := r.p.Wake(); err != nil {
			r.Fatalf("Wake: %v", err)
		}
	})
}

// wokenWithin holds that the next Poll returns long before its deadline.
func (r *rig) wokenWithin(what string) {
	r.Helper()
	start := r.p.Now()
	r.poll(start.Add(patience))
	if d := r.p.Now().Sub(start); d > patience/2 {
		r.Fatalf("%s: Poll returned after %v", what, d)
	}
}

func wakeBeforePoll(r *rig) {
	for range 100 {
		r.wake()
		r.wokenWithin("a Wake before Poll")
	}
}

func wakeEndsNever(r *rig) {
	for range 10 {
		r.wake()
		r.poll(poller.Never)
	}
}

// manyWakes counts the Polls that it takes to get to a deadline.
func manyWakes(r *rig) {
	const wakes = 100
	for range 5 {
		for range wakes {
			r.wake()
		}
		r.wokenWithin("many Wakes")
		if n := r.idle(5 * time.Millisecond); n > 5 {
			r.Errorf("after %d Wakes %d Polls returned early", wakes, n)
		}
	}
}

func wakeInUpcall(r *rig) {
	a, b := r.pair(nil)
	b.on.received = func([]byte, error) { r.wake() }
	b.start()
	for n := int64(1); n <= 10; n++ {
		a.send(1)
		r.until("a byte is there", func() bool { return b.in == n })
		r.wokenWithin("a Wake inside an upcall")
	}
}

func wakeAndSockets(r *rig) {
	a, b := r.pair(nil)
	b.start()
	for n := int64(1); n <= 20; n++ {
		a.send(1)
		for polls := 0; b.in < n; polls++ {
			r.wake()
			if polls > 10_000 {
				r.Fatalf("%d Polls that were woken did not report a socket", polls)
			}
			r.poll(r.p.Now().Add(100 * time.Microsecond))
		}
	}
}
