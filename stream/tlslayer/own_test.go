package tlslayer

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"syscall"
	"testing"

	"example.com/pike/poller"
)

// inBothWays runs test with tls.Conn and with records of our own: what it asks for is the same.
func inBothWays(t *testing.T, test func(t *testing.T, o Options)) {
	for _, o := range []Options{{}, {OwnRecords: true}} {
		t.Run(fmt.Sprint("own records ", o.OwnRecords), func(t *testing.T) { test(t, o) })
	}
}

func noise(n int) []byte {
	p := make([]byte, n)
	rnd := rand.NewChaCha8([32]byte{byte(n)})
	rnd.Read(p)
	return p
}

// TestOwnRecordsAreUsed says which connections have them: those where they were asked for, of
// servers, of TLS 1.3.
func TestOwnRecordsAreUsed(t *testing.T) {
	older := func(server, client *tls.Config) { server.MaxVersion = tls.VersionTLS12 }
	chosen := func(server, client *tls.Config) {
		own := server.Clone()
		server.Certificates = nil
		server.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return own, nil }
	}
	for _, test := range []struct {
		name   string
		o      Options
		change func(server, client *tls.Config)
		own    bool
	}{
		{"not asked for", Options{}, nil, false},
		{"TLS 1.3", Options{OwnRecords: true}, nil, true},
		{"GetConfigForClient", Options{OwnRecords: true}, chosen, true},
		{"TLS 1.2", Options{OwnRecords: true}, older, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := linked(t, test.o, nil, test.change)
			if own := l.server.records.own != nil; own != test.own || own == (l.server.records.conn != nil) {
				t.Fatalf("own records: %v, want %v", own, test.own)
			}
			if _, err := l.client.Write([]byte("ping")); err != nil {
				t.Fatal(err)
			}
			l.until(t, "ping", func() bool { return string(l.got) == "ping" })
			l.server.Send([][]byte{[]byte("pong")})
			if got := l.read(t, 4); string(got) != "pong" {
				t.Fatalf("%q came back", got)
			}
		})
	}
	if d := Client(&tls.Config{}, &Options{OwnRecords: true}).(*side); d.own != nil {
		t.Error("a client has own records")
	}
}

// TestOwnState has State say the same as without, the exporter of keys included.
func TestOwnState(t *testing.T) {
	inBothWays(t, func(t *testing.T, o Options) {
		l := linked(t, o, nil, func(server, client *tls.Config) {
			server.NextProtos, client.NextProtos, client.ServerName = []string{"x"}, []string{"x"}, "name.test"
		})
		cs, ok := State(layered{l.server})
		if !ok || cs.Version != tls.VersionTLS13 || cs.NegotiatedProtocol != "x" || cs.ServerName != "name.test" || !cs.HandshakeComplete {
			t.Fatalf("%v %+v", ok, cs)
		}
		mine, err := cs.ExportKeyingMaterial("label", []byte("context"), 32)
		if err != nil {
			t.Fatal(err)
		}
		of := l.client.ConnectionState()
		if theirs, err := of.ExportKeyingMaterial("label", []byte("context"), 32); err != nil || !bytes.Equal(mine, theirs) {
			t.Errorf("the client exports another key: %v", err)
		}
	})
}

type layered struct{ s *stream }

func (l layered) Layer() poller.Stream { return l.s }

