package pollertest

import (
	"errors"
	"time"

	"example.com/pike/poller"
)

var optionClauses = []clause{
	{name: "Option_of_streams", test: func(r *rig) { a, _ := r.pair(nil); r.options(a.s, streamOptions) }, both: true},
	{name: "Option_of_packet_sockets", test: func(r *rig) { r.options(r.bind(nil).s, packetOptions) }, both: true},
	{name: "Option_of_listeners", test: func(r *rig) { r.options(r.listen(nil).s, listenerOptions) }, both: true},
	{name: "Option_unknown", test: optionUnknown},
	{name: "Option_linger_zero_resets", test: lingerZero},
	{name: "Option_linger_keeps_nobody_waiting", test: lingerLong},
}

// An optionCase says which values an option takes and which it must refuse. An option with
// neither does not exist for the kind of socket.
type optionCase struct {
	o         poller.Option
	good, bad []int
	atLeast   bool // the system may round up what was set
	perhaps   bool // the system may not have it
}

var flags, nonFlags = []int{1, 0, 1}, []int{2, -1}

var streamOptions = []optionCase{
	{o: poller.NoDelay, good: flags, bad: nonFlags},
	{o: poller.KeepAlive, good: flags, bad: nonFlags},
	{o: poller.KeepAliveIdle, good: []int{7, 60}, bad: []int{-1, 0}},
	{o: poller.KeepAliveInterval, good: []int{7, 60}, bad: []int{-1, 0}},
	{o: poller.KeepAliveCount, good: []int{3, 9}, bad: []int{-1, 0}, perhaps: true},
	{o: poller.UserTimeout, good: []int{5000, 0, 90_000}, bad: []int{-1}, perhaps: true},
	{o: poller.Linger, good: []int{5, 0, -1}, bad: []int{-2}},
	{o: poller.RecvBuffer, good: []int{10_000, 1 << 16}, bad: []int{-1}, atLeast: true},
	{o: poller.SendBuffer, good: []int{10_000, 1 << 16}, bad: []int{-1}, atLeast: true},
	{o: poller.TTL, good: []int{1, 64, 255}, bad: []int{-1, 0, 256}},
	{o: poller.BacklogSize},
}

var packetOptions = []optionCase{
	{o: poller.Broadcast, good: flags, bad: nonFlags},
	{o: poller.RecvBuffer, good: []int{10_000, 1 << 16}, bad: []int{-1}, atLeast: true},
	{o: poller.SendBuffer, good: []int{10_000, 1 << 16}, bad: []int{-1}, atLeast: true},
	{o: poller.TTL, good: []int{1, 64, 255}, bad: []int{-1, 0, 256}},
	{o: poller.MulticastTTL, good: []int{0, 1, 255}, bad: []int{-1, 256}},
	{o: poller.MulticastLoop, good: flags, bad: nonFlags},
	{o: poller.NoDelay},
	{o: poller.KeepAliveIdle},
	{o: poller.UserTimeout},
	{o: poller.BacklogSize},
}

var listenerOptions = []optionCase{
	{o: poller.NoDelay, good: flags, bad: nonFlags},
	{o: poller.KeepAlive, good: flags, bad: nonFlags},
	{o: poller.RecvBuffer, good: []int{1 << 16}, bad: []int{-1}, atLeast: true},
}

func (r *rig) options(s poller.Socket, table []optionCase) {
	r.Helper()
	for _, c := range table {
		if _, err := s.Option(c.o); c.perhaps && errors.Is(err, errors.ErrUnsupported) {
			r.Logf("this system has no option %d", c.o)
			c.good = nil
		}
		for _, v := range c.good {
			err := s.SetOption(c.o, v)
			if errors.Is(err, errors.ErrUnsupported) && keepAliveTime(c.o) && !keepAliveTimes {
				break
			}
			if err != nil {
				r.Errorf("option %d: setting %d: %v", c.o, v, err)
				continue
			}
			got, err := s.Option(c.o)
			if err != nil || got != v && !(c.atLeast && got > v) {
				r.Errorf("option %d: %d, %v after setting %d", c.o, got, err, v)
			}
		}
		for _, v := range c.bad {
			before, _ := s.Option(c.o)
			if err := s.SetOption(c.o, v); err == nil {
				r.Errorf("option %d: %d was taken", c.o, v)
			}
			if after, _ := s.Option(c.o); after != before {
				r.Errorf("option %d: setting %d was refused, and it went from %d to %d", c.o, v, before, after)
			}
		}
		if c.good == nil {
			if err := s.SetOption(c.o, 1); !errors.Is(err, errors.ErrUnsupported) {
				r.Errorf("option %d, which this has not: setting it: %v", c.o, err)
			}
			if _, err := s.Option(c.o); !errors.Is(err, errors.ErrUnsupported) {
				r.Errorf("option %d, which this has not: reading it: %v", c.o, err)
			}
		}
	}
}

