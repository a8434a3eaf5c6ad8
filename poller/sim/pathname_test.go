package sim_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
)

var chat = poller.Addr{Path: "/run/chat"}

func listenPath(h *sim.Host, path string, f poller.SocketFile) (*door, error) {
	d := new(door)
	var err error
	if d.s, err = h.Listen(poller.Addr{Path: path}, &poller.Options{File: f}, d); err != nil {
		return nil, err
	}
	d.s.Start()
	return d, nil
}

func TestUnixDomain(t *testing.T) {
	n, a, _ := two(t, 1, sim.Config{})
	d, err := listenPath(a, chat.Path, poller.SocketFile{})
	if err != nil {
		t.Fatal(err)
	}
	e := dial(t, a, chat)
	if p := e.s.Peer(); p.IsValid() {
		t.Errorf("before it is connected the peer is %v", p)
	}
	n.until("accepted", func() bool { return len(d.ends) == 1 && e.connected })
	e.send([]byte("x"))
	n.until("received", func() bool { return len(d.ends[0].got) == 1 })
	if e.s.Peer() != chat || d.ends[0].s.Addr() != chat || d.ends[0].s.Peer().IsValid() || e.s.Addr().IsValid() {
		t.Errorf("dialed %v to %v, accepted %v to %v", e.s.Addr(), e.s.Peer(), d.ends[0].s.Addr(), d.ends[0].s.Peer())
	}
	if _, err := listenPath(a, chat.Path, poller.SocketFile{}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second listener: %v", err)
	}
	d.s.Close()
	e = dial(t, a, chat)
	n.until("there is no file", func() bool { return errors.Is(e.dialErr, syscall.ENOENT) })
	n.until("it is closed", func() bool { return d.closed })
	if _, err := listenPath(a, chat.Path, poller.SocketFile{}); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

// TestPathStays has servers end in each of the ways that leave the file.
func TestPathStays(t *testing.T) {
	type end struct {
		name string
		end  func(n *testnet, a *sim.Host, d *door)
	}
	for _, c := range []end{
		{"killed", func(n *testnet, a *sim.Host, d *door) { a.Kill(); n.turn(time.Millisecond) }},
		{"without power", func(n *testnet, a *sim.Host, d *door) { a.Crash(); n.turn(time.Millisecond) }},
		{"Keep, closed", func(n *testnet, a *sim.Host, d *door) {
			d.s.Close()
			n.hosts = append(n.hosts, a) // here the server
			n.until("it is closed", func() bool { return d.closed })
		}},
		{"Keep, the poller is closed", func(n *testnet, a *sim.Host, d *door) { a.Close() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, a, b := two(t, 1, sim.Config{})
			server := a.Process("server")
			d, err := listenPath(server, chat.Path, poller.SocketFile{Keep: strings.HasPrefix(c.name, "Keep")})
			if err != nil {
				t.Fatal(err)
			}
			n.hosts = []*sim.Host{b}
			c.end(n, server, d)
			a.Boot()
			n.hosts = append(n.hosts, a)
			if mode, ok := a.Mode(chat.Path); !ok || mode != 0o755 {
				t.Fatalf("the file: %v, %v", mode, ok)
			}
			e := dial(t, a, chat)
			n.until("nobody listens", func() bool { return errors.Is(e.dialErr, syscall.ECONNREFUSED) })
			if _, err := listenPath(a, chat.Path, poller.SocketFile{NoTakeover: true}); !errors.Is(err, syscall.EADDRINUSE) {
				t.Errorf("NoTakeover: %v", err)
			}
			v, err := listenPath(a, chat.Path, poller.SocketFile{})
			if err != nil {
				t.Fatal(err)
			}
			e = dial(t, a, chat)
			n.until("the new server has it", func() bool { return len(v.ends) == 1 && e.connected })
			v.s.Close()
			if _, ok := a.Mode(chat.Path); ok {
				t.Error("the file is there after Close")
			}
		})
	}
}

// TestPathOfAnother has somebody remove the file and listen at the path: that one's file stays
// when the first listener closes.
func TestPathOfAnother(t *testing.T) {
	n, a, _ := two(t, 1, sim.Config{})
	first, err := listenPath(a, chat.Path, poller.SocketFile{})
	if err != nil {
		t.Fatal(err)
	}
	a.Unlink(chat.Path)
	second, err := listenPath(a, chat.Path, poller.SocketFile{})
	if err != nil {
		t.Fatal(err)
	}
	first.s.Close()
	n.until("it is closed", func() bool { return first.closed })
	e := dial(t, a, chat)
	n.until("the second has it", func() bool { return len(second.ends) == 1 && e.connected })
	a.Close()
	if _, ok := a.Mode(chat.Path); ok {
		t.Error("the file is there after the poller's Close")
	}
}

func TestPathNames(t *testing.T) {
	n, a, _ := two(t, 1, sim.Config{})
	var err error
	for path, want := range map[string]error{
		strings.Repeat("x", 107):       nil,
		strings.Repeat("x", 108):       syscall.ENAMETOOLONG,
		"@" + strings.Repeat("x", 107): nil,
		"@" + strings.Repeat("x", 108): syscall.ENAMETOOLONG,
		"/run/a\x00b":                  syscall.EINVAL,
	} {
		if _, err := listenPath(a, path, poller.SocketFile{}); !errors.Is(err, want) {
			t.Errorf("Listen %q: %v, want %v", path, err, want)
		}
		e := new(end)
		if e.s, err = a.Dial(poller.Addr{Path: path}, nil, e); !errors.Is(err, want) {
			t.Errorf("Dial %q: %v, want %v", path, err, want)
		}
		if err == nil {
			n.until("it is connected", func() bool { return e.connected })
		}
	}
	e := dial(t, a, poller.Addr{Path: "@nobody"})
	n.until("refused", func() bool { return errors.Is(e.dialErr, syscall.ECONNREFUSED) })
	d, err := listenPath(a, "@name", poller.SocketFile{Keep: true})
	if err != nil {
		t.Fatal(err)
	}
	d.s.Close()
	n.until("it is closed", func() bool { return d.closed })
	if _, err := listenPath(a, "@name", poller.SocketFile{NoTakeover: true}); err != nil {
		t.Errorf("an abstract name stays: %v", err)
	}
	if _, err := listenPath(a, "@other", poller.SocketFile{Mode: 0o600}); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("a Mode of an abstract name: %v", err)
	}
	if _, err := listenPath(a, "other", poller.SocketFile{Mode: os.ModeSetuid | 0o600}); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("a Mode that is none: %v", err)
	}
}