// TestOwnInPieces has records arrive cut anywhere, with the owner stopping in some of its upcalls.
func TestOwnInPieces(t *testing.T) {
	inBothWays(t, func(t *testing.T, o Options) {
		for seed := range uint64(12) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			l := linked(t, o, nil, nil)
			l.each = func(p []byte) {
				l.got = append(l.got, p...)
				clear(p) // the owner may, and a record that is behind must not mind
				if rnd.IntN(3) == 0 {
					l.server.Stop()
				}
			}
			var want []byte
			for range 40 {
				p := noise(1 + rnd.IntN([]int{10, 3000, 40000}[rnd.IntN(3)]))
				want = append(want, p...)
				if _, err := l.client.Write(p); err != nil {
					t.Fatal(err)
				}
			}
			wire := l.up
			l.up = nil
			for most := []int{1 << 20, 70000, 5000, 7}[seed%4]; len(wire) > 0 || len(l.got) < len(want); {
				if most == 7 && len(wire) > 60000 {
					most = 60000
				} else if most == 60000 {
					most = 7
				}
				n := min(1+rnd.IntN(most), len(wire))
				if l.started { // the stream below has it only if it is wanted
					l.up, wire = append(l.up, wire[:n]...), wire[n:]
				}
				l.settled()
				l.server.Start()
				if l.err != nil {
					t.Fatal(l.err)
				}
			}
			if !bytes.Equal(l.got, want) {
				t.Fatalf("seed %d: %d bytes arrived as others", seed, len(want))
			}
		}
	})
}

// TestOwnSends has what is sent arrive, small and large, while the system takes some or nothing.
func TestOwnSends(t *testing.T) {
	inBothWays(t, func(t *testing.T, o Options) {
		rnd := rand.New(rand.NewPCG(3, 3))
		l := linked(t, o, nil, nil)
		for range 30 {
			var bufs [][]byte
			for range 1 + rnd.IntN(4) {
				bufs = append(bufs, noise(rnd.IntN([]int{10, 2000, 50000}[rnd.IntN(3)])))
			}
			want := bytes.Join(bufs, nil)
			l.full = rnd.IntN(3) == 0
			if l.full && len(want) > 0 && l.server.Send(bufs) {
				t.Fatal("a full system has taken it")
			} else if n := l.server.Unsent(); l.full && n != len(want) {
				t.Fatalf("%d of %d bytes are said to be unsent", n, len(want))
			} else if !l.full {
				l.server.Send(bufs)
			}
			l.full = false
			if got := l.read(t, len(want)); len(want) > 0 && !bytes.Equal(got, want) {
				t.Fatalf("%d bytes arrived as others", len(want))
			}
			l.settled()
		}
	})
}

// TestOwnFlippedBit has a bit of a record turned over: the owner is told, and so is the peer.
func TestOwnFlippedBit(t *testing.T) {
	inBothWays(t, func(t *testing.T, o Options) {
		for bit := range 8 * (5 + 4 + 17) {
			if bit%7 != 0 {
				continue
			}
			l := linked(t, o, nil, nil)
			l.client.Write([]byte("one"))
			l.until(t, "the first", func() bool { return len(l.got) == 3 })
			l.client.Write([]byte("four"))
			l.up[bit/8] ^= 1 << (bit % 8)
			if bit/8 == 3 || bit/8 == 4 { // its length: what follows makes it whole
				l.up = append(l.up, make([]byte, 17<<10)...)
			}
			l.until(t, "an error", func() bool { return l.err != nil })
			if e, ok := errors.AsType[*Error](l.err); !ok || e.Step != "read" || len(l.got) != 3 {
				t.Fatalf("bit %d: %q, then %v", bit, l.got, l.err)
			}
			if o.OwnRecords {
				_, alert := errors.AsType[tls.AlertError](l.err)
				if _, header := errors.AsType[tls.RecordHeaderError](l.err); !alert && !header {
					t.Fatalf("bit %d: neither an alert nor a header in %v", bit, l.err)
				}
			}
			l.server.Reset()
			l.settled()
			if l.reset {
				t.Fatal("a reset, which takes the alert with it")
			}
			if _, err := l.client.Read(make([]byte, 1)); err == nil || err == io.EOF {
				t.Fatalf("bit %d: the client is told %v", bit, err)
			}
		}
	})
}