func optionUnknown(r *rig) {
	a, _ := r.pair(nil)
	v, p := r.listen(nil), r.bind(nil)
	for _, s := range []poller.Socket{a.s, v.s, p.s} {
		for _, o := range []poller.Option{0, 200, poller.V6Only} { // these are IPv4
			if err := s.SetOption(o, 1); !errors.Is(err, errors.ErrUnsupported) {
				r.Errorf("setting option %d: %v, want errors.ErrUnsupported", o, err)
			}
			if _, err := s.Option(o); !errors.Is(err, errors.ErrUnsupported) {
				r.Errorf("reading option %d: %v, want errors.ErrUnsupported", o, err)
			}
		}
	}
	if err := v.s.SetOption(poller.BacklogSize, 10); err != nil {
		r.Errorf("setting a listener's BacklogSize: %v", err)
	}
	if err := v.s.SetOption(poller.BacklogSize, -1); err == nil {
		r.Error("a listener took a BacklogSize of -1")
	}
}

// lingerZero is how a caller asks for what Reset does.
func lingerZero(r *rig) {
	a, b := r.pair(nil)
	b.start()
	r.settle()
	r.noError("SetOption", a.s.SetOption(poller.Linger, 0))
	a.close()
	r.until("receiving ends", b.ended)
	r.is("a close with Linger 0", b.end, faultReset)
}

// lingerLong holds that Close does not wait for unsent data, however long the socket is to
// linger, and that the peer gets all of it.
func lingerLong(r *rig) {
	v := r.listen(nil)
	r.noError("SetOption", v.s.SetOption(poller.Linger, 30))
	a, b := r.pairOf(v, nil) // b may have it from the listener
	r.noError("SetOption", a.s.SetOption(poller.Linger, 30))
	for _, c := range []*conn{a, b} {
		for c.trySend(50_000) == 50_000 {
		}
		r.promptly("a close with a time to linger", func() {
			c.close()
			r.until("it is closed", c.over)
		})
	}
}

// promptly holds that f takes less than a third of the linger time that these tests set.
func (r *rig) promptly(what string, f func()) {
	r.Helper()
	start := r.p.Now()
	f()
	if took := r.p.Now().Sub(start); took > 10*time.Second {
		r.Errorf("%s took %v", what, took)
	}
}

var inheritClauses = []clause{
	{name: "Options_defaults", test: optionDefaults, both: true},
	{name: "Options_that_accepted_sockets_inherit", test: optionsInherited, both: true},
	{name: "Options_of_dialed_sockets", test: optionsDialed},
}

// keepAliveTime reports whether an option is one that not every system has.
func keepAliveTime(o poller.Option) bool {
	return o == poller.KeepAliveIdle || o == poller.KeepAliveInterval || o == poller.KeepAliveCount
}

func (r *rig) reads(what string, s poller.Socket, o poller.Option, want int) {
	r.Helper()
	if keepAliveTime(o) && !keepAliveTimes {
		return
	}
	if got, err := s.Option(o); err != nil || got != want {
		r.Errorf("%s: option %d is %d, %v; want %d", what, o, got, err, want)
	}
}

func optionDefaults(r *rig) {
	a, b := r.pair(nil)
	for _, c := range []*conn{a, b} {
		r.reads(c.name, c.s, poller.NoDelay, 1)
		r.reads(c.name, c.s, poller.KeepAlive, 1)
		r.reads(c.name, c.s, poller.KeepAliveIdle, 15)
		r.reads(c.name, c.s, poller.KeepAliveInterval, 15)
		r.reads(c.name, c.s, poller.Linger, -1)
	}
	p := r.bind(nil)
	r.reads(p.name, p.s, poller.Broadcast, 0)
}

func optionsInherited(r *rig) {
	v := r.listen(&poller.Options{Delay: true, KeepAlive: -1, RecvBuffer: 50_000, SendBuffer: 60_000})
	_, b := r.pairOf(v, nil)
	r.reads(b.name, b.s, poller.NoDelay, 0)
	r.reads(b.name, b.s, poller.KeepAlive, 0)
	for _, o := range []poller.Option{poller.RecvBuffer, poller.SendBuffer} {
		n, err := v.s.Option(o)
		r.noError("Option", err)
		// Some systems round up to whole segments, and those of loopback are large.
		if got, err := b.s.Option(o); err != nil || got < n || got > 2*n {
			r.Errorf("%s: option %d is %d, %v; the listener has %d", b.name, o, got, err, n)
		}
	}
	w := r.listen(&poller.Options{KeepAlive: 1500 * time.Millisecond})
	_, c := r.pairOf(w, nil)
	r.reads(c.name, c.s, poller.NoDelay, 1)
	r.reads(c.name, c.s, poller.KeepAlive, 1)
	r.reads(c.name, c.s, poller.KeepAliveIdle, 2) // rounded up to the system's seconds
}

func optionsDialed(r *rig) {
	v := r.listen(nil)
	a, _ := r.pairOf(v, &poller.Options{Delay: true, KeepAlive: time.Minute})
	r.reads(a.name, a.s, poller.NoDelay, 0)
	r.reads(a.name, a.s, poller.KeepAliveIdle, 60)
	b, _ := r.pairOf(v, &poller.Options{KeepAlive: -1})
	r.reads(b.name, b.s, poller.NoDelay, 1)
	r.reads(b.name, b.s, poller.KeepAlive, 0)
}
