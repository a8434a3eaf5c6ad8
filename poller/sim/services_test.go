package sim_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

func TestNames(t *testing.T) {
	n, a, _ := two(t, 1, sim.Config{})
	n.World.Host("Mixed", "192.0.2.9")
	n.World.Name("DB.example.", "192.0.2.7", "2001:db8::7")
	n.World.Name("gone.example", "192.0.2.8")
	n.World.Name("gone.example")
	for _, c := range []struct {
		network, name string
		want          []string
	}{
		{"ip", "db.example", []string{"192.0.2.7", "2001:db8::7"}},
		{"ip4", "DB.example.", []string{"192.0.2.7"}},
		{"ip6", "db.example", []string{"2001:db8::7"}},
		{"ip", "mixed", []string{"192.0.2.9"}},
		{"ip", "b", []string{"10.0.0.2", "fd00::2"}},
		{"ip", "localhost", []string{"127.0.0.1", "::1"}},
		{"ip", "198.51.100.1", []string{"198.51.100.1"}},
		{"ip", "gone.example", nil},
		{"ip", "nobody.example", nil},
	} {
		got, err := a.LookupNetIP(context.Background(), c.network, c.name)
		var want []netip.Addr
		for _, ip := range c.want {
			want = append(want, netip.MustParseAddr(ip))
		}
		var dns *net.DNSError
		if !slices.Equal(got, want) || (err != nil) != (c.want == nil) || err != nil && !(errors.As(err, &dns) && dns.IsNotFound) {
			t.Errorf("%s %s: %v, %v", c.network, c.name, got, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := a.LookupNetIP(ctx, "ip", "b"); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
}

// TestJobs runs more of them than there are workers.
func TestJobs(t *testing.T) {
	n, a, _ := two(t, 1, sim.Config{Workers: 2})
	var order []int
	for i := range 20 {
		if err := a.Submit(func() { order = append(order, i) }); err != nil {
			t.Fatal(err)
		}
	}
	if len(order) > 0 {
		t.Error("Submit ran a job")
	}
	n.until("all are done", func() bool { return len(order) == 20 })
	within(t, "20 jobs of up to 2 ms by two workers", time.Duration(n.Now()), 2*time.Millisecond, 25*time.Millisecond)
	if slices.IsSorted(order) {
		t.Error("the jobs ended in the order they were given")
	}
	a.Submit(func() { t.Error("a job of a process that has crashed ran") })
	a.Crash()
	n.hosts = n.hosts[1:]
	n.turn(time.Second)
}

func TestSignals(t *testing.T) {
	n, a, _ := two(t, 1, sim.Config{})
	var all, some []os.Signal
	stop := a.Signals(func(s os.Signal) { all = append(all, s) })
	stopSome := a.Signals(func(s os.Signal) { some = append(some, s) }, os.Interrupt)
	n.At(time.Second, func() { a.Signal(syscall.SIGTERM) })
	n.At(2*time.Second, func() { a.Signal(os.Interrupt) })
	if err := a.Poll(poller.Never); err != nil || a.Now() < poller.Time(time.Second) || len(all) != 1 {
		t.Errorf("Poll until a signal: %v, %v", all, err)
	}
	n.turn(2 * time.Second)
	if !slices.Equal(all, []os.Signal{syscall.SIGTERM, os.Interrupt}) || !slices.Equal(some, []os.Signal{os.Interrupt}) {
		t.Errorf("%v and %v", all, some)
	}
	stop()
	stopSome()
	stop()
	a.Signal(syscall.SIGTERM) // nobody listens
	n.hosts = n.hosts[1:]
	n.turn(time.Second)
	if err := a.Poll(n.Now().Add(time.Second)); err != nil {
		t.Errorf("the Poll that takes the signal: %v", err)
	}
	if err := a.Poll(n.Now().Add(time.Second)); !errors.Is(err, sim.ErrKilled) {
		t.Errorf("after it: %v", err)
	}
}

// TestWake is called from another goroutine, from an upcall, and before Poll.
func TestWake(t *testing.T) {
	n, a, _ := two(t, 1, sim.Config{})
	done := make(chan error)
	go func() { done <- a.Wake() }()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for range 5 {
		a.Wake()
	}
	if err := a.Poll(poller.Never); err != nil || n.Now() > poller.Time(time.Millisecond) {
		t.Errorf("Poll after Wake: %v at %v", err, n.Now())
	}
	start := n.Now()
	if err := a.Poll(start.Add(time.Second)); err != nil || n.Now() != start.Add(time.Second) {
		t.Errorf("the next Poll: %v at %v", err, n.Now())
	}
	n.At(time.Second, func() { a.Wake() })
	if err := a.Poll(poller.Never); err != nil {
		t.Errorf("Poll until a Wake in the world: %v", err)
	}
}

func TestWatchIsUnsupported(t *testing.T) {
	_, a, _ := two(t, 1, sim.Config{})
	if _, err := a.Watch(0, poller.Readable, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Watch: %v", err)
	}
}
