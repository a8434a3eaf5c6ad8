package proxyproto_test

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"

	"example.com/pike/poller"
	"example.com/pike/poller/system"
	"example.com/pike/stream/layer"
	"example.com/pike/stream/layer/layertest"
	"example.com/pike/stream/proxyproto"
)

const line = "PROXY TCP4 10.0.0.1 10.0.0.2 12345 443\r\n"

// kept is a connection whose header has come, with "behind" after it, to an owner who is not started.
func kept(t *testing.T) (r *rig, cl, sv *end) {
	r = server(t, trusting)
	cl, sv = r.pair()
	cl.send(line + "behind")
	sv.ready()
	r.settle()
	if len(sv.got) > 0 {
		t.Fatalf("%q came before Start", sv.got)
	}
	return r, cl, sv
}

// untold asks as a loop that is late does.
func (e *end) untold() (int, poller.Events) {
	f, ok := poller.As[poller.Foreteller](e.s)
	if !ok {
		e.Fatal("the stream is no Foreteller")
	}
	return f.Untold()
}

// TestKept has what came with the header wait for Start, before all that comes later.
func TestKept(t *testing.T) {
	r, cl, sv := kept(t)
	cl.send(" and more")
	r.settle()
	if n, ev := sv.untold(); n != 0 || ev != 0 {
		t.Errorf("stopped, and has to tell %d bytes, %v", n, ev)
	}
	sv.s.Start()
	if n, ev := sv.untold(); n != len("behind") || ev&poller.Readable == 0 {
		t.Errorf("has to tell %d bytes, %v", n, ev)
	}
	sv.s.Stop()
	r.settle()
	if len(sv.got) > 0 {
		t.Fatalf("%q came after Stop", sv.got)
	}
	sv.received = func([]byte) { sv.s.Stop() }
	sv.s.Start()
	r.until("the first is told", func() bool { return len(sv.got) > 0 })
	r.settle()
	if string(sv.got) != "behind" {
		t.Fatalf("%q came, and it was stopped at once", sv.got)
	}
	sv.s.Start()
	r.until("the rest is told", func() bool { return string(sv.got) == "behind and more" })
}

// TestKeptAndTheEnd has the end of a peer come after what was kept: nothing of it before Start.
func TestKeptAndTheEnd(t *testing.T) {
	r, cl, sv := kept(t)
	cl.s.Shutdown()
	w, ok := poller.As[poller.EndWatcher](sv.s)
	if !ok {
		t.Fatal("the stream is no EndWatcher")
	}
	w.WatchEnd() // which tells the end only when nothing is before it
	r.settle()
	if sv.end != nil {
		t.Fatalf("%v was told before what came before it", sv.end)
	}
	sv.s.Start()
	r.until("the end is told", func() bool { return sv.end == io.EOF })
	if string(sv.got) != "behind" {
		t.Errorf("%q came", sv.got)
	}
}

// TestKeptAndWatched has an owner watch for the end who took what was kept, and stopped.
func TestKeptAndWatched(t *testing.T) {
	r, cl, sv := kept(t)
	w, _ := poller.As[poller.EndWatcher](sv.s)
	sv.received = func([]byte) { w.WatchEnd() }
	sv.s.Start()
	r.until("it is told", func() bool { return string(sv.got) == "behind" })
	cl.s.Shutdown()
	r.until("the end is told", func() bool { return sv.end == io.EOF })
}

// TestKeptAndReset has a connection be lost while something is kept: that comes first, then the loss.
func TestKeptAndReset(t *testing.T) {
	for _, stops := range []bool{false, true} {
		r, cl, sv := kept(t)
		cl.s.Reset()
		r.settle()
		if sv.end != nil {
			t.Fatalf("%v was told before what came before it", sv.end)
		}
		if stops {
			sv.received = func([]byte) { sv.s.Stop() }
		}
		sv.s.Start()
		r.until("the loss is told", func() bool { return sv.end != nil })
		if string(sv.got) != "behind" || !errors.Is(sv.end, syscall.ECONNRESET) {
			t.Errorf("%q, %v", sv.got, sv.end)
		}
	}
}

// TestKeptAndClosed drops what was kept with the connection.
func TestKeptAndClosed(t *testing.T) {
	for _, started := range []bool{false, true} {
		r, _, sv := kept(t)
		if started {
			sv.s.Start()
		}
		sv.s.Close()
		r.until("it is closed", func() bool { return sv.closed })
		r.settle()
		if len(sv.got) > 0 {
			t.Errorf("%q came after Close", sv.got)
		}
	}
}