// TestOwnEnds tells close_notify from an end without, also in the midst of a record and with the
// owner stopped.
func TestOwnEnds(t *testing.T) {
	inBothWays(t, func(t *testing.T, o Options) {
		for _, stopped := range []bool{false, true} {
			for _, left := range []int{-1, 0, 1, 5, 20} { // bytes of the last record; -1 is close_notify
				l := linked(t, o, nil, nil)
				if stopped {
					l.server.Stop()
				}
				l.client.Write([]byte("all"))
				switch n := len(l.up); {
				case left < 0:
					l.client.CloseWrite()
				case left > 0:
					l.client.Write([]byte("none"))
					l.up = l.up[:n+left]
				}
				otherEnd{l.channel}.Close()
				l.settled()
				if stopped {
					if len(l.got) > 0 {
						t.Fatal("data came while stopped")
					}
					l.server.Start()
				}
				l.until(t, "the end", func() bool { return l.err != nil })
				if string(l.got) != "all" || (left < 0) != (l.err == io.EOF) || (left >= 0) != errors.Is(l.err, io.ErrUnexpectedEOF) {
					t.Fatalf("stopped %v, %d bytes left: %q, then %v", stopped, left, l.got, l.err)
				}
				if left < 0 { // half closed: the other way goes on
					l.server.Send([][]byte{[]byte("later")})
					l.server.Shutdown()
					if got := l.read(t, 5); string(got) != "later" {
						t.Fatalf("%q", got)
					}
					if _, err := l.client.Read(make([]byte, 1)); err != io.EOF {
						t.Fatalf("our close_notify is %v", err)
					}
				}
			}
		}
	})
}

// TestOwnWatchEnd has the owner stopped, and told the end alone: data before it waits, a short one opened and a long
// one as it came.
func TestOwnWatchEnd(t *testing.T) {
	inBothWays(t, func(t *testing.T, o Options) {
		for _, before := range [][]int{nil, {3}, {3, 3}, {40}, {maxPlaintext}, {3, 40}} {
			for _, most := range []int{1, 7, 1 << 20} { // bytes at a time
				l := linked(t, o, nil, nil)
				l.server.Stop()
				l.server.WatchEnd()
				var want []byte
				for _, n := range before {
					p := noise(n)
					want = append(want, p...)
					l.client.Write(p)
				}
				l.client.CloseWrite()
				wire := l.up
				feed := func() {
					for l.settled(); len(wire) > 0 && l.started; l.settled() {
						n := min(most, len(wire))
						l.up, wire = wire[:n:n], wire[n:]
					}
				}
				if l.up = nil; most == 1 && len(wire) > 1000 {
					most = 100
				}
				feed()
				if (l.err == io.EOF) != (len(before) == 0) || len(l.got) > 0 {
					t.Fatalf("before the end are %v: %d bytes, and %v", before, len(l.got), l.err)
				}
				if len(before) > 0 {
					l.server.Start()
					feed()
				}
				if l.err != io.EOF || !bytes.Equal(l.got, want) {
					t.Fatalf("of %v are %d bytes there, and then %v", before, len(l.got), l.err)
				}
			}
		}
	})
}

// TestOwnLossBehindData has the connection lost while the owner is stopped: what came before is told first.
func TestOwnLossBehindData(t *testing.T) {
	inBothWays(t, func(t *testing.T, o Options) {
		for _, n := range []int{0, 3, 40} {
			l := linked(t, o, nil, nil)
			l.server.Stop()
			l.server.WatchEnd()
			want := noise(n)
			l.client.Write(want)
			l.settled()
			l.owner.Received(nil, syscall.ECONNRESET)
			l.settled()
			if (l.err != nil) != (n == 0) || len(l.got) > 0 {
				t.Fatalf("behind %d bytes: %d were told, and %v", n, len(l.got), l.err)
			}
			l.server.Start()
			l.settled()
			if !errors.Is(l.err, syscall.ECONNRESET) || !bytes.Equal(l.got, want) {
				t.Fatalf("of %d bytes %d were told, and then %v", n, len(l.got), l.err)
			}
		}
	})
}