func TestPathBacklog(t *testing.T) {
	n, a, _ := two(t, 1, sim.Config{})
	d := new(door)
	var err error
	if d.s, err = a.Listen(chat, &poller.Options{Backlog: 1}, d); err != nil {
		t.Fatal(err)
	}
	dial(t, a, chat)
	dial(t, a, chat)
	n.turn(time.Second)
	e := dial(t, a, chat)
	n.until("it is full", func() bool { return errors.Is(e.dialErr, syscall.EAGAIN) })
	d.s.Start()
	n.until("two are accepted", func() bool { return len(d.ends) == 2 })
}

// TestPathCredentials has processes of several users meet a file.
func TestPathCredentials(t *testing.T) {
	n, root, _ := two(t, 1, sim.Config{})
	user := func(name string, uid, gid int) *sim.Host {
		h := root.Process(name)
		h.UID, h.GID = uid, gid
		n.hosts = append(n.hosts, h)
		return h
	}
	srv, own := user("srv", 100, 10), user("own", 100, 99)
	group, other := user("group", 101, 10), user("other", 102, 11)
	for _, c := range []struct {
		mode os.FileMode
		may  [4]bool // root, own, group, other
	}{
		{0, [4]bool{true, true, false, false}},
		{0o600, [4]bool{true, true, false, false}},
		{0o660, [4]bool{true, true, true, false}},
		{0o777, [4]bool{true, true, true, true}},
		{0o444, [4]bool{true, false, false, false}},
		{0o002, [4]bool{true, false, false, true}},
	} {
		d, err := listenPath(srv, chat.Path, poller.SocketFile{Mode: c.mode})
		if err != nil {
			t.Fatal(err)
		}
		for i, h := range []*sim.Host{root, own, group, other} {
			e := dial(t, h, chat)
			n.until("the dial has ended", func() bool { return e.connected && e.dialErr == nil || e.dialErr != nil })
			if c.may[i] != (e.dialErr == nil) || e.dialErr != nil && !errors.Is(e.dialErr, syscall.EACCES) {
				t.Errorf("%s, %04o: %v", h.Name(), uint32(c.mode), e.dialErr)
			}
			if e.dialErr != nil {
				continue
			}
			n.until("it is accepted", func() bool { return len(d.ends) == 1 })
			credIs(t, d.ends[0].s, h, nil)
			credIs(t, e.s, srv, nil)
			e.s.Close()
			credIs(t, e.s, srv, net.ErrClosed)
			d.ends = nil
		}
		d.s.Close()
		n.until("it is closed", func() bool { return d.closed })
	}
	d := listen(t, root, nil)
	e := dial(t, root, at("127.0.0.1", port))
	n.until("accepted", func() bool { return len(d.ends) == 1 && e.connected })
	credIs(t, e.s, root, errors.ErrUnsupported)
}