// TestKeptForAnother has what was kept go to who is the owner when it is told, as a layer above.
func TestKeptForAnother(t *testing.T) {
	r, _, sv := kept(t)
	other := &end{rig: r, s: sv.s, told: 1}
	sv.s.SetHandler(other)
	sv.s.Start()
	r.until("the other is told", func() bool { return string(other.got) == "behind" })
	if len(sv.got) > 0 {
		t.Errorf("the first owner was told %q", sv.got)
	}
}

// TestOwnerActsWhenConnected has owners do something in Connected, which the bytes behind the
// header come right after.
func TestOwnerActsWhenConnected(t *testing.T) {
	for name, c := range map[string]struct {
		act  func(sv *end)
		want string
	}{
		"starts":            {func(sv *end) { sv.s.Start() }, "behind"},
		"starts and stops":  {func(sv *end) { sv.s.Start(); sv.s.Stop() }, ""},
		"closes":            {func(sv *end) { sv.s.Close() }, ""},
		"starts and closes": {func(sv *end) { sv.s.Start(); sv.s.Close() }, ""},
		"panics":            {func(sv *end) { panic("the owner's") }, ""},
		"starts and panics": {func(sv *end) { sv.s.Start(); panic("the owner's") }, "behind"},
		"closes the poller": {func(sv *end) { sv.s.Start(); sv.p.Close() }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := server(t, trusting)
			cl, sv := r.pair()
			sv.connected = func() { c.act(sv) }
			cl.send(line + "behind")
			for range 100 {
				func() {
					defer func() {
						if v := recover(); v != nil && v != "the owner's" {
							panic(v)
						}
					}()
					_ = r.p.Poll(r.p.Now().Add(1e6)) // an error of the one that was closed
				}()
			}
			if sv.told != 1 || string(sv.got) != c.want {
				t.Errorf("told %d times, and then %q, want %q", sv.told, sv.got, c.want)
			}
		})
	}
}

// TestOwnerPanicsWithWhatWasKept loses nothing that comes after.
func TestOwnerPanicsWithWhatWasKept(t *testing.T) {
	r, cl, sv := kept(t)
	cl.send(" and more")
	cl.s.Shutdown()
	sv.received = func(p []byte) {
		sv.received = nil
		panic("the owner's")
	}
	sv.s.Start()
	func() {
		defer func() {
			if recover() != "the owner's" {
				t.Error("the owner has not panicked")
			}
		}()
		r.settle()
	}()
	r.until("the rest is told", func() bool { return string(sv.got) == "behind and more" && sv.end == io.EOF })
}

// TestRelease hands connections over only when the layer has nothing that who gets it would miss.
func TestRelease(t *testing.T) {
	p, err := system.Open("")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := p.(poller.Adopter); !ok {
		t.Skip("sockets are not handed over here")
	}
	r := &rig{TB: t, p: layertest.Over(p, proxyproto.Server(trusting), layer.Identity{})}
	defer r.p.Close()
	if r.ln, err = r.p.Listen(ip("127.0.0.1:0"), nil, r); err != nil {
		t.Fatal(err)
	}
	r.ln.Start()
	cl, sv := r.pair()
	rel := sv.s.(interface {
		poller.Releaser
		poller.Duplicator
	})
	refused := func(when string) {
		if _, err := rel.Release(); err == nil {
			t.Fatalf("%s: released", when)
		}
		if _, err := rel.Duplicate(); err == nil {
			t.Fatalf("%s: duplicated", when)
		}
	}
	refused("before the header")
	sv.connected = func() { refused("when connected") }
	cl.send(line + "behind")
	sv.ready()
	refused("with something kept")
	sv.s.Start()
	r.until("it is told", func() bool { return string(sv.got) == "behind" })
	fd, err := rel.Release()
	if err != nil {
		t.Fatal(err)
	}
	defer os.NewFile(fd, "released").Close()
	r.until("it is closed", func() bool { return sv.closed })
	plain, err := p.(poller.Adopter).AdoptStream(fd, sv)
	if err != nil {
		t.Fatal(err)
	}
	if plain.Peer() != cl.s.Addr() {
		t.Errorf("the peer of what was handed over is %v", plain.Peer())
	}
	plain.Close()
}