// TestOwnKeptAllocatesNothing has the owner stop with records behind, the last of them cut.
func TestOwnKeptAllocatesNothing(t *testing.T) {
	const runs = 30
	l, records := echoing(t, Options{OwnRecords: true}, nil, maxPlaintext, 6*(runs+2))
	send, stop := l.each, false
	l.each = func(p []byte) {
		if send(p); stop {
			l.server.Stop()
		}
	}
	for i := range runs + 2 {
		records[i] = bytes.Join(records[6*i:6*i+6], nil)
	}
	i := 0
	if got := testing.AllocsPerRun(runs, func() {
		all := records[i]
		i++
		cut := len(all) - 15400 // what is kept then leaves no room for the rest in its buffer
		stop = true
		l.owner.Received(all[:cut], nil)
		stop = false
		l.server.Start()
		l.settled()
		l.owner.Received(all[cut:], nil)
		l.settled()
	}); got != 0 || l.err != nil || len(l.down) < 6*runs*maxPlaintext {
		t.Errorf("%v allocations, %d bytes sent, %v", got, len(l.down), l.err)
	}
}

// TestOwnSecretsAreWiped has Closed end what can be opened.
func TestOwnSecretsAreWiped(t *testing.T) {
	l := linked(t, Options{OwnRecords: true}, nil, nil)
	l.client.Write([]byte("late"))
	rec := l.up
	l.server.Close()
	l.owner.Closed()
	if _, err := l.server.records.own.Open(rec); err != net.ErrClosed {
		t.Fatalf("after Closed a record is opened: %v", err)
	}
}

// echoing is a link that gives back what it gets, and the records of a client to feed it with.
func echoing(t testing.TB, o Options, env *surroundings, size, n int) (l *link, records [][]byte) {
	l = linked(t, o, env, func(server, client *tls.Config) {
		client.CurvePreferences = []tls.CurveID{tls.X25519}
	})
	one := [][]byte{nil}
	l.each = func(p []byte) {
		one[0] = p
		if !l.server.Send(one) {
			t.Fatal("a Send was not done")
		}
	}
	p := noise(size)
	for range n {
		l.client.Write(p)
		records = append(records, bytes.Clone(l.up))
		l.up = l.up[:0]
	}
	l.down = make([]byte, 0, n*(size+100))
	return l, records
}

// TestOwnEchoAllocatesNothing counts what a record costs, whole and cut.
func TestOwnEchoAllocatesNothing(t *testing.T) {
	for _, size := range []int{64, maxPlaintext} {
		l, records := echoing(t, Options{OwnRecords: true}, nil, size, 600)
		i := 0
		echo := func(cut int) func() {
			return func() {
				rec := records[i]
				i++
				l.owner.Received(rec[:cut], nil)
				l.owner.Received(rec[cut:], nil)
				l.settled()
			}
		}
		for _, cut := range []int{0, 3, 40} {
			if got := testing.AllocsPerRun(150, echo(cut)); got != 0 {
				t.Errorf("%d bytes, cut at %d: %v allocations", size, cut, got)
			}
		}
		if l.err != nil || len(l.down) < 450*size {
			t.Fatal("no echo: ", l.err, len(l.down))
		}
	}
}

// TestOwnMemory measures what an idle connection holds.
func TestOwnMemory(t *testing.T) {
	const n = 100
	per := func(o Options, size int) int {
		env := &surroundings{local: map[any]any{}}
		kept := make([]*stream, n)
		var before, after runtime.MemStats
		poolOf(env, 0)
		for i := range n + 1 {
			if i == 1 { // the first has filled the pools
				runtime.GC()
				runtime.ReadMemStats(&before)
			}
			l, records := echoing(t, o, env, size, 1)
			l.owner.Received(records[0], nil)
			l.settled()
			if i > 0 {
				kept[i-1] = l.server
				l.server.below, l.server.above, l.server.wire.in = nil, nil, nil // the test's own
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(kept)
		return int(after.HeapAlloc-before.HeapAlloc) / n
	}
	for _, size := range []int{64, maxPlaintext} {
		own, standard := per(Options{OwnRecords: true}, size), per(Options{}, size)
		t.Logf("after a record of %d: %d bytes, with tls.Conn %d", size, own, standard)
		if own > 3<<10 {
			t.Errorf("%d bytes an idle connection after a record of %d", own, size)
		}
	}
}