func credIs(t *testing.T, s poller.Stream, of *sim.Host, want error) {
	t.Helper()
	c, err := s.(poller.Credentialed).PeerCred()
	if !errors.Is(err, want) || want == nil && (c.UID != of.UID || c.GID != of.GID || c.PID == 0) {
		t.Errorf("%s: %+v, %v", of.Name(), c, err)
	}
}

// TestPathFaults has every rule of a network name the machine: none of them strikes what
// does not go through one, but Refuse, which a system may answer, too.
func TestPathFaults(t *testing.T) {
	var rules []sim.Rule
	for _, f := range []sim.Fault{sim.Timeout, sim.Reset, sim.Stall, sim.LateWindow, sim.Partition} {
		rules = append(rules, sim.Rule{Fault: f, From: "a", To: "a"})
	}
	rules = append(rules, sim.Rule{Fault: sim.Refuse, To: "a", Nth: 2})
	n, a, _ := two(t, 1, sim.Config{Rules: rules, RecvBuffer: 4 << 10})
	d, err := listenPath(a, chat.Path, poller.SocketFile{})
	if err != nil {
		t.Fatal(err)
	}
	start := n.Now()
	e := dial(t, a, chat)
	n.until("accepted", func() bool { return len(d.ends) == 1 && e.connected })
	x := d.ends[0]
	x.s.Stop()
	e.send(make([]byte, 1<<20))
	n.turn(10 * time.Millisecond)
	x.s.Start()
	n.until("all has arrived", func() bool { return len(x.got) == 1<<20 })
	if took := n.Now().Sub(start); took > 100*time.Millisecond || e.err != nil || x.err != nil {
		t.Errorf("after %v: %v, %v", took, e.err, x.err)
	}
	e = dial(t, a, chat)
	n.until("the second is refused", func() bool { return errors.Is(e.dialErr, syscall.ECONNREFUSED) })
}

// TestPathOfAProgram has one program return without Close, and one that closes its poller.
func TestPathOfAProgram(t *testing.T) {
	for _, closes := range []bool{false, true} {
		n, a, _ := two(t, 1, sim.Config{})
		n.World.Go(a, func(h *sim.Host) error {
			if _, err := listenPath(h, chat.Path, poller.SocketFile{}); err != nil || !closes {
				return err
			}
			return h.Close()
		})
		if err := n.World.Run(); err != nil {
			t.Fatal(err)
		}
		if _, ok := a.Mode(chat.Path); ok == closes {
			t.Errorf("the poller is closed: %v, and the file is there: %v", closes, ok)
		}
	}
}
