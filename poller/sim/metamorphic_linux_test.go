package sim_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"testing"

	"example.com/pike/poller"
	"example.com/pike/poller/sim"
	"example.com/pike/poller/system"
)

// TestSameAsTheSystem runs random scripts on the real system and on the simulator
// without faults: each end of a connection must receive the same bytes and be told
// the same, in the same order. It is what holds the model of streams to Linux.
func TestSameAsTheSystem(t *testing.T) {
	n := uint64(20)
	if testing.Short() {
		n = 5
	}
	for seed := range n {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			p, err := system.Open("")
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			actual := script(t, p, seed)
			simulated := script(t, sim.New(seed, sim.Config{}).Host("host"), seed)
			if actual != simulated {
				t.Errorf("on the system:\n%s\nand simulated:\n%s", actual, simulated)
			}
		})
	}
}

// A diary is an end that writes down what it is told.
type diary struct {
	end
	lines []string
	news  bool
}

func (d *diary) write(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) Connected(err error) {
	d.end.Connected(err)
	d.write("connected: %s", word(err))
}

// Received says nothing of pieces, which are the system's.
func (d *diary) Received(p []byte, err error) {
	d.news = true
	d.end.Received(p, err)
	if err != nil {
		d.write("received %d bytes, then %s", len(d.got), word(err))
	}
}

// Sent is only telling where it fails: whether a Send is done at once is the
// system's affair.
func (d *diary) Sent(err error) {
	d.news = true
	d.end.Sent(err)
	if err != nil {
		d.write("sent: %s", word(err))
	}
}

func (d *diary) Closed() {
	d.end.Closed()
	d.write("closed, after %d bytes: %x", len(d.got), d.got)
}

// word is an error without what only some backends say.
func word(err error) string {
	for _, e := range []error{io.EOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	return fmt.Sprint(err)
}

// An inn hands out diaries.
type inn struct{ guest *diary }

func (n *inn) Accepted(s poller.Stream) poller.StreamHandler {
	n.guest = &diary{end: end{s: s, connected: true}}
	return n.guest
}

func (n *inn) Failed(error) {}
func (n *inn) Closed()      {}

// script does 60 things at random to both ends of a connection, each after all
// that followed from the one before, and returns both diaries.
func script(t *testing.T, p poller.Poller, seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	n, dialed := new(inn), new(diary)
	ln, err := p.Listen(at("127.0.0.1", 0), nil, n)
	if err != nil {
		t.Fatal(err)
	}
	ln.Start()
	if dialed.s, err = p.Dial(ln.Addr(), nil, dialed); err != nil {
		t.Fatal(err)
	}
	for n.guest == nil || !dialed.connected {
		if err := p.Poll(p.Now() + 1e6); err != nil {
			t.Fatal(err)
		}
	}
	ends := []*diary{dialed, n.guest}
	for range 60 {
		ending := ends[rng.IntN(2)].act(rng)
		settle(t, p, ends, ending)
	}
	for _, e := range ends {
		e.s.Start()
	}
	settle(t, p, ends, true)
	for _, e := range ends {
		e.s.Close()
	}
	settle(t, p, ends, true)
	return strings.Join(dialed.lines, "\n") + "\n--\n" + strings.Join(n.guest.lines, "\n")
}

// settle polls until nothing has happened for two milliseconds and the peers have
// acknowledged what was sent. Loopback delivers within the call that sends, but on a machine
// that is busy with it a kernel thread does later (ksoftirqd), which may take long. What is
// not acknowledged for five times as long does not fit, and an end of the connection, which
// nobody acknowledges, is given that time.
func settle(t *testing.T, p poller.Poller, ends []*diary, ending bool) {
	t.Helper()
	const pause, patience = 2e6, 10e6
	before, since := -1, p.Now()
	for {
		news, unacked := false, 0
		for deadline := p.Now() + pause; p.Now() < deadline; {
			if err := p.Poll(deadline); err != nil {
				t.Fatal(err)
			}
		}
		for _, e := range ends {
			news = news || e.news
			e.news = false
			if a, ok := e.s.(poller.Acker); ok {
				unacked += a.Unacked()
			}
		}
		if news || unacked != before {
			before, since = unacked, p.Now()
		}
		if wait := unacked > 0 || ending; !news && (!wait || p.Now()-since >= patience) {
			return
		}
	}
}

// act draws the same numbers on every backend, whatever it then does, and reports
// whether it may have ended something.
func (d *diary) act(rng *rand.Rand) (ending bool) {
	what, size, rarely := rng.IntN(22), rng.IntN(3000), rng.IntN(4) == 0
	switch {
	case what < 6:
		d.s.Start()
	case what < 8:
		d.s.Stop()
	case what < 16 && !d.sending && !d.closed:
		b := pattern(size)
		d.sending = !d.s.Send([][]byte{b[:size/3], b[size/3:]})
	case what < 18 && !d.sending && !d.closed:
		d.s.TrySend(pattern(size / 100))
	case what == 19 && rarely:
		d.s.Shutdown()
		return true
	case what == 20 && rarely:
		d.s.Close()
		return true
	case what == 21 && rarely:
		d.s.Reset()
		return true
	}
	return false
}
